import { setImmediate } from 'node:timers/promises'
import { type GenerateOptions, prefillChunk, type TokenSequence } from './generate.ts'
import type { LanguageModel, PagedKvCache, PagedKvSequence } from './languageModel.ts'

interface Step {
  readonly sequence: PagedKvSequence
  readonly tokens: readonly number[]
  readonly done: PromiseWithResolvers<Float32Array>
}

/** The sequences of one answer of one's own: those that go on at the same time go on in one pass. */
export class OwnSequences {
  readonly #model: LanguageModel
  readonly #cache: PagedKvCache
  readonly #options: Pick<GenerateOptions, 'signal' | 'turn'>
  #steps: Step[] = []

  constructor(model: LanguageModel, cache: PagedKvCache, options: Pick<GenerateOptions, 'signal' | 'turn'>) {
    this.#model = model
    this.#cache = cache
    this.#options = options
  }

  open(sequence: PagedKvSequence = this.#cache.createSequence()): TokenSequence {
    return {
      append: tokens => this.#ask(sequence, tokens),
      fork: () => this.open(sequence.fork()),
      release: () => sequence.release(),
      reused: 0,
    }
  }

  #ask(sequence: PagedKvSequence, tokens: readonly number[]): Promise<Float32Array> {
    const done = Promise.withResolvers<Float32Array>()
    this.#steps.push({ sequence, tokens, done })
    if (this.#steps.length === 1) this.#run()
    return done.promise
  }

  async #run(): Promise<void> {
    let steps: Step[] = []
    try {
      await this.#turn()
      steps = this.#steps
      this.#steps = []
      const [{ tokens, sequence, done }] = steps as [Step]
      if (steps.length === 1 && tokens.length > 1) done.resolve(await this.#read(sequence, tokens))
      else this.#goOn(steps)
    } catch (error) {
      for (const { done } of [...steps, ...this.#steps.splice(0)]) done.reject(error)
    }
  }

  /** A token of each. */
  #goOn(steps: readonly Step[]): void {
    const tokens = steps.map(({ tokens }) => tokens[0]!)
    const logits = this.#model.stepAll(
      tokens,
      steps.map(({ sequence }) => sequence),
    )
    const size = logits.length / steps.length
    for (const [i, { done }] of steps.entries()) done.resolve(logits.subarray(i * size, (i + 1) * size))
  }

  /** A prompt, in pieces. */
  async #read(sequence: PagedKvSequence, tokens: readonly number[]): Promise<Float32Array> {
    let logits = this.#model.step(tokens.slice(0, prefillChunk), sequence)
    for (let at = prefillChunk; at < tokens.length; at += prefillChunk) {
      await this.#turn()
      logits = this.#model.step(tokens.slice(at, at + prefillChunk), sequence)
    }
    return logits
  }

  async #turn(): Promise<void> {
    const { turn = setImmediate, signal } = this.#options
    await turn()
    signal?.throwIfAborted()
  }
}
