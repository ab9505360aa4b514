import { Heap } from './heap.ts'
import { PairTable } from './pairTable.ts'

/** What byte-pair encoding needs to know of a vocabulary. Merges are in order of rank, lowest first. */
export interface BytePairModel {
  /** The token of each of the 256 bytes. */
  byteIds: Int32Array
  left: Int32Array
  right: Int32Array
  merged: Int32Array
  /** Tokens that a whole word may become without any merging (`ignore_merges`), by the word's text. */
  wholeWords?: ReadonlyMap<string, number>
}

/** V8 cuts longer pieces as views that keep the whole text alive, so only shorter words are remembered. */
const longestCachedWord = 12
const cachedWords = 1 << 16
const positions = 2 ** 32

/**
 * Splits one word (a piece of the pre-tokenizer) into tokens: starting from its bytes, the neighbouring pair with the
 * lowest merge rank is merged, the leftmost first, until no pair has a merge. Sennrich et al. 2016, algorithm 1.
 * A heap keeps this at n log n, so that a megabyte without a space cannot stall a server; short words are remembered.
 */
export class BytePairEncoder {
  readonly #model: BytePairModel
  readonly #ranks: PairTable
  readonly #cache = new Map<string, number[]>()
  /** rank · 2³² + position: the smallest is the next merge. */
  readonly #queue = new Heap<number>((a, b) => a < b)
  #bytes = new Uint8Array(256)
  #ids = new Int32Array(256)
  #next = new Int32Array(256)
  #previous = new Int32Array(256)

  constructor(model: BytePairModel) {
    this.#model = model
    this.#ranks = new PairTable(model.left.length)
    for (let rank = 0; rank < model.left.length; rank++) this.#ranks.add(model.left[rank], model.right[rank])
  }

  /** Appends the tokens of `word` to `out`. */
  encode(word: string, out: number[]): void {
    const cached = this.#cache.get(word)
    if (cached) {
      for (const id of cached) out.push(id)
      return
    }
    const before = out.length
    const whole = this.#model.wholeWords?.get(word)
    if (whole !== undefined) out.push(whole)
    else this.#merge(word, out)
    if (word.length <= longestCachedWord) {
      if (this.#cache.size >= cachedWords) this.#cache.clear()
      this.#cache.set(word, out.slice(before))
    }
  }

  #merge(word: string, out: number[]): void {
    if (this.#bytes.length < word.length * 3) this.#resize(word.length * 3)
    const length = utf8.encodeInto(word, this.#bytes).written
    const ids = this.#ids
    const next = this.#next
    const previous = this.#previous
    for (let i = 0; i < length; i++) {
      ids[i] = this.#model.byteIds[this.#bytes[i]]
      next[i] = i + 1
      previous[i] = i - 1
    }
    for (let i = 0; i + 1 < length; i++) this.#offer(i, i + 1)
    for (let key = this.#queue.pop(); key !== undefined; key = this.#queue.pop()) {
      const rank = Math.floor(key / positions)
      const at = key % positions
      const after = next[at]
      // An entry is stale if one of its two tokens has been merged since; a merged-away position holds −1.
      if (ids[at] < 0 || after >= length || this.#ranks.find(ids[at], ids[after]) !== rank) continue
      ids[at] = this.#model.merged[rank]
      ids[after] = -1
      next[at] = next[after]
      if (next[at] < length) {
        previous[next[at]] = at
        this.#offer(at, next[at])
      }
      if (previous[at] >= 0) this.#offer(previous[at], at)
    }
    for (let i = 0; i < length; i = next[i]) out.push(ids[i])
  }

  #offer(at: number, after: number): void {
    const rank = this.#ranks.find(this.#ids[at], this.#ids[after])
    if (rank >= 0) this.#queue.push(rank * positions + at)
  }

  #resize(bytes: number): void {
    this.#bytes = new Uint8Array(bytes)
    this.#ids = new Int32Array(bytes)
    this.#next = new Int32Array(bytes)
    this.#previous = new Int32Array(bytes)
  }
}

const utf8 = new TextEncoder()
