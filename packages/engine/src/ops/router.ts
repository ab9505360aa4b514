import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { f32, f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import { type Int, sigmoid } from '../kernel/language.ts'
import type { Tensor } from '../tensor.ts'
import { type ExpertGroups, groupByExpert } from './groupByExpert.ts'

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))

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
      for (let e = 0; e < count; e++) choice[e] = logistic(logits[r * count + e]!) + bias[e]!
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
        weights[r * topk + j] = logistic(logits[r * count + best]!)
        sum += weights[r * topk + j]!
      }
      for (let j = 0; j < topk; j++) weights[r * topk + j]! *= normalise ? factor / (sum + 1e-20) : factor
    }
  },
  build(k, { logits, bias, experts, weights, rows, count, groups, topkGroups, topk, normalise, factor }) {
    const size = count.div(groups)
    const choice = k.own
    const groupScore = k.own.from(count)
    const exclude = (from: Int, to: Int) => k.lanesFrom(from, to, e => choice.set(e, Number.NEGATIVE_INFINITY))
    const scoreGroup = (g: Int) => {
      const best = k.variable(Number.NEGATIVE_INFINITY)
      const second = k.variable(Number.NEGATIVE_INFINITY)
      k.loop(g.mul(size), g.add(1).mul(size), e => {
        const score = choice.at(e)
        second.set(second.value.max(best.value.min(score)))
        best.set(best.value.max(score))
      })
      k.if(
        size.gt(1),
        () => groupScore.set(g, best.value.add(second.value)),
        () => groupScore.set(g, best.value),
      )
    }
    const dropWorstGroup = () => {
      const worst = k.intVariable(0)
      const score = k.variable(Number.POSITIVE_INFINITY)
      k.loop(0, groups, g => {
        const candidate = groupScore.at(g)
        // Of equals the last one goes; a group that went already is at +infinity.
        k.if(candidate.lt(Number.POSITIVE_INFINITY), () => {
          k.if(candidate.le(score.value), () => {
            score.set(candidate)
            worst.set(g)
          })
        })
      })
      groupScore.set(worst.value, Number.POSITIVE_INFINITY)
      exclude(worst.value.mul(size), worst.value.add(1).mul(size))
    }
    k.rows(rows, r => {
      const row = logits.from(r.mul(count))
      const [chosen, weight] = [experts.from(r.mul(topk)), weights.from(r.mul(topk))]
      k.lanes(count, e => choice.set(e, sigmoid(row.at(e)).add(bias.at(e))))
      k.if(topkGroups.lt(groups), () => {
        k.loop(0, groups, scoreGroup)
        k.loop(topkGroups, groups, dropWorstGroup)
      })
      const sum = k.variable(0)
      k.loop(0, topk, j => {
        const best = k.intVariable(0)
        const score = k.variable(choice.at(0))
        k.loop(1, count, e => {
          k.if(choice.at(e).gt(score.value), () => {
            score.set(choice.at(e))
            best.set(e)
          })
        })
        choice.set(best.value, Number.NEGATIVE_INFINITY)
        const s = sigmoid(row.at(best.value))
        chosen.set(j, best.value)
        weight.set(j, s)
        sum.add(s)
      })
      const scale = k.variable(factor)
      k.if(normalise.ne(0), () => scale.set(factor.div(sum.value.add(1e-20))))
      k.lanes(topk, j => weight.set(j, weight.at(j).mul(scale.value)))
    })
  },
  work: ({ rows, count, topk }) => rows * count * (8 + topk),
  scratch: ({ count, groups }) => ({ perThread: count + groups }),
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
        const s = logistic(logits[r * count + experts[r * topk + j]!]!)
        sum += s
        dot += s * dweights[r * topk + j]!
      }
      for (let j = 0; j < topk; j++) {
        const at = r * count + experts[r * topk + j]!
        const s = logistic(logits[at]!)
        const upstream = dweights[r * topk + j]!
        const ds = normalise ? (factor / sum) * (upstream - dot / sum) : factor * upstream
        dlogits[at]! += s * (1 - s) * ds
      }
    }
  },
  build(k, { logits, experts, dweights, dlogits, rows, count, topk, normalise, factor }) {
    k.rows(rows, r => {
      const [row, target] = [logits.from(r.mul(count)), dlogits.from(r.mul(count))]
      const [chosen, upstream] = [experts.from(r.mul(topk)), dweights.from(r.mul(topk))]
      const sum = k.variable(1e-20)
      const dot = k.variable(0)
      k.loop(0, topk, j => {
        const s = sigmoid(row.at(chosen.at(j)))
        sum.add(s)
        dot.addProduct(s, upstream.at(j))
      })
      k.if(
        normalise.eq(0),
        () => {
          sum.set(1)
          dot.set(0)
        },
        () => {},
      )
      k.loop(0, topk, j => {
        const expert = chosen.at(j)
        const s = sigmoid(row.at(expert))
        const ds = factor.div(sum.value).mul(upstream.at(j).sub(dot.value.div(sum.value)))
        target.set(expert, target.at(expert).add(s.mul(k.real(1).sub(s)).mul(ds)))
      })
    })
  },
  work: ({ rows, topk }) => 16 * rows * topk,
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
export interface Routing {
  /** i32 [rows, topk]. */
  experts: Tensor
  /** [rows, topk]. */
  weights: Tensor
  /** How many experts there are. */
  count: number
  /** The rows sorted by expert, made when first asked for. */
  groups(): ExpertGroups
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
  let sorted: ExpertGroups | undefined
  const sort = () => {
    sorted ??= groupByExpert(experts, count)
    return sorted
  }
  return { experts, weights, count, groups: sort }
}
