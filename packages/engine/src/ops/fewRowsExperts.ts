import { f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Builder, Int, Ints, Reals } from '../kernel/language.ts'
import { panelColumns, weightProduct } from '../kernel/product/panels.ts'
import { rowProductScratch, rowsAt } from '../kernel/product/rows.ts'
import { weightKernel } from './narrowWeights.ts'
import { gatedBlock, gatedScratch, unitBlock } from './swigluLinear.ts'

// The two halves of a mixture of experts for a few rows, each with its own experts. The rows of an expert are multiplied
// together, and every weight that is needed is read once, where it lies. Together they compute what `experts` promises.

/** The choices of all rows, by expert. */
interface Choices {
  experts: Ints
  rows: Int
  topk: Int
  /** How many experts there are. */
  count: Int
}

/** Numbers of scratch that `choicesByExpert` needs. */
const choicesScratch = (args: { rows: number; topk: number; count: number }) => args.count + 2 * args.rows * args.topk

/** The scratch behind that. */
const behindChoices = (k: Builder, { rows, topk, count }: Choices): Reals =>
  k.own.from(count.add(rows.mul(topk).mul(2)))

/**
 * Sorts the choices by expert into scratch, each thread for itself. Returns a function that calls body(e, choices, rows, m,
 * next) for every expert that somebody chose: its m choices, the rows that they belong to, and the expert after it.
 */
function choicesByExpert(k: Builder, { experts, rows, topk, count }: Choices, scratch: Ints) {
  const ends = scratch
  const choices = ends.from(count)
  const rowsOf = choices.from(rows.mul(topk))
  k.loop(0, count, e => ends.set(e, 0))
  k.loop(0, rows.mul(topk), choice => {
    const e = experts.at(choice)
    ends.set(e, ends.at(e).add(1))
  })
  const before = k.intVariable(0)
  k.loop(0, count, e => {
    const size = ends.at(e)
    ends.set(e, before.value)
    before.set(before.value.add(size))
  })
  // The beginning of an expert's places walks to their end while they are given out.
  k.loop(0, rows, r =>
    k.loop(r.mul(topk), r.add(1).mul(topk), choice => {
      const e = experts.at(choice)
      const place = ends.at(e)
      choices.set(place, choice)
      rowsOf.set(place, r)
      ends.set(e, place.add(1))
    }),
  )
  return (body: (e: Int, choices: Ints, rows: Ints, m: Int, next: Int) => void): void => {
    const from = k.intVariable(0)
    k.loop(0, count, e => {
      const end = ends.at(e)
      const m = end.sub(from.value)
      k.if(m.gt(0), () => {
        const next = experts.at(choices.at(end.min(rows.mul(topk).sub(1))))
        body(e, choices.from(from.value), rowsOf.from(from.value), m, next)
      })
      from.set(end)
    })
  }
}

/**
 * active[r,j,i] = weights[r,j] · silu(gate_e[i,:]·x[r,:]) · (up_e[i,:]·x[r,:]), e = experts[r,j];
 * sharedActive[r,i] = silu(sharedGate[i,:]·x[r,:]) · (sharedUp[i,:]·x[r,:]).
 * x: [rows, n]; gateUp: [E, 2·units, n], gate first, of E = count experts; experts, weights: [rows, topk]; active: [rows, topk, units];
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
    count: i32,
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
    const { x, gateUp, weights, active, sharedGate, sharedUp, sharedActive } = args
    const { rows, units, sharedUnits, n } = args
    const blocks = units.ceilDiv(unitBlock)
    const sharedBlocks = sharedUnits.ceilDiv(unitBlock)
    // Outside of tasks: once for each thread.
    const eachExpert = choicesByExpert(k, args, k.own.asInts())
    const common = { depth: n, scratch: behindChoices(k, args) }
    const sharedBlock = (block: Int) => {
      const i = block.mul(unitBlock)
      const input = { x: rowsAt(x, n), rows, gate: sharedGate.from(i.mul(n)), up: sharedUp.from(i.mul(n)) }
      const output = { y: rowsAt(sharedActive.from(i), sharedUnits), units: sharedUnits.sub(i).min(unitBlock) }
      gatedBlock(k, { ...common, ...input, ...output })
    }
    const routedBlock = (block: Int) => {
      const i = block.mul(unitBlock)
      const weightsOf = (e: Int) => {
        const gate = gateUp.from(e.mul(units).mul(2).add(i).mul(n))
        return { gate, up: gate.from(units.mul(n)) }
      }
      eachExpert((e, choices, rowsOf, m, next) => {
        const ofExpert = { ...weightsOf(e), next: weightsOf(next) }
        const input = { x: (at: Int) => x.from(rowsOf.at(at).mul(n)), rows: m, ...ofExpert }
        const y = (at: Int) => active.from(choices.at(at).mul(units).add(i))
        const output = { y, units: units.sub(i).min(unitBlock), factor: (at: Int) => weights.at(choices.at(at)) }
        gatedBlock(k, { ...common, ...input, ...output })
      })
    }
    k.share(sharedBlocks.add(blocks), 1, (from, to) => {
      k.loop(from, to.min(sharedBlocks), sharedBlock)
      k.loop(from.max(sharedBlocks), to, index => routedBlock(index.sub(sharedBlocks)))
    })
  },
  work: ({ rows, topk, units, sharedUnits, n }) => 4 * rows * (topk * units + sharedUnits) * n,
  scratch: args => ({ perThread: choicesScratch(args) + gatedScratch(args.rows * Math.max(1, args.topk)) }),
})

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
    count: i32,
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
  build(k, args) {
    const { active, down, sharedActive, sharedDown, y, rows, units, sharedUnits, n } = args
    // Outside of tasks: once for each thread.
    const eachExpert = choicesByExpert(k, args, k.own.asInts())
    const scratch = behindChoices(k, args)
    k.share(n, panelColumns, (from, to) => {
      const columns = { from, to, scratch }
      const shared = { a: rowsAt(sharedActive, sharedUnits), m: rows, b: sharedDown, depth: sharedUnits }
      weightProduct(k, { ...columns, ...shared, c: rowsAt(y, n), add: k.int(0) })
      const downOf = (e: Int) => down.from(e.mul(n).mul(units))
      eachExpert((e, choices, rowsOf, m, next) => {
        const right = { b: downOf(e), next: downOf(next).from(from.mul(units)), depth: units }
        const a = (at: Int) => active.from(choices.at(at).mul(units))
        weightProduct(k, { ...columns, ...right, a, m, c: at => y.from(rowsOf.at(at).mul(n)), add: k.int(1) })
      })
    })
  },
  work: ({ rows, topk, units, sharedUnits, n }) => 2 * rows * (topk * units + sharedUnits) * n,
  scratch: args => ({ perThread: choicesScratch(args) + rowProductScratch }),
})

/** See `units`. */
export const expertUnits = weightKernel(units, {
  gateUp: ({ count, units, n }) => [count * 2 * units, n],
  sharedGate: ({ sharedUnits, n }) => [sharedUnits, n],
  sharedUp: ({ sharedUnits, n }) => [sharedUnits, n],
})
/** See `sums`. */
export const expertSums = weightKernel(sums, {
  down: ({ count, units, n }) => [count * n, units],
  sharedDown: ({ sharedUnits, n }) => [n, sharedUnits],
})

export const fewRowsExpertsKernels = [...expertUnits.kernels, ...expertSums.kernels]
