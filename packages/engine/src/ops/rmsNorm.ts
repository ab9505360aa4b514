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
    k.rows(rows, r => {
      const input = x.from(r.mul(n))
      const output = y.from(r.mul(n))
      const scale = inverseRms(k, input, n, eps)
      k.lanes(n, i => output.set(i, input.at(i).mul(scale).mul(w.at(i))))
    })
  },
  work: ({ rows, n }) => 2 * rows * n,
})

/**
 * With s = 1/rms(x[r,:]): dx[r,i] += s·(w[i]·dy[r,i] − x[r,i]·s²·mean_j(dy[r,j]·w[j]·x[r,j])).
 * x, dy, dx: [rows, n]; w: [n].
 */
const backwardInput = kernel({
  name: 'rmsNorm.backwardInput',
  params: { x: f32s, w: f32s, dy: f32s, dx: f32s, rows: i32, n: i32, eps: f32 },
  reference({ x, w, dy, dx, rows, n, eps }) {
    for (let r = 0; r < rows; r++) {
      let sum = 0
      let dot = 0
      for (let i = 0; i < n; i++) {
        sum += x[r * n + i]! ** 2
        dot += dy[r * n + i]! * w[i]! * x[r * n + i]!
      }
      const scale = 1 / Math.sqrt(sum / n + eps)
      const shared = (dot / n) * scale * scale
      for (let i = 0; i < n; i++) dx[r * n + i]! += scale * (w[i]! * dy[r * n + i]! - x[r * n + i]! * shared)
    }
  },
  build(k, { x, w, dy, dx, rows, n, eps }) {
    k.rows(rows, r => {
      const [input, upstream, result] = [x, dy, dx].map(rowsOf => rowsOf.from(r.mul(n))) as [Reals, Reals, Reals]
      const scale = inverseRms(k, input, n, eps)
      const dot = k.sum(n, i => upstream.at(i).mul(w.at(i)).mul(input.at(i)))
      const shared = dot.div(n.toReal()).mul(scale).mul(scale)
      k.lanes(n, i => {
        const term = w.at(i).mul(upstream.at(i)).sub(input.at(i).mul(shared))
        result.set(i, term.mulAdd(scale, result.at(i)))
      })
    })
  },
  work: ({ rows, n }) => 4 * rows * n,
})

/** dw[i] += Σ_r dy[r,i]·x[r,i]/rms(x[r,:]). x, dy: [rows, n]; dw: [n]. */
const backwardWeight = kernel({
  name: 'rmsNorm.backwardWeight',
  params: { x: f32s, dy: f32s, dw: f32s, rows: i32, n: i32, eps: f32 },
  reference({ x, dy, dw, rows, n, eps }) {
    for (let r = 0; r < rows; r++) {
      let sum = 0
      for (let i = 0; i < n; i++) sum += x[r * n + i]! ** 2
      const scale = 1 / Math.sqrt(sum / n + eps)
      for (let i = 0; i < n; i++) dw[i]! += dy[r * n + i]! * x[r * n + i]! * scale
    }
  },
  build(k, { x, dy, dw, rows, n, eps }) {
    // Every row's scale first, then each thread sums its own columns over all rows.
    k.rows(rows, r => k.shared.set(r, inverseRms(k, x.from(r.mul(n)), n, eps)))
    k.barrier()
    k.share(n, 16, (from, to) => {
      k.loop(0, rows, r => {
        const [input, upstream] = [x, dy].map(rowsOf => rowsOf.from(r.mul(n))) as [Reals, Reals]
        const scale = k.shared.at(r)
        k.lanesFrom(from, to, i => dw.set(i, upstream.at(i).mul(scale).mulAdd(input.at(i), dw.at(i))))
      })
    })
  },
  work: ({ rows, n }) => 3 * rows * n,
  scratch: ({ rows }) => ({ shared: rows }),
})

export const rmsNormKernels = [forward, backwardInput, backwardWeight]

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
    if (x.requiresGrad) x.device.run(backwardInput, { x, w, dy, dx: tape.gradient(x), rows, n, eps })
    if (w.requiresGrad) x.device.run(backwardWeight, { x, dy, dw: tape.gradient(w), rows, n, eps })
  })
  return y
}
