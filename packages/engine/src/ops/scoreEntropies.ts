import { requireShape } from '../errors.ts'
import { f32s, i32, kernel } from '../kernel/kernel.ts'
import { log, sigmoid } from '../kernel/language.ts'
import type { Tensor } from '../tensor.ts'

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))

/** entropies[r] = −Σ_e p·ln p with p = σ(logits[r,e]) / Σ_i σ(logits[r,i]). logits: [rows, count]; entropies: [rows]. */
const forward = kernel({
  name: 'scoreEntropies',
  params: { logits: f32s, entropies: f32s, rows: i32, count: i32 },
  reference({ logits, entropies, rows, count }) {
    for (let r = 0; r < rows; r++) {
      const scores = Array.from({ length: count }, (_, e) => logistic(logits[r * count + e]!))
      const sum = scores.reduce((a, b) => a + b)
      entropies[r] = scores.reduce((entropy, score) => entropy - (score / sum) * Math.log(score / sum), 0)
    }
  },
  build(k, { logits, entropies, rows, count }) {
    const scores = k.own
    k.rows(rows, r => {
      const row = logits.from(r.mul(count))
      // The logarithm takes normal numbers only; so small a score adds nothing.
      k.lanes(count, e => scores.set(e, sigmoid(row.at(e)).max(1e-37)))
      const sum = k.sum(count, e => scores.at(e))
      const mean = k.dot(count, e => [scores.at(e), log(scores.at(e))]).div(sum)
      entropies.set(r, log(sum).sub(mean))
    })
  },
  work: ({ rows, count }) => 30 * rows * count,
  scratch: ({ count }) => ({ perThread: count }),
})

export const scoreEntropiesKernels = [forward]

/**
 * How undecided a router is about each row: the entropy in nats of its sigmoid scores, divided by their sum. ln(E) where
 * all are equal, near 0 where one stands out. No gradient. logits: [rows, E]; returns [rows].
 */
export function scoreEntropies(logits: Tensor): Tensor {
  requireShape(logits.shape.length === 2, () => `scoreEntropies: expected [rows, experts], got [${logits.shape}]`)
  const [rows, count] = logits.shape as [number, number]
  const entropies = logits.device.temporary([rows])
  logits.device.run(forward, { logits, entropies, rows, count })
  return entropies
}
