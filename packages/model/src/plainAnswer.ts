import type { Tokenizer } from './tokenizer.ts'
import { Utf8Vocabulary } from './utf8.ts'

/** How far an answer has come. */
interface Place {
  /** What the last character still needs. */
  readonly character: number
  /** The bytes so far, as long as no reader would see anything of them. */
  readonly blank: Uint8Array | undefined
}

/**
 * The form of an answer that is text and nothing else, at one place of it: valid UTF-8, no control token but those that
 * end it, and never blank, as `ReplySampler` has it. It does not change, so that several ways of going on can begin with it.
 */
export class PlainAnswer {
  readonly #tokenizer: Tokenizer
  readonly #stopIds: ReadonlySet<number>
  readonly #place: Place

  constructor(
    tokenizer: Tokenizer,
    stopIds: ReadonlySet<number>,
    place: Place = { character: 0, blank: new Uint8Array() },
  ) {
    this.#tokenizer = tokenizer
    this.#stopIds = stopIds
    this.#place = place
  }

  /** Gives what cannot come next the logit −∞. */
  forbid(logits: Float32Array): void {
    const { controlTokens, vocabularySize } = this.#tokenizer
    const { character, blank } = this.#place
    const mayEnd = blank === undefined && character === 0
    for (const id of Utf8Vocabulary.of(this.#tokenizer).broken(character)) logits[id] = -Infinity
    for (const id of [...controlTokens.values(), ...this.#stopIds])
      if (!mayEnd || !this.#stopIds.has(id)) logits[id] = -Infinity
    // A model may have more rows than the tokenizer has entries.
    logits.fill(-Infinity, vocabularySize)
  }

  /** The form behind one more token. */
  after(token: number): PlainAnswer {
    const character = Utf8Vocabulary.of(this.#tokenizer).after(this.#place.character, token)
    const bytes = this.#place.blank && Buffer.concat([this.#place.blank, this.#tokenizer.tokenBytes(token)])
    const isBlank = bytes && new TextDecoder().decode(bytes, { stream: true }).trim() === ''
    return new PlainAnswer(this.#tokenizer, this.#stopIds, { character, blank: isBlank ? bytes : undefined })
  }
}
