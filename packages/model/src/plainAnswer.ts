import type { Tokenizer } from './tokenizer.ts'
import { Utf8Vocabulary } from './utf8.ts'

/** What is the same all along an answer. */
interface Vocabulary {
  readonly tokenizer: Tokenizer
  readonly utf8: Utf8Vocabulary
  /** Control tokens that end the answer, and the others. */
  readonly ends: readonly number[]
  readonly others: readonly number[]
  /** What tokens say that begin and end with a character, where it has been asked for. */
  readonly texts: Map<number, string>
}

const noBytes = new Uint8Array()

/**
 * The form of an answer that is text and nothing else, at one place of it: valid UTF-8, no control token but those that
 * end it, and never blank, as `ReplySampler` has it. It does not change, so that several ways of going on can begin with it.
 */
export class PlainAnswer {
  /** The whole characters so far. */
  readonly text: string
  readonly #vocabulary: Vocabulary
  /** What the last character still needs, and the bytes that it has. */
  readonly #character: number
  readonly #bytes: Uint8Array

  private constructor(vocabulary: Vocabulary, text: string, character: number, bytes: Uint8Array) {
    this.text = text
    this.#vocabulary = vocabulary
    this.#character = character
    this.#bytes = bytes
  }

  /** At the beginning of an answer, which `stopIds` end. */
  static begin(tokenizer: Tokenizer, stopIds: ReadonlySet<number>): PlainAnswer {
    const others = [...tokenizer.controlTokens.values()].filter(id => !stopIds.has(id))
    const utf8 = Utf8Vocabulary.of(tokenizer)
    const vocabulary = { tokenizer, utf8, ends: [...stopIds], others, texts: new Map() }
    return new PlainAnswer(vocabulary, '', 0, noBytes)
  }

  /** Gives what cannot come next the logit −∞. */
  forbid(logits: Float32Array): void {
    const { tokenizer, utf8, ends, others } = this.#vocabulary
    for (const id of utf8.broken(this.#character)) logits[id] = -Infinity
    for (const id of others) logits[id] = -Infinity
    const mayEnd = this.#character === 0 && this.text.trim() !== ''
    if (!mayEnd) for (const id of ends) logits[id] = -Infinity
    // A model may have more rows than the tokenizer has entries.
    logits.fill(-Infinity, tokenizer.vocabularySize)
  }

  /** The whole characters behind one more token that may come. */
  textAfter(token: number): string {
    const { utf8, texts } = this.#vocabulary
    const isWhole = this.#character === 0 && utf8.after(0, token) === 0
    if (!isWhole) return this.after(token).text
    let text = texts.get(token)
    if (text === undefined) {
      text = decoded(this.#vocabulary.tokenizer.tokenBytes(token))
      texts.set(token, text)
    }
    return this.text + text
  }

  /** The form behind one more token that may come. */
  after(token: number): PlainAnswer {
    const { tokenizer, utf8 } = this.#vocabulary
    const character = utf8.after(this.#character, token)
    const bytes = Buffer.concat([this.#bytes, tokenizer.tokenBytes(token)])
    const text = decoded(bytes)
    const left = character === 0 ? noBytes : bytes.subarray(Buffer.byteLength(text))
    return new PlainAnswer(this.#vocabulary, this.text + text, character, left)
  }
}

/** The whole characters that bytes begin with. */
const decoded = (bytes: Uint8Array): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true })
