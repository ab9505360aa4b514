import type { Tokenizer } from './tokenizer.ts'
import { Utf8Vocabulary } from './utf8.ts'

/** What is the same all along an answer. */
interface Vocabulary {
  readonly tokenizer: Tokenizer
  readonly utf8: Utf8Vocabulary
  /** Control tokens that end the answer, and the others. */
  readonly ends: readonly number[]
  readonly others: readonly number[]
}

/**
 * The form of an answer that is text and nothing else, at one place of it: valid UTF-8, no control token but those that
 * end it, and never blank, as `ReplySampler` has it. It does not change, so that several ways of going on can begin with it.
 */
export class PlainAnswer {
  readonly #vocabulary: Vocabulary
  /** What the last character still needs. */
  readonly #character: number
  /** The bytes so far, as long as no reader would see anything of them. */
  readonly #blank: Uint8Array | undefined

  private constructor(vocabulary: Vocabulary, character: number, blank: Uint8Array | undefined) {
    this.#vocabulary = vocabulary
    this.#character = character
    this.#blank = blank
  }

  /** At the beginning of an answer, which `stopIds` end. */
  static begin(tokenizer: Tokenizer, stopIds: ReadonlySet<number>): PlainAnswer {
    const others = [...tokenizer.controlTokens.values()].filter(id => !stopIds.has(id))
    const vocabulary = { tokenizer, utf8: Utf8Vocabulary.of(tokenizer), ends: [...stopIds], others }
    return new PlainAnswer(vocabulary, 0, new Uint8Array())
  }

  /** Whether the last character still needs bytes. */
  get isWithinCharacter(): boolean {
    return this.#character !== 0
  }

  /** Gives what cannot come next the logit −∞. */
  forbid(logits: Float32Array): void {
    const { tokenizer, utf8, ends, others } = this.#vocabulary
    for (const id of utf8.broken(this.#character)) logits[id] = -Infinity
    for (const id of others) logits[id] = -Infinity
    const mayEnd = this.#blank === undefined && this.#character === 0
    if (!mayEnd) for (const id of ends) logits[id] = -Infinity
    // A model may have more rows than the tokenizer has entries.
    logits.fill(-Infinity, tokenizer.vocabularySize)
  }

  /** The form behind one more token. */
  after(token: number): PlainAnswer {
    const { tokenizer, utf8 } = this.#vocabulary
    const bytes = this.#blank && Buffer.concat([this.#blank, tokenizer.tokenBytes(token)])
    const isBlank = bytes && new TextDecoder().decode(bytes, { stream: true }).trim() === ''
    return new PlainAnswer(this.#vocabulary, utf8.after(this.#character, token), isBlank ? bytes : undefined)
  }
}
