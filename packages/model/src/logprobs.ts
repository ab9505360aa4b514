import type { Sampler } from './sampling.ts'

export interface Likelihood {
  id: number
  /** In nats, as the model has it: before penalties, biases, temperature and what a reply's form forbids. */
  logprob: number
}

/** How likely a token was, and the most likely ones at its place, best first. */
export interface TokenLogprob extends Likelihood {
  top: Likelihood[]
}

/** ln softmax(logits)[token], and that of the `top` largest; of equals the lower id comes first. logits: [vocabulary]. */
export function logprobOf(logits: ArrayLike<number>, token: number, top: number): TokenLogprob {
  const best: number[] = []
  let largest = -Infinity
  for (let id = 0; id < logits.length; id++) {
    const value = logits[id]!
    if (value > largest) largest = value
    if (top === 0 || (best.length === top && value <= logits[best.at(-1)!]!)) continue
    const place = best.findIndex(other => logits[other]! < value)
    best.splice(place < 0 ? best.length : place, 0, id)
    if (best.length > top) best.pop()
  }
  let sum = 0
  for (let id = 0; id < logits.length; id++) sum += Math.exp(logits[id]! - largest)
  const normalizer = largest + Math.log(sum)
  const likelihood = (id: number): Likelihood => ({ id, logprob: logits[id]! - normalizer })
  return { ...likelihood(token), top: best.map(likelihood) }
}

type Draw = Pick<Sampler, 'next'>

/** Draws as `sampler` does, and keeps how likely the last token was. */
export class MeasuringSampler implements Draw {
  last: TokenLogprob | undefined
  readonly #sampler: Draw
  readonly #top: number

  constructor(sampler: Draw, top: number) {
    this.#sampler = sampler
    this.#top = top
  }

  next(logits: Float32Array): number {
    const given = logits.slice()
    const token = this.#sampler.next(logits)
    this.last = logprobOf(given, token, this.#top)
    return token
  }
}

/** Draws as `sampler` does from logits to which `bias` (token → what is added) has been added. */
export const biased = (sampler: Draw, bias: ReadonlyMap<number, number>): Draw => ({
  next(logits, allows) {
    for (const [id, value] of bias) logits[id]! += value
    return sampler.next(logits, allows)
  },
})
