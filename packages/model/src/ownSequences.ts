import { ownTurn, readInTurns, type TokenSequence, type TurnOptions } from './generate.ts'
import type { LanguageModel, PagedKvCache, PagedKvSequence } from './languageModel.ts'

/** A sequence's next token. */
interface Step {
  readonly sequence: PagedKvSequence
  readonly token: number
  readonly done: PromiseWithResolvers<Float32Array>
}

/** The sequences of one answer of one's own: those that go on at the same time go on in one pass. */
export class OwnSequences {
  readonly #model: LanguageModel
  readonly #cache: PagedKvCache
  readonly #options: TurnOptions
  #steps: Step[] = []

  /** The cache has room for all that they may come to. */
  constructor(model: LanguageModel, cache: PagedKvCache, options: TurnOptions) {
    this.#model = model
    this.#cache = cache
    this.#options = options
  }

  open(sequence: PagedKvSequence = this.#cache.createSequence()): TokenSequence {
    return {
      append: tokens =>
        tokens.length === 1
          ? this.#goOn(sequence, tokens[0]!)
          : readInTurns(tokens, this.#options, chunk => this.#model.step(chunk, sequence)),
      fork: () => this.open(sequence.fork()),
      release: () => sequence.release(),
      reused: 0,
    }
  }

  #goOn(sequence: PagedKvSequence, token: number): Promise<Float32Array> {
    const done = Promise.withResolvers<Float32Array>()
    this.#steps.push({ sequence, token, done })
    if (this.#steps.length === 1) this.#pass()
    return done.promise
  }

  /** A token of each that asks until it is their turn. */
  async #pass(): Promise<void> {
    try {
      await ownTurn(this.#options)
      const steps = this.#steps
      const logits = this.#model.stepAll(
        steps.map(({ token }) => token),
        steps.map(({ sequence }) => sequence),
      )
      const size = logits.length / steps.length
      for (const [i, { done }] of steps.entries()) done.resolve(logits.subarray(i * size, (i + 1) * size))
    } catch (error) {
      for (const { done } of this.#steps) done.reject(error)
    } finally {
      this.#steps = []
    }
  }
}
