import { f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import { rowProduct } from '../kernel/product/rows.ts'
import { gatedBlock, unitBlock } from './swigluLinear.ts'

// The two halves of routed experts for a few rows, each with its own experts: nothing is sorted, and every weight that is
// needed is read where it lies. Together they compute what `experts` promises.

/**
 * active[r,j,i] = weights[r,j] · silu(gate_e[i,:]·x[r,:]) · (up_e[i,:]·x[r,:]), e = experts[r,j].
 * x: [rows, n]; gateUp: [E, 2·units, n], gate first; experts, weights: [rows, topk]; active: [rows, topk, units].
 */
export const expertUnits = kernel({
  name: 'experts.units',
  params: {
    x: f32s,
    gateUp: f32s,
    experts: i32s,
    weights: f32s,
    active: f32s,
    rows: i32,
    topk: i32,
    units: i32,
    n: i32,
  },
  reference({ x, gateUp, experts, weights, active, rows, topk, units, n }) {
    for (let choice = 0; choice < rows * topk; choice++) {
      const row = Math.floor(choice / topk) * n
      for (let i = 0; i < units; i++) {
        let [gate, up] = [0, 0]
        for (let p = 0; p < n; p++) {
          gate += gateUp[(experts[choice]! * 2 * units + i) * n + p]! * x[row + p]!
          up += gateUp[((experts[choice]! * 2 + 1) * units + i) * n + p]! * x[row + p]!
        }
        active[choice * units + i] = (weights[choice]! * up * gate) / (1 + Math.exp(-gate))
      }
    }
  },
  build(k, { x, gateUp, experts, weights, active, rows, topk, units, n }) {
    const blocks = units.ceilDiv(unitBlock)
    k.rows(rows.mul(topk).mul(blocks), index => {
      const choice = index.div(blocks)
      const i = index.rem(blocks).mul(unitBlock)
      const gate = gateUp.from(experts.at(choice).mul(units).mul(2).add(i).mul(n))
      const input = { x: x.from(choice.div(topk).mul(n)), rows: k.int(1), depth: n }
      const output = { y: active.from(choice.mul(units).add(i)), yRow: units, units: units.sub(i).min(unitBlock) }
      const factor = weights.at(choice)
      gatedBlock(k, { ...input, ...output, gate, up: gate.from(units.mul(n)), factor, scratch: k.own })
    })
  },
  work: ({ rows, topk, units, n }) => 4 * rows * topk * units * n,
  scratch: () => ({ perThread: 2 * unitBlock }),
})

/** Columns that a thread computes at a time. */
const block = 16

/** y[r,h] = Σ_j down_e[h,:]·active[r,j,:], e = experts[r,j]. down: [E, n, units]; active: [rows, topk, units]; y: [rows, n]. */
export const expertSums = kernel({
  name: 'experts.sums',
  params: { active: f32s, down: f32s, experts: i32s, y: f32s, rows: i32, topk: i32, units: i32, n: i32 },
  reference({ active, down, experts, y, rows, topk, units, n }) {
    for (let r = 0; r < rows; r++) {
      for (let h = 0; h < n; h++) {
        let sum = 0
        for (let choice = r * topk; choice < (r + 1) * topk; choice++) {
          const row = (experts[choice]! * n + h) * units
          for (let i = 0; i < units; i++) sum += down[row + i]! * active[choice * units + i]!
        }
        y[r * n + h] = sum
      }
    }
  },
  build(k, { active, down, experts, y, rows, topk, units, n }) {
    const blocks = n.ceilDiv(block)
    k.rows(rows.mul(blocks), index => {
      const r = index.div(blocks)
      const from = index.rem(blocks).mul(block)
      const columns = { from, to: from.add(block).min(n), c: y.from(r.mul(n)) }
      k.loop(0, topk, j => {
        const choice = r.mul(topk).add(j)
        const right = { b: down.from(experts.at(choice).mul(n).mul(units)), row: k.int(1), column: units, depth: units }
        rowProduct(k, { ...right, ...columns, a: active.from(choice.mul(units)), add: j.min(1) })
      })
    })
  },
  work: ({ rows, topk, units, n }) => 2 * rows * topk * units * n,
})

export const fewRowsExpertsKernels = [expertUnits, expertSums]
