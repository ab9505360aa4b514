import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { f32s, i32, kernel } from '../kernel/kernel.ts'
import { type Builder, type Int, type Real, type Reals, sigmoid } from '../kernel/language.ts'
import { panelColumns, twoWeightProducts } from '../kernel/product/panels.ts'
import { decodingRows, rowProductScratch, rowsAt } from '../kernel/product/rows.ts'
import type { Tensor } from '../tensor.ts'
import { linear } from './linear.ts'
import { weightKernel } from './narrowWeights.ts'
import { swiglu } from './swiglu.ts'

/** So many units are computed at a time. */
export const unitBlock = panelColumns

/** x: where a row of `depth` numbers begins; gate, up: the weights of the first unit of a block; y: where a row's result goes. */
export interface GatedBlock {
  x: (row: Int) => Reals
  gate: Reals
  up: Reals
  y: (row: Int) => Reals
  /** The weights that are read next. */
  next?: { gate: Reals; up: Reals }
  rows: Int
  depth: Int
  /** Units of the block, at most `unitBlock`. */
  units: Int
  /** Multiplies the results of a row. */
  factor?: (row: Int) => Real
  /** Room for `gatedScratch` numbers. */
  scratch: Reals
}

/** Numbers of scratch that a block of units of so many rows needs: the gates, the others, and what a product needs. */
export const gatedScratch = (rows: number): number => 2 * rows * unitBlock + rowProductScratch

/** y[r,i] = factor · silu(gate[i,:]·x[r,:]) · (up[i,:]·x[r,:]) for a block of units. */
export function gatedBlock(k: Builder, args: GatedBlock): void {
  const { x, gate, up, y, next, rows, depth, units, factor, scratch } = args
  const zero = k.int(0)
  const ups = scratch.from(rows.mul(unitBlock))
  const places = { from: zero, to: units, a: x, m: rows, add: zero, scratch: ups.from(rows.mul(unitBlock)) }
  const product = (b: Reals, results: Reals, next: Reals | undefined) => ({
    ...places,
    depth,
    b,
    next,
    c: rowsAt(results, k.int(unitBlock)),
  })
  twoWeightProducts(k, product(gate, scratch, next?.gate), product(up, ups, next?.up))
  k.loop(0, rows, r => {
    const [gates, others, output] = [scratch.from(r.mul(unitBlock)), ups.from(r.mul(unitBlock)), y(r)]
    const scale = factor?.(r)
    k.lanes(units, i => {
      const g = gates.at(i)
      const value = g.mul(sigmoid(g)).mul(others.at(i))
      output.set(i, scale ? value.mul(scale) : value)
    })
  })
}

/** y[r,i] = silu(gate[i,:]·x[r,:]) · (up[i,:]·x[r,:]). x: [rows, k]; gate, up: [n, k]; y: [rows, n]. For a few rows. */
const forward = kernel({
  name: 'swigluLinear',
  params: { x: f32s, gate: f32s, up: f32s, y: f32s, rows: i32, n: i32, k: i32 },
  reference({ x, gate, up, y, rows, n, k }) {
    const dot = (w: ArrayLike<number>, i: number, r: number) => {
      let sum = 0
      for (let p = 0; p < k; p++) sum += w[i * k + p]! * x[r * k + p]!
      return sum
    }
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < n; i++) {
        const g = dot(gate, i, r)
        y[r * n + i] = (g / (1 + Math.exp(-g))) * dot(up, i, r)
      }
    }
  },
  build(k, { x, gate, up, y, rows, n, k: depth }) {
    k.rows(n.ceilDiv(unitBlock), block => {
      const i = block.mul(unitBlock)
      const [gates, ups] = [gate, up].map(w => w.from(i.mul(depth))) as [Reals, Reals]
      const units = n.sub(i).min(unitBlock)
      const places = { x: rowsAt(x, depth), y: rowsAt(y.from(i), n), scratch: k.own }
      gatedBlock(k, { ...places, gate: gates, up: ups, rows, depth, units })
    })
  },
  work: ({ rows, n, k }) => 4 * rows * n * k,
  scratch: ({ rows }) => ({ perThread: gatedScratch(rows) }),
})

const fewRowsForward = weightKernel(forward, { gate: ({ n, k }) => [n, k], up: ({ n, k }) => [n, k] })

export const swigluLinearKernels = fewRowsForward.kernels

/**
 * silu(gate·x + gateBias) · (up·x + upBias), the first half of a gated feed-forward (Shazeer 2020). x: [rows, k];
 * gate, up: [n, k]; biases: [n]; returns [rows, n].
 */
export function swigluLinear(x: Tensor, gate: Tensor, up: Tensor, gateBias?: Tensor, upBias?: Tensor): Tensor {
  const [rows, k] = x.shape as [number, number]
  const n = gate.shape[0]!
  requireShape(
    gate.shape.join() === up.shape.join() && gate.shape[1] === k,
    () => `swigluLinear: gate [${gate.shape}] and up [${up.shape}] do not fit the input [${x.shape}]`,
  )
  if (rows > decodingRows || gateBias || upBias || tapeOf(x, gate, up)) {
    return swiglu(linear(x, gate, gateBias), linear(x, up, upBias))
  }
  const y = x.device.temporary([rows, n])
  fewRowsForward.run(x.device, { x, gate, up, y, rows, n, k })
  return y
}
