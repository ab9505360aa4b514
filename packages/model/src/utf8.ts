import type { Tokenizer } from './tokenizer.ts'

/*
 * Which tokens may follow so that a text stays UTF-8. A state is what the bytes so far leave open: 0 nothing, else
 * the places of `open` that must be filled, the first by a byte in its own range (Unicode 17, table 3-7).
 */

const trail = [0x80, 0xbf] as const
const open: readonly (readonly (readonly [from: number, to: number])[])[] = [
  [],
  [trail],
  [trail, trail],
  [trail, trail, trail],
  [[0xa0, 0xbf], trail],
  [[0x80, 0x9f], trail],
  [[0x90, 0xbf], trail, trail],
  [[0x80, 0x8f], trail, trail],
]

/** The state after a byte at the beginning of a character; −1 if no character begins with it. */
function begin(byte: number): number {
  if (byte < 0x80) return 0
  if (byte < 0xc2 || byte > 0xf4) return -1
  if (byte < 0xe0) return 1
  if (byte < 0xf0) return byte === 0xe0 ? 4 : byte === 0xed ? 5 : 2
  return byte === 0xf0 ? 6 : byte === 0xf4 ? 7 : 3
}

function follow(state: number, byte: number): number {
  if (state === 0) return begin(byte)
  const [from, to] = open[state]![0]!
  return byte >= from && byte <= to ? open[state]!.length - 1 : -1
}

/** What the tokens do in one state. */
interface Effects {
  /** The state after each; −1 if its bytes make no UTF-8. */
  readonly after: Int8Array
  /** Those that make none. */
  readonly broken: Int32Array
}

function effectsIn(state: number, tokenizer: Tokenizer): Effects {
  const after = new Int8Array(tokenizer.vocabularySize)
  const broken: number[] = []
  for (let id = 0; id < after.length; id++) {
    let now = state
    for (const byte of tokenizer.tokenBytes(id)) if (now >= 0) now = follow(now, byte)
    after[id] = now
    if (now < 0) broken.push(id)
  }
  return { after, broken: Int32Array.from(broken) }
}

const vocabularies = new WeakMap<Tokenizer, Utf8Vocabulary>()

/** What each token of a vocabulary does to a text that is to be UTF-8, worked out for a state when it is first met. */
export class Utf8Vocabulary {
  readonly #tokenizer: Tokenizer
  readonly #effects: (Effects | undefined)[] = []

  private constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer
  }

  /** That of a tokenizer, always the same. */
  static of(tokenizer: Tokenizer): Utf8Vocabulary {
    const known = vocabularies.get(tokenizer) ?? new Utf8Vocabulary(tokenizer)
    vocabularies.set(tokenizer, known)
    return known
  }

  /** The state that a token leads to. */
  after(state: number, id: number): number {
    return this.#in(state).after[id]!
  }

  /** The tokens that make no UTF-8 in this state. */
  broken(state: number): Int32Array {
    return this.#in(state).broken
  }

  #in(state: number): Effects {
    const effects = this.#effects[state] ?? effectsIn(state, this.#tokenizer)
    this.#effects[state] = effects
    return effects
  }
}
