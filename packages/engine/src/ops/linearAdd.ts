import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { f32s, i32, kernel } from '../kernel/kernel.ts'
import { panelColumns, weightProduct } from '../kernel/product/panels.ts'
import { decodingRows, rowProductScratch, rowsAt } from '../kernel/product/rows.ts'
import type { Tensor } from '../tensor.ts'
import { sumBackward } from './add.ts'
import { project, projectBackward } from './linear.ts'
import { weightKernel } from './narrowWeights.ts'
import { accumulate } from './scale.ts'

/** y[r,j] = residual[r,j] + w[j,:]·x[r,:]. x: [rows, k]; w: [n, k]; residual, y: [rows, n]. For a few rows. */
const forward = kernel({
  name: 'linearAdd',
  params: { x: f32s, w: f32s, residual: f32s, y: f32s, rows: i32, n: i32, k: i32 },
  reference({ x, w, residual, y, rows, n, k }) {
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < n; j++) {
        let sum = residual[r * n + j]!
        for (let p = 0; p < k; p++) sum += w[j * k + p]! * x[r * k + p]!
        y[r * n + j] = sum
      }
    }
  },
  build(k, { x, w, residual, y, rows, n, k: depth }) {
    k.share(n, panelColumns, (from, to) => {
      k.loop(0, rows, r => {
        const [before, output] = [residual.from(r.mul(n)), y.from(r.mul(n))]
        k.lanesFrom(from, to, j => output.set(j, before.at(j)))
      })
      const places = { a: rowsAt(x, depth), c: rowsAt(y, n), scratch: k.own }
      weightProduct(k, { ...places, b: w, depth, from, to, m: rows, add: k.int(1) })
    })
  },
  work: ({ rows, n, k }) => 2 * rows * n * k,
  scratch: () => ({ perThread: rowProductScratch }),
})

const fewRowsForward = weightKernel(forward, { w: ({ n, k }) => [n, k] })

export const linearAddKernels = fewRowsForward.kernels

/** residual + x·wᵀ + bias: a projection back into the residual stream. x: [rows, in]; w: [out, in]; residual: [rows, out]. */
export function linearAdd(x: Tensor, w: Tensor, residual: Tensor, bias?: Tensor): Tensor {
  const [rows, k] = x.shape as [number, number]
  const n = w.shape[0]!
  requireShape(
    w.shape[1] === k && residual.shape.join() === [rows, n].join(),
    () =>
      `linearAdd: weight [${w.shape}] does not fit the input [${x.shape}] and what it is added to, [${residual.shape}]`,
  )
  const { device } = x
  const tape = tapeOf(x, w, bias, residual)
  if (rows <= decodingRows && !bias && !tape) {
    const y = device.temporary([rows, n])
    fewRowsForward.run(device, { x, w, residual, y, rows, n, k })
    return y
  }
  const y = project(x, { w, bias })
  device.run(accumulate, { x: residual, y, n: y.size, factor: 1, add: 1 })
  tape?.record(y, () => {
    const dy = tape.gradient(y)
    projectBackward(tape, dy, x, { w, bias })
    sumBackward(tape, dy, [residual])
  })
  return y
}
