import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { f32, f32s, i32, kernel } from '../kernel/kernel.ts'
import type { Builder, Int, Real, Reals } from '../kernel/language.ts'
import type { Tensor } from '../tensor.ts'

/** 1 / rms of one row of n numbers. */
const inverseRms = (k: Builder, row: Reals, n: Int, eps: Real): Real => {
  const mean = k.dot(n, i => [row.at(i), row.at(i)]).div(n.toReal())
  return k.real(1).div(mean.add(eps).sqrt())
}

/** y[i] = x[i] / rms(x) · w[i] for one row of n numbers. */
export function normalise(k: Builder, x: Reals, w: Reals, y: Reals, n: Int, eps: Real): void {
  const scale = inverseRms(k, x, n, eps)
  k.lanes(n, i => y.set(i, x.at(i).mul(scale).mul(w.at(i))))
}

/** y[r,i] = x[r,i] / rms(x[r,:]) · w[i], rms over i with eps inside the root. x, y: [rows, n]; w: [n]. */
const forward = kernel({
  name: 'rmsNorm',
  params: { x: f32s, w: f32s, y: f32s, rows: i32, n: i32, eps: f32 },
  reference({ x, w, y, rows, n, eps }) {
    for (let r = 0; r < rows; r++) {
      let sum = 0
      for (let i = 0; i < n; i++) sum += x[r * n + i]! ** 2
      const scale = 1 / Math.sqrt(sum / n + eps)
      for (let i = 0; i < n; i++) y[r * n + i] = x[r * n + i]! * scale * w[i]!
    }
  },
  build(k, { x, w, y, rows, n, eps }) {
    k.rows(rows, r => normalise(k, x.from(r.mul(n)), w, y.from(r.mul(n)), n, eps))
  },
  work: ({ rows, n }) => 2 * rows * n,
})

/** Rows whose share of the weight's gradient one task sums: fixed, so that the result does not depend on the threads. */
const blockRows = 32

/**
 * With s = 1/rms(x[r,:]): dx[r,i] (add ? += : =) s·(w[i]·dy[r,i] − x[r,i]·s²·mean_j(dy[r,j]·w[j]·x[r,j])) and
 * dw[i] += Σ_r dy[r,i]·x[r,i]·s. x, dy, dx: [rows, n]; w, dw: [n].
 */
const backward = kernel({
  name: 'rmsNorm.backward',
  params: { x: f32s, w: f32s, dy: f32s, dx: f32s, dw: f32s, rows: i32, n: i32, eps: f32, add: i32 },
  reference({ x, w, dy, dx, dw, rows, n, eps, add }) {
    for (let r = 0; r < rows; r++) {
      let sum = 0
      let dot = 0
      for (let i = 0; i < n; i++) {
        sum += x[r * n + i]! ** 2
        dot += dy[r * n + i]! * w[i]! * x[r * n + i]!
      }
      const scale = 1 / Math.sqrt(sum / n + eps)
      const shared = (dot / n) * scale * scale
      for (let i = 0; i < n; i++) {
        const at = r * n + i
        dx[at] = (add ? dx[at]! : 0) + scale * (w[i]! * dy[at]! - x[at]! * shared)
        dw[i]! += dy[at]! * x[at]! * scale
      }
    }
  },
  build(k, { x, w, dy, dx, dw, rows, n, eps, add }) {
    // Each task sums the gradient of the weight over its own rows; then the sums of all tasks are added, in order.
    const blocks = rows.ceilDiv(blockRows)
    k.rows(blocks, block => {
      const first = block.mul(blockRows)
      const share = k.shared.from(block.mul(n))
      k.lanes(n, i => share.set(i, 0))
      k.loop(first, first.add(blockRows).min(rows), r => {
        const [input, upstream, result] = [x, dy, dx].map(rowsOf => rowsOf.from(r.mul(n))) as [Reals, Reals, Reals]
        const scale = inverseRms(k, input, n, eps)
        const dot = k.dot(n, i => [upstream.at(i).mul(w.at(i)), input.at(i)])
        const shared = dot.div(n.toReal()).mul(scale).mul(scale)
        const columns = (adds: boolean) => () =>
          k.lanes(n, i => {
            const [value, gradient] = [input.at(i), upstream.at(i)]
            const term = w.at(i).mul(gradient).sub(value.mul(shared))
            result.set(i, adds ? term.mulAdd(scale, result.at(i)) : term.mul(scale))
            share.set(i, gradient.mul(scale).mulAdd(value, share.at(i)))
          })
        k.if(add.ne(0), columns(true), columns(false))
      })
    })
    k.barrier()
    k.share(n, 16, (from, to) => {
      k.loop(0, blocks, block => {
        const share = k.shared.from(block.mul(n))
        k.lanesFrom(from, to, i => dw.set(i, dw.at(i).add(share.at(i))))
      })
    })
  },
  work: ({ rows, n }) => 6 * rows * n,
  scratch: ({ rows, n }) => ({ shared: Math.ceil(rows / blockRows) * n }),
})

export const rmsNormKernels = [forward, backward]

/**
 * Root-mean-square normalisation over the last axis (Zhang & Sennrich 2019, eq. 4).
 * x: [..., n]; w: [n]; returns the shape of x.
 */
export function rmsNorm(x: Tensor, w: Tensor, eps: number): Tensor {
  const n = w.size
  requireShape(n > 0 && x.shape.at(-1) === n, () => `rmsNorm: weight [${w.shape}] does not fit the input [${x.shape}]`)
  const rows = x.size / n
  const y = x.device.temporary(x.shape)
  x.device.run(forward, { x, w, y, rows, n, eps })
  const tape = tapeOf(x, w)
  tape?.record(y, () => {
    const dy = tape.gradient(y)
    const { gradient, add } = tape.sink(x)
    const dw = w.requiresGrad ? tape.gradient(w) : x.device.temporary(w.shape)
    x.device.run(backward, { x, w, dy, dx: gradient, dw, rows, n, eps, add })
  })
  return y
}
