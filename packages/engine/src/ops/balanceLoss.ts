import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { f32, f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import { sigmoid } from '../kernel/language.ts'
import { lastNotAbove } from '../kernel/lastNotAbove.ts'
import type { Tensor } from '../tensor.ts'
import type { Routing } from './router.ts'

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))

/**
 * Of each sequence s of T = starts[s + 1] − starts[s] rows: loads[s,e] = count / (topk·T) · how many of its rows chose
 * expert e (1 where all experts have the same), and losses[s] = Σ_e loads[s,e] · mean_t(σ(logits[t,e]) / Σ_i σ(logits[t,i])).
 * logits: [rows, count]; experts: [rows, topk]; loads: [sequences, count].
 */
const forward = kernel({
  name: 'balanceLoss',
  params: {
    logits: f32s,
    experts: i32s,
    starts: i32s,
    loads: f32s,
    losses: f32s,
    sequences: i32,
    count: i32,
    topk: i32,
  },
  reference({ logits, experts, starts, loads, losses, sequences, count, topk }) {
    for (let s = 0; s < sequences; s++) {
      const [from, to] = [starts[s]!, starts[s + 1]!]
      const load = loads.subarray(s * count, (s + 1) * count).fill(0)
      for (let i = from * topk; i < to * topk; i++) load[experts[i]!]! += count / (topk * (to - from))
      losses[s] = 0
      for (let r = from; r < to; r++) {
        const scores = Array.from({ length: count }, (_, e) => logistic(logits[r * count + e]!))
        const sum = scores.reduce((a, b) => a + b)
        for (let e = 0; e < count; e++) losses[s]! += (load[e]! * scores[e]!) / sum / (to - from)
      }
    }
  },
  build(k, { logits, experts, starts, loads, losses, sequences, count, topk }) {
    const scores = k.own
    k.tasks(sequences, s => {
      const [from, to] = [starts.at(s), starts.at(s.add(1))]
      const load = loads.from(s.mul(count))
      const rows = to.sub(from).max(1).toReal()
      const part = count.toReal().div(rows.mul(topk.toReal()))
      k.lanes(count, e => load.set(e, 0))
      k.loop(from.mul(topk), to.mul(topk), i => {
        const expert = experts.at(i)
        load.set(expert, load.at(expert).add(part))
      })
      const total = k.variable(0)
      k.loop(from, to, r => {
        const row = logits.from(r.mul(count))
        k.lanes(count, e => scores.set(e, sigmoid(row.at(e))))
        const sum = k.sum(count, e => scores.at(e))
        total.add(k.dot(count, e => [load.at(e), scores.at(e)]).div(sum))
      })
      losses.set(s, total.value.div(rows))
    })
  },
  work: ({ logits }) => 16 * logits.size,
  scratch: ({ count }) => ({ perThread: count }),
})

/**
 * With σ_e = σ(logits[r,e]), S = Σ_e σ_e, and s the sequence of row r, of T rows:
 * dlogits[r,e] += factor·weights[s]/T · σ_e·(1 − σ_e)/S · (loads[s,e] − Σ_i loads[s,i]·σ_i / S).
 */
const backward = kernel({
  name: 'balanceLoss.backward',
  params: {
    logits: f32s,
    starts: i32s,
    loads: f32s,
    weights: f32s,
    dlogits: f32s,
    rows: i32,
    sequences: i32,
    count: i32,
    factor: f32,
  },
  reference({ logits, starts, loads, weights, dlogits, sequences, count, factor }) {
    for (let s = 0; s < sequences; s++) {
      const [from, to] = [starts[s]!, starts[s + 1]!]
      const load = loads.subarray(s * count, (s + 1) * count)
      for (let r = from; r < to; r++) {
        const scores = Array.from({ length: count }, (_, e) => logistic(logits[r * count + e]!))
        const sum = scores.reduce((a, b) => a + b)
        const mean = scores.reduce((dot, score, e) => dot + score * load[e]!, 0) / sum
        for (let e = 0; e < count; e++) {
          const slope = (scores[e]! * (1 - scores[e]!) * (load[e]! - mean)) / sum
          dlogits[r * count + e]! += ((factor * weights[s]!) / (to - from)) * slope
        }
      }
    }
  },
  build(k, { logits, starts, loads, weights, dlogits, rows, sequences, count, factor }) {
    const scores = k.own
    k.rows(rows, r => {
      const s = lastNotAbove(k, r, sequences, i => starts.at(i))
      const length = starts.at(s.add(1)).sub(starts.at(s)).toReal()
      const [row, target, load] = [logits.from(r.mul(count)), dlogits.from(r.mul(count)), loads.from(s.mul(count))]
      k.lanes(count, e => scores.set(e, sigmoid(row.at(e))))
      const sum = k.sum(count, e => scores.at(e))
      const mean = k.dot(count, e => [load.at(e), scores.at(e)]).div(sum)
      const scale = factor.mul(weights.at(s)).div(length.mul(sum))
      k.lanes(count, e => {
        const score = scores.at(e)
        const slope = score.mul(k.real(1).sub(score)).mul(load.at(e).sub(mean))
        target.set(e, target.at(e).add(slope.mul(scale)))
      })
    })
  },
  work: ({ rows, count }) => 20 * rows * count,
  scratch: ({ count }) => ({ perThread: count }),
})

export const balanceLossKernels = [forward, backward]

/**
 * The sequence-wise balance loss of DeepSeek-V3 (arXiv 2412.19437, equations 17 to 20): Σ_s weights[s] · Σ_e f_e·P_e, where
 * f_e is the load of expert e in the sequence, 1 at balance, and P_e the mean of the scores, divided by their sum in each
 * row. A sequence whose scores go where its load is has a loss above 1. The loads carry no gradient, the logits do.
 * logits: [rows, E], what `routing` was made from; starts: i32 [sequences + 1], where each sequence begins and the last
 * one ends; weights: [sequences]; returns a scalar.
 */
export function balanceLoss(
  logits: Tensor,
  routing: Pick<Routing, 'experts'>,
  starts: Tensor,
  weights: Tensor,
): Tensor {
  const { experts } = routing
  const [rows, count] = logits.shape as [number, number]
  const sequences = starts.size - 1
  requireShape(
    logits.shape.length === 2 && experts.shape[0] === rows && starts.integers.at(-1) === rows,
    () => `balanceLoss: logits [${logits.shape}], experts [${experts.shape}] and ${starts.integers.at(-1)} rows differ`,
  )
  requireShape(weights.size === sequences, () => `balanceLoss: ${weights.size} weights for ${sequences} sequences`)
  const { device } = logits
  const loads = device.temporary([sequences, count])
  const losses = device.temporary([sequences])
  const shape = { sequences, count }
  device.run(forward, { logits, experts, starts, loads, losses, ...shape, topk: experts.shape[1]! })
  const loss = device.temporary([])
  let total = 0
  for (const [s, each] of losses.reals.entries()) total += weights.reals[s]! * each
  device.fill(loss, total)
  const tape = tapeOf(logits)
  tape?.record(loss, () => {
    const factor = tape.gradient(loss).reals[0]!
    device.run(backward, { logits, starts, loads, weights, dlogits: tape.gradient(logits), rows, ...shape, factor })
  })
  return loss
}
