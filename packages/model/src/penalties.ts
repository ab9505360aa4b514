import type { SamplingOptions } from './sampling.ts'

type PenaltyOptions = Pick<SamplingOptions, 'repetitionPenalty' | 'frequencyPenalty' | 'presencePenalty'>

/** What makes tokens of one answer less likely that it has already. */
export class Penalties {
  readonly #options: PenaltyOptions
  /** What the repetition penalty counts as seen, if there is one. */
  readonly #seen: Set<number> | undefined
  /** What the answer has so far, each token once, and how often. */
  readonly #drawn: number[] = []
  readonly #counts: number[] = []
  readonly #places = new Map<number, number>()

  /** `prompt`: the ids that the repetition penalty counts as seen. */
  constructor(options: PenaltyOptions, prompt: Iterable<number> = []) {
    this.#options = options
    this.#seen = options.repetitionPenalty === 1 ? undefined : new Set(prompt)
  }

  /** Changes the logits of what comes next in place. */
  apply(logits: Float32Array): void {
    const { repetitionPenalty, frequencyPenalty, presencePenalty } = this.#options
    if (this.#seen) {
      for (const id of this.#seen)
        logits[id] = logits[id]! > 0 ? logits[id]! / repetitionPenalty : logits[id]! * repetitionPenalty
    }
    if (frequencyPenalty !== 0 || presencePenalty !== 0)
      for (let i = 0; i < this.#drawn.length; i++)
        logits[this.#drawn[i]!]! -= frequencyPenalty * this.#counts[i]! + presencePenalty
  }

  /** Notes a token of the answer. */
  count(token: number): void {
    this.#seen?.add(token)
    const place = this.#places.get(token)
    if (place === undefined) {
      this.#places.set(token, this.#drawn.length)
      this.#drawn.push(token)
      this.#counts.push(1)
    } else this.#counts[place]!++
  }
}
