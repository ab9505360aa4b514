import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { f32, f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'
import { type ExpertGroups, groupByExpert } from './groupByExpert.ts'

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/**
 * Chooses `topk` experts a row by s + bias, s = sigmoid(logits): a group of experts scores the sum of its best two,
 * only the best `topkGroups` groups take part; ties go to the lower index. weights[r,j] = factor · s of the chosen
 * (the bias only chooses), divided by their sum + 1e−20 if `normalise`.
 * logits: [rows, count]; bias: [count]; experts, weights: [rows, topk], best first.
 */
const forward = kernel({
  name: 'router',
  params: {
    logits: f32s,
    bias: f32s,
    experts: i32s,
    weights: f32s,
    rows: i32,
    count: i32,
    groups: i32,
    topkGroups: i32,
    topk: i32,
    normalise: i32,
    factor: f32,
  },
  reference({ logits, bias, experts, weights, rows, count, groups, topkGroups, topk, normalise, factor }) {
    const size = count / groups
    const choice = new Float64Array(count)
    const groupScore = new Float64Array(groups)
    for (let r = 0; r < rows; r++) {
      for (let e = 0; e < count; e++) choice[e] = sigmoid(logits[r * count + e]!) + bias[e]!
      for (let g = 0; g < groups; g++) {
        let best = -Infinity
        let second = -Infinity
        for (let e = g * size; e < (g + 1) * size; e++) {
          if (choice[e]! > best) {
            second = best
            best = choice[e]!
          } else if (choice[e]! > second) second = choice[e]!
        }
        groupScore[g] = size > 1 ? best + second : best
      }
      for (let dropped = 0; dropped < groups - topkGroups; dropped++) {
        let worst = -1
        for (let g = 0; g < groups; g++) {
          if (groupScore[g] !== Infinity && (worst < 0 || groupScore[g]! <= groupScore[worst]!)) worst = g
        }
        groupScore[worst] = Infinity
        for (let e = worst * size; e < (worst + 1) * size; e++) choice[e] = -Infinity
      }
      let sum = 0
      for (let j = 0; j < topk; j++) {
        let best = 0
        for (let e = 1; e < count; e++) if (choice[e]! > choice[best]!) best = e
        choice[best] = -Infinity
        experts[r * topk + j] = best
        weights[r * topk + j] = sigmoid(logits[r * count + best]!)
        sum += weights[r * topk + j]!
      }
      for (let j = 0; j < topk; j++) weights[r * topk + j]! *= normalise ? factor / (sum + 1e-20) : factor
    }
  },
})

/**
 * For the chosen e = experts[r,j] with s = sigmoid(logits[r,e]), S = Σ_j s + 1e−20, w = s / S:
 * dlogits[r,e] += s·(1 − s)·factor/S·(dweights[r,j] − Σ_i dweights[r,i]·w_i); without normalisation
 * dlogits[r,e] += s·(1 − s)·factor·dweights[r,j]. Shapes as in the forward kernel.
 */
const backward = kernel({
  name: 'router.backward',
  params: {
    logits: f32s,
    experts: i32s,
    dweights: f32s,
    dlogits: f32s,
    rows: i32,
    count: i32,
    topk: i32,
    normalise: i32,
    factor: f32,
  },
  reference({ logits, experts, dweights, dlogits, rows, count, topk, normalise, factor }) {
    for (let r = 0; r < rows; r++) {
      let sum = 1e-20
      let dot = 0
      for (let j = 0; j < topk; j++) {
        const s = sigmoid(logits[r * count + experts[r * topk + j]!]!)
        sum += s
        dot += s * dweights[r * topk + j]!
      }
      for (let j = 0; j < topk; j++) {
        const at = r * count + experts[r * topk + j]!
        const s = sigmoid(logits[at]!)
        const upstream = dweights[r * topk + j]!
        const ds = normalise ? (factor / sum) * (upstream - dot / sum) : factor * upstream
        dlogits[at]! += s * (1 - s) * ds
      }
    }
  },
})

export const routerKernels = [forward, backward]

export interface RouterOptions {
  /** Experts form `groups` equal groups, of which the best `topkGroups` take part. */
  groups: number
  topkGroups: number
  /** Experts a row. */
  topk: number
  /** Whether the weights of a row are divided by their sum. */
  normalise: boolean
  /** Multiplies the weights (routed_scaling_factor). */
  scale: number
}

/** The experts of each row and their weights. Lives until the device's next `reset`. */
export interface Routing extends ExpertGroups {
  /** i32 [rows, topk]. */
  experts: Tensor
  /** [rows, topk]. */
  weights: Tensor
}

/**
 * Chooses experts by sigmoid scores plus a correction bias, group-limited (DeepSeek-V3, section 2.1.2; A.X K1).
 * logits: [rows, E]; bias: [E]. Gradients flow from the weights to the logits of the chosen; none to the bias.
 */
export function router(logits: Tensor, bias: Tensor, options: RouterOptions): Routing {
  const [rows, count] = logits.shape as [number, number]
  const { groups, topkGroups, topk, scale: factor } = options
  requireShape(
    logits.shape.length === 2 && bias.size === count,
    () => `router: bias [${bias.shape}] does not fit the logits [${logits.shape}]`,
  )
  requireShape(
    count % groups === 0 &&
      topkGroups >= 1 &&
      topkGroups <= groups &&
      topk >= 1 &&
      topk <= (topkGroups * count) / groups,
    () => `router: cannot choose ${topk} of ${count} experts from ${topkGroups} of ${groups} groups`,
  )
  const { device } = logits
  const experts = device.temporary([rows, topk], 'i32')
  const weights = device.temporary([rows, topk])
  const shape = { rows, count, topk, normalise: options.normalise ? 1 : 0, factor }
  device.run(forward, { logits, bias, experts, weights, ...shape, groups, topkGroups })
  const tape = tapeOf(logits)
  tape?.record(weights, () => {
    const dweights = tape.gradient(weights)
    device.run(backward, { logits, experts, dweights, dlogits: tape.gradient(logits), ...shape })
  })
  return { experts, weights, ...groupByExpert(experts, count) }
}
