import { type Tape, tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { type Arguments, f32s, i32, kernel } from '../kernel/kernel.ts'
import { panelColumns, weightProduct } from '../kernel/product/panels.ts'
import { decodingRows, rowProductScratch, rowsAt } from '../kernel/product/rows.ts'
import type { Tensor } from '../tensor.ts'
import { matmul } from './matmul.ts'
import { weightKernel } from './narrowWeights.ts'
import { depthParts, unsharedMatmul } from './unsharedMatmul.ts'

/** y[r,j] += bias[j]. y: [rows, n]; bias: [n]. */
const addBias = kernel({
  name: 'linear.addBias',
  params: { y: f32s, bias: f32s, rows: i32, n: i32 },
  reference({ y, bias, rows, n }) {
    for (let r = 0; r < rows; r++) for (let j = 0; j < n; j++) y[r * n + j]! += bias[j]!
  },
  build(k, { y, bias, rows, n }) {
    k.rows(rows, r => {
      const output = y.from(r.mul(n))
      k.lanes(n, i => output.set(i, output.at(i).add(bias.at(i))))
    })
  },
  work: ({ rows, n }) => rows * n,
})

/** dbias[j] += Σ_r dy[r,j]. dy: [rows, n]; dbias: [n]. */
const backwardBias = kernel({
  name: 'linear.backwardBias',
  params: { dy: f32s, dbias: f32s, rows: i32, n: i32 },
  reference({ dy, dbias, rows, n }) {
    for (let r = 0; r < rows; r++) for (let j = 0; j < n; j++) dbias[j]! += dy[r * n + j]!
  },
  build(k, { dy, dbias, rows, n }) {
    k.share(n, 16, (from, to) => {
      k.loop(0, rows, r => {
        const upstream = dy.from(r.mul(n))
        k.lanesFrom(from, to, i => dbias.set(i, dbias.at(i).add(upstream.at(i))))
      })
    })
  },
  work: ({ rows, n }) => rows * n,
})

/** y[r,j] = w[j,:]·x[r,:] of a few rows. x: [rows, k]; w: [n, k]; y: [rows, n]. */
const forward = kernel({
  name: 'linear',
  params: { x: f32s, w: f32s, y: f32s, rows: i32, n: i32, k: i32 },
  reference({ x, w, y, rows, n, k }) {
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < n; j++) {
        let sum = 0
        for (let p = 0; p < k; p++) sum += w[j * k + p]! * x[r * k + p]!
        y[r * n + j] = sum
      }
    }
  },
  build(k, { x, w, y, rows, n, k: depth }) {
    k.share(n, panelColumns, (from, to) => {
      const places = { a: rowsAt(x, depth), c: rowsAt(y, n), scratch: k.own }
      weightProduct(k, { ...places, b: w, depth, from, to, m: rows, add: k.int(0) })
    })
  },
  work: ({ rows, n, k }) => 2 * rows * n * k,
  scratch: () => ({ perThread: rowProductScratch }),
})

const fewRowsForward = weightKernel(forward, { w: ({ n, k }) => [n, k] })

export const linearKernels = [addBias, backwardBias, ...fewRowsForward.kernels]

/** Runs one product by the kernel that is best for its shape. */
function runProduct(args: Arguments<typeof matmul.params>): void {
  const { a, m, n, k, aCol } = args
  const parts = m <= decodingRows && aCol === 1 ? 0 : depthParts(m, n, k)
  if (parts > 0) a.device.run(unsharedMatmul, { ...args, parts })
  else a.device.run(matmul, args)
}

/** y = x·wᵀ. x: [rows, k]; w: [n, k]; y: [rows, n]. */
export function multiplyTransposed(x: Tensor, w: Tensor, y: Tensor, rows: number, n: number, k: number): void {
  if (rows <= decodingRows) {
    fewRowsForward.run(x.device, { x, w, y, rows, n, k })
    return
  }
  const strides = { aBatch: 0, aRow: k, aCol: 1, bBatch: 0, bRow: 1, bCol: k, cBatch: 0, cRow: n }
  runProduct({ a: x, b: w, c: y, batch: 1, m: rows, n, k, ...strides, add: 0 })
}

/** dx (add ? += : =) dy·w. dy: [rows, n]; w: [n, k]; dx: [rows, k]. */
export function multiply(dy: Tensor, w: Tensor, dx: Tensor, rows: number, n: number, k: number, add: 0 | 1): void {
  const strides = { aBatch: 0, aRow: n, aCol: 1, bBatch: 0, bRow: k, bCol: 1, cBatch: 0, cRow: k }
  runProduct({ a: dy, b: w, c: dx, batch: 1, m: rows, n: k, k: n, ...strides, add })
}

/** dw += dyᵀ·x. dy: [rows, n]; x: [rows, k]; dw: [n, k]. */
export function addOuter(dy: Tensor, x: Tensor, dw: Tensor, rows: number, n: number, k: number): void {
  const strides = { aBatch: 0, aRow: 1, aCol: n, bBatch: 0, bRow: k, bCol: 1, cBatch: 0, cRow: k }
  runProduct({ a: dy, b: x, c: dw, batch: 1, m: n, n: k, k: rows, ...strides, add: 1 })
}

/** The weights of a projection. w: [out, in]; bias: [out]. */
export interface Projection {
  w: Tensor
  bias: Tensor | undefined
}

/** y = x·wᵀ + bias over the last axis. x: [..., in]; w: [out, in]; bias: [out]; returns [..., out]. */
export function linear(x: Tensor, w: Tensor, bias?: Tensor): Tensor {
  const y = project(x, { w, bias })
  const tape = tapeOf(x, w, bias)
  tape?.record(y, () => projectBackward(tape, tape.gradient(y), x, { w, bias }))
  return y
}

/** `linear` without the tape. */
export function project(x: Tensor, { w, bias }: Projection): Tensor {
  const [n, k] = w.shape as [number, number]
  requireShape(
    w.shape.length === 2 && x.shape.at(-1) === k,
    () => `linear: weight [${w.shape}] does not fit the input [${x.shape}]`,
  )
  requireShape(!bias || bias.size === n, () => `linear: bias [${bias?.shape}] does not fit the weight [${w.shape}]`)
  const rows = x.size / k
  const y = x.device.temporary([...x.shape.slice(0, -1), n])
  multiplyTransposed(x, w, y, rows, n, k)
  if (bias) x.device.run(addBias, { y, bias, rows, n })
  return y
}

/** Sends the gradient `dy` of a projection of x to x, w and bias. */
export function projectBackward(tape: Tape, dy: Tensor, x: Tensor, { w, bias }: Projection): void {
  const [n, k] = w.shape as [number, number]
  const rows = x.size / k
  if (x.requiresGrad) {
    const { gradient, add } = tape.destination(x)
    multiply(dy, w, gradient, rows, n, k, add)
  }
  if (w.requiresGrad) addOuter(dy, x, tape.gradient(w), rows, n, k)
  if (bias?.requiresGrad) x.device.run(backwardBias, { dy, dbias: tape.gradient(bias), rows, n })
}
