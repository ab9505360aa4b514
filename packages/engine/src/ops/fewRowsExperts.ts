import { f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Int } from '../kernel/language.ts'
import { rowProduct } from '../kernel/product/rows.ts'
import { weightKernel } from './narrowWeights.ts'
import { gatedBlock, unitBlock } from './swigluLinear.ts'

// The two halves of a mixture of experts for a few rows, each with its own experts: nothing is sorted, and every weight
// that is needed is read where it lies. Together they compute what `experts` promises.

/**
 * active[r,j,i] = weights[r,j] · silu(gate_e[i,:]·x[r,:]) · (up_e[i,:]·x[r,:]), e = experts[r,j];
 * sharedActive[r,i] = silu(sharedGate[i,:]·x[r,:]) · (sharedUp[i,:]·x[r,:]).
 * x: [rows, n]; gateUp: [E, 2·units, n], gate first; experts, weights: [rows, topk]; active: [rows, topk, units];
 * sharedGate, sharedUp: [sharedUnits, n]; sharedActive: [rows, sharedUnits].
 */
const units = kernel({
  name: 'experts.units',
  params: {
    x: f32s,
    gateUp: f32s,
    experts: i32s,
    weights: f32s,
    active: f32s,
    sharedGate: f32s,
    sharedUp: f32s,
    sharedActive: f32s,
    rows: i32,
    topk: i32,
    units: i32,
    sharedUnits: i32,
    n: i32,
  },
  reference(args) {
    const { x, gateUp, experts, weights, active, sharedGate, sharedUp, sharedActive, rows, topk, units, n } = args
    const gated = (gate: ArrayLike<number>, up: ArrayLike<number>, gateRow: number, upRow: number, row: number) => {
      let [g, u] = [0, 0]
      for (let p = 0; p < n; p++) {
        g += gate[gateRow * n + p]! * x[row * n + p]!
        u += up[upRow * n + p]! * x[row * n + p]!
      }
      return (g * u) / (1 + Math.exp(-g))
    }
    for (let choice = 0; choice < rows * topk; choice++) {
      const first = experts[choice]! * 2 * units
      const row = Math.floor(choice / topk)
      for (let i = 0; i < units; i++) {
        active[choice * units + i] = weights[choice]! * gated(gateUp, gateUp, first + i, first + units + i, row)
      }
    }
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < args.sharedUnits; i++) {
        sharedActive[r * args.sharedUnits + i] = gated(sharedGate, sharedUp, i, i, r)
      }
    }
  },
  build(k, args) {
    const { x, gateUp, experts, weights, active, sharedGate, sharedUp, sharedActive } = args
    const { rows, topk, units, sharedUnits, n } = args
    const blocks = units.ceilDiv(unitBlock)
    const sharedBlocks = sharedUnits.ceilDiv(unitBlock)
    const common = { depth: n, scratch: k.own }
    const sharedBlock = (block: Int) => {
      const i = block.mul(unitBlock)
      const input = { x, rows, gate: sharedGate.from(i.mul(n)), up: sharedUp.from(i.mul(n)) }
      const output = { y: sharedActive.from(i), yRow: sharedUnits, units: sharedUnits.sub(i).min(unitBlock) }
      gatedBlock(k, { ...common, ...input, ...output })
    }
    const routedBlock = (block: Int, choice: Int) => {
      const i = block.mul(unitBlock)
      const gate = gateUp.from(experts.at(choice).mul(units).mul(2).add(i).mul(n))
      const input = { x: x.from(choice.div(topk).mul(n)), rows: k.int(1), gate, up: gate.from(units.mul(n)) }
      const output = { y: active.from(choice.mul(units).add(i)), yRow: units, units: units.sub(i).min(unitBlock) }
      gatedBlock(k, { ...common, ...input, ...output, factor: weights.at(choice) })
    }
    // A block of all choices at a time: the units of an expert that several rows have chosen are still near.
    k.share(sharedBlocks.add(blocks), 1, (from, to) => {
      k.loop(from, to.min(sharedBlocks), sharedBlock)
      k.loop(from.max(sharedBlocks), to, index =>
        k.loop(0, rows.mul(topk), choice => routedBlock(index.sub(sharedBlocks), choice)),
      )
    })
  },
  work: ({ rows, topk, units, sharedUnits, n }) => 4 * rows * (topk * units + sharedUnits) * n,
  scratch: ({ rows }) => ({ perThread: 2 * rows * unitBlock }),
})

/** Threads take multiples of so many columns. */
const block = 16

/**
 * y[r,h] = Σ_j down_e[h,:]·active[r,j,:] + sharedDown[h,:]·sharedActive[r,:], e = experts[r,j].
 * down: [E, n, units]; sharedDown: [n, sharedUnits]; y: [rows, n]; the others as in `units`.
 */
const sums = kernel({
  name: 'experts.sums',
  params: {
    active: f32s,
    down: f32s,
    experts: i32s,
    sharedActive: f32s,
    sharedDown: f32s,
    y: f32s,
    rows: i32,
    topk: i32,
    units: i32,
    sharedUnits: i32,
    n: i32,
  },
  reference({ active, down, experts, sharedActive, sharedDown, y, rows, topk, units, sharedUnits, n }) {
    for (let r = 0; r < rows; r++) {
      for (let h = 0; h < n; h++) {
        let sum = 0
        for (let choice = r * topk; choice < (r + 1) * topk; choice++) {
          const row = (experts[choice]! * n + h) * units
          for (let i = 0; i < units; i++) sum += down[row + i]! * active[choice * units + i]!
        }
        for (let i = 0; i < sharedUnits; i++)
          sum += sharedDown[h * sharedUnits + i]! * sharedActive[r * sharedUnits + i]!
        y[r * n + h] = sum
      }
    }
  },
  build(k, { active, down, experts, sharedActive, sharedDown, y, rows, topk, units, sharedUnits, n }) {
    const one = k.int(1)
    k.share(n, block, (from, to) =>
      k.loop(0, rows, r => {
        const columns = { from, to, c: y.from(r.mul(n)), row: one }
        k.loop(0, topk, j => {
          const choice = r.mul(topk).add(j)
          const right = { b: down.from(experts.at(choice).mul(n).mul(units)), column: units, depth: units }
          rowProduct(k, { ...right, ...columns, a: active.from(choice.mul(units)), add: j.min(1) })
        })
        const right = { b: sharedDown, column: sharedUnits, depth: sharedUnits }
        rowProduct(k, { ...right, ...columns, a: sharedActive.from(r.mul(sharedUnits)), add: one })
      }),
    )
  },
  work: ({ rows, topk, units, sharedUnits, n }) => 2 * rows * (topk * units + sharedUnits) * n,
})

/** See `units`. */
export const expertUnits = weightKernel(units, ['gateUp', 'sharedGate', 'sharedUp'])
/** See `sums`. */
export const expertSums = weightKernel(sums, ['down', 'sharedDown'])

export const fewRowsExpertsKernels = [...expertUnits.kernels, ...expertSums.kernels]
