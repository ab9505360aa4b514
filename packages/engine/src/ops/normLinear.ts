import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { f32, f32s, i32, kernel } from '../kernel/kernel.ts'
import type { Int, Reals } from '../kernel/language.ts'
import { panelColumns, weightProduct } from '../kernel/product/panels.ts'
import { decodingRows, rowProductScratch, rowsAt } from '../kernel/product/rows.ts'
import type { Tensor } from '../tensor.ts'
import { linear } from './linear.ts'
import { weightKernel } from './narrowWeights.ts'
import { normalise, rmsNorm } from './rmsNorm.ts'

/**
 * With x̂[r,:] = x[r,:] / rms(x[r,:]) · norm: y[r,j] = w[j,:]·x̂[r,:] and z[r,j] = v[j,:]·x̂[r,:]; for a few rows. A thread
 * normalises all rows for itself, which costs less than waiting for another. x: [rows, k]; norm: [k]; w: [n, k];
 * y: [rows, n]; v: [m, k]; z: [rows, m].
 */
const forward = kernel({
  name: 'normLinear',
  params: { x: f32s, norm: f32s, w: f32s, y: f32s, v: f32s, z: f32s, rows: i32, k: i32, n: i32, m: i32, eps: f32 },
  reference({ x, norm, w, y, v, z, rows, k, n, m, eps }) {
    for (let r = 0; r < rows; r++) {
      let sum = 0
      for (let p = 0; p < k; p++) sum += x[r * k + p]! ** 2
      const scale = 1 / Math.sqrt(sum / k + eps)
      for (const [weights, outputs, count] of [[w, y, n] as const, [v, z, m] as const]) {
        for (let j = 0; j < count; j++) {
          let dot = 0
          for (let p = 0; p < k; p++) dot += weights[j * k + p]! * x[r * k + p]! * scale * norm[p]!
          outputs[r * count + j] = dot
        }
      }
    }
  },
  build(k, { x, norm, w, y, v, z, rows, k: depth, n, m, eps }) {
    const blocks = n.ceilDiv(panelColumns)
    // Outside of tasks: once for each thread.
    const normed = k.own
    const scratch = normed.from(rows.mul(depth))
    k.loop(0, rows, r => normalise(k, x.from(r.mul(depth)), norm, normed.from(r.mul(depth)), depth, eps))
    k.share(blocks.add(m.ceilDiv(panelColumns)), 1, (first, last) => {
      const columns = (weights: Reals, outputs: Reals, count: Int, from: Int, to: Int) => {
        const part = { from: from.min(count), to: to.min(count) }
        const places = { a: rowsAt(normed, depth), c: rowsAt(outputs, count), scratch }
        weightProduct(k, { b: weights, depth, ...part, ...places, m: rows, add: k.int(0) })
      }
      columns(w, y, n, first.min(blocks).mul(panelColumns), last.min(blocks).mul(panelColumns))
      columns(v, z, m, first.max(blocks).sub(blocks).mul(panelColumns), last.max(blocks).sub(blocks).mul(panelColumns))
    })
  },
  work: ({ rows, k, n, m }) => 2 * rows * k * (n + m),
  scratch: ({ rows, k }) => ({ perThread: rows * k + rowProductScratch }),
})

const fewRowsForward = weightKernel(forward, { w: ({ n, k }) => [n, k], v: ({ m, k }) => [m, k] })

export const normLinearKernels = fewRowsForward.kernels

/** A projection: weight [out, in] and bias [out]. */
export interface Projection {
  weight: Tensor
  bias?: Tensor | undefined
}

/** Projections of a normalised input: rmsNorm(x)·wᵀ + bias. x: [rows, in]; norm: [in]; returns [rows, out] for each. */
export function normLinear(x: Tensor, norm: Tensor, eps: number, projections: readonly Projection[]): Tensor[] {
  const [rows, k] = x.shape as [number, number]
  for (const { weight } of projections) {
    requireShape(
      norm.size === k && weight.shape[1] === k,
      () => `normLinear: norm [${norm.shape}] and weight [${weight.shape}] do not fit the input [${x.shape}]`,
    )
  }
  const tensors = projections.flatMap(({ weight, bias }) => (bias ? [weight, bias] : [weight]))
  if (rows > decodingRows || projections.some(({ bias }) => bias) || tapeOf(x, norm, ...tensors)) {
    const normed = rmsNorm(x, norm, eps)
    return projections.map(({ weight, bias }) => linear(normed, weight, bias))
  }
  const outputs = projections.map(({ weight }) => x.device.temporary([rows, weight.shape[0]!]))
  // Two at a time; an odd one is its own partner, of which nothing is computed.
  for (let i = 0; i < projections.length; i += 2) {
    const [w, v = w] = [projections[i]!.weight, projections[i + 1]?.weight]
    const [y, z = y] = [outputs[i]!, outputs[i + 1]]
    const [n, m] = [y.shape[1]!, z === y ? 0 : z.shape[1]!]
    fewRowsForward.run(x.device, { x, norm, w, y, v, z, rows, k, n, m, eps })
  }
  return outputs
}
