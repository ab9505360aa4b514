import { isUtf8 } from 'node:buffer'
import { bytesOfEntry, charOfByte } from './byteLevel.ts'
import { ModelError } from './errors.ts'
import { Heap } from './heap.ts'
import { grown, PairTable } from './pairTable.ts'
import { createPreTokenizer } from './preTokenizer.ts'
import { isSkippedInDecoding, specialTokens } from './specialTokens.ts'
import type { PreTokenizerJson, TokenizerJson } from './tokenizerJson.ts'

/**
 * How text is cut into words, within which merges stay: an eojeol with the space before it and the full stops behind it; a
 * run of jamo (ㅋㅋㅋ, ㅠㅠ); a word of another script with the space, bracket, dot or underscore before it; a digit;
 * punctuation; line breaks; spaces.
 *
 * Bytes a token with 8,192 entries, learnt from a third of the collected corpora, on one in twenty held-out texts (of the
 * easy texts and chats, which it has not learnt from, one in four):
 *
 *                                            easy texts   chats   petitions   reviews   documentation   collected, all
 *     this pattern                                 4.40    3.99        4.70      5.00            3.32             4.47
 *     this pattern, broken characters, too         4.36    3.96        4.65      4.94            3.29             4.42
 *     full stops apart from the eojeol             4.20    3.90        4.62      4.92            3.30             4.41
 *     GPT-2's                                      4.20    3.83        4.67      4.95            3.14             4.36
 *     GPT-2's, broken characters, too              4.17    3.81        4.63      4.88            3.12             4.32
 *
 * Endings of sentences such as 습니다. and 예요. become one token that way, which is worth the doubles. Other trials, with
 * other splits of the texts: cutting particles off (은, 에서, …) costs 3 to 6 %, and merges find the common ones anyway;
 * commas, question and exclamation marks within the word gain 0.1 % on all, but cost 0.8 % on chats; a word of one syllable
 * with the one behind it (수 있습니다) gains 0.2 %, three words together, learnt after the words themselves (SuperBPE, Liu et
 * al. 2025), 0.5 %, but encoding is a third slower then; digits in threes gain 0.4 %, but one by one they make 12 + 34 the
 * same problem as 1 + 3.
 */
export const koreanPattern = [
  ' ?[가-힣]+\\.*',
  ' ?[ㄱ-ㆎᄀ-ᇿ]+',
  '[^\\r\\n\\p{L}\\p{N}]?(?:(?![가-힣ㄱ-ㆎᄀ-ᇿ])[\\p{L}\\p{M}])+',
  ' ?\\p{N}',
  ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*',
  '\\s*[\\r\\n]+',
  '\\s+(?!\\S)',
  '\\s+',
].join('|')

export interface TrainTokenizerOptions {
  /** Exact number of entries: control tokens, 256 bytes, merges. */
  vocabularySize: number
  /** The split that words are cut by; the default suits Korean. */
  pattern?: string
  /** Whether a token longer than a character holds whole ones only (the default). Hugging Face's trainer knows no such rule. */
  wholeCharacters?: boolean
  onProgress?: (progress: TokenizerProgress) => void
}

/** `count`: texts read so far (`total` unknown). `merge`: merges made, of `total`. */
export interface TokenizerProgress {
  phase: 'count' | 'merge'
  done: number
  total?: number
}

/**
 * Learns a byte-level BPE vocabulary from texts (Sennrich et al. 2016): words are counted, then the most frequent pair
 * of neighbouring tokens becomes a token, again and again; of equally frequent pairs the one with the lower ids. Pairs
 * that join part of a character with anything outside it are passed over (Land and Arnett 2025, arXiv 2505.24689): a
 * space with the first byte of 이, 있 and 영 is frequent, but no token that a text would be left with. The same texts give
 * the same vocabulary; without `wholeCharacters` the one that Hugging Face's trainer learns with the same pattern. Memory
 * grows with the number of distinct words only. An `option` error if the texts are too few for the size.
 */
export async function trainTokenizer(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainTokenizerOptions,
): Promise<TokenizerJson> {
  const { vocabularySize, pattern = koreanPattern, wholeCharacters = true, onProgress } = options
  const smallest = specialTokens.length + 256
  if (!Number.isInteger(vocabularySize) || vocabularySize < smallest)
    throw new ModelError('option', `vocabularySize is ${vocabularySize}; it must be an integer of ${smallest} or more`)
  const preTokenizer: PreTokenizerJson = {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    ],
  }
  const counts = await countWords(texts, createPreTokenizer(preTokenizer), onProgress)
  const entries: string[] = [...specialTokens, ...charOfByte.toSorted()]
  const idOfEntry = new Map(entries.map((entry, id) => [entry, id]))
  const words = new Words(
    counts,
    charOfByte.map(char => idOfEntry.get(char)!),
  )
  const merges: [string, string][] = []
  while (entries.length < vocabularySize) {
    const pair = words.mostFrequentPair()
    if (pair < 0)
      throw new ModelError(
        'option',
        `the texts give only ${entries.length} tokens, not ${vocabularySize}; give more text or a smaller vocabularySize`,
      )
    const left = entries[words.pairs.first[pair]]
    const right = entries[words.pairs.second[pair]]
    const entry = left + right
    // Text must never become a control token, however often a corpus spells one out.
    if (controlEntries.has(entry) || (wholeCharacters && breaksCharacters(entry))) {
      words.forget(pair)
      continue
    }
    // Different pairs may spell the same entry: then there is one more merge, but no new token.
    const known = idOfEntry.get(entry)
    const id = known ?? entries.push(entry) - 1
    idOfEntry.set(entry, id)
    words.merge(pair, id)
    merges.push([left, right])
    if (merges.length % 64 === 0) {
      onProgress?.({ phase: 'merge', done: entries.length - smallest, total: vocabularySize - smallest })
      await new Promise(setImmediate)
    }
  }
  return tokenizerJson(entries, merges, preTokenizer)
}

/** How often each distinct word occurs. */
async function countWords(
  texts: Iterable<string> | AsyncIterable<string>,
  preTokenize: (text: string) => readonly string[],
  onProgress: TrainTokenizerOptions['onProgress'],
): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  let done = 0
  const count = (text: string): boolean => {
    for (const word of preTokenize(text)) {
      const before = counts.get(word)
      counts.set(before === undefined ? detached(word) : word, (before ?? 0) + 1)
    }
    if (++done % 4096 !== 0) return false
    onProgress?.({ phase: 'count', done })
    return true
  }
  // No `for await` over plain iterables: a microtask for each of a million short texts costs more than counting them.
  if (Symbol.iterator in texts) {
    for (const text of texts) if (count(text)) await new Promise(setImmediate)
  } else {
    for await (const text of texts) count(text)
  }
  onProgress?.({ phase: 'count', done })
  return counts
}

/** A copy: V8 makes substrings of 13 and more as views, and a view keeps the text it was cut from in memory. */
const detached = (word: string): string => (word.length < 13 ? word : Buffer.from(word, 'utf16le').toString('utf16le'))

/**
 * The distinct words as token sequences, and for every pair of neighbours how often it occurs (weighted by the words'
 * counts) and in which words. A merge touches those words only.
 */
class Words {
  readonly pairs = new PairTable(1 << 16)
  /** Word w is tokens[starts[w]] and on, lengths[w] of them. */
  readonly #tokens: Int32Array
  readonly #starts: Int32Array
  readonly #lengths: Int32Array
  readonly #frequency: Float64Array
  /** By pair: its count, and the head of its list of words. */
  #count = new Float64Array(1 << 16)
  #head = new Int32Array(1 << 16)
  /** The nodes of those lists: a word and the node before, from 1. Free nodes are a list, too. */
  #nodeWord = new Int32Array(1 << 20)
  #nodeBefore = new Int32Array(1 << 20)
  #nodes = 1
  #free = 0
  /** Candidates; a count that has fallen since is corrected when its turn comes. */
  readonly #queue = new Heap<{ pair: number; count: number }>((a, b) => {
    if (a.count !== b.count) return a.count > b.count
    const { first, second } = this.pairs
    return first[a.pair] - first[b.pair] < 0 || (first[a.pair] === first[b.pair] && second[a.pair] < second[b.pair])
  })

  constructor(counts: ReadonlyMap<string, number>, byteIds: readonly number[]) {
    let bytes = 0
    for (const word of counts.keys()) bytes += Buffer.byteLength(word)
    this.#tokens = new Int32Array(bytes)
    this.#starts = new Int32Array(counts.size)
    this.#lengths = new Int32Array(counts.size)
    this.#frequency = Float64Array.from(counts.values())
    let end = 0
    let w = 0
    for (const word of counts.keys()) {
      this.#starts[w] = end
      for (const byte of utf8.encode(word)) this.#tokens[end++] = byteIds[byte]
      this.#lengths[w] = end - this.#starts[w]
      for (let i = this.#starts[w] + 1; i < end; i++) this.#occurs(this.#tokens[i - 1], this.#tokens[i], w)
      w++
    }
    for (let pair = 0; pair < this.pairs.size; pair++) this.#queue.push({ pair, count: this.#count[pair] })
  }

  /** The pair to merge next, or −1 if no word has two tokens. */
  mostFrequentPair(): number {
    for (let top = this.#queue.pop(); top; top = this.#queue.pop()) {
      const count = this.#count[top.pair]
      if (count <= 0) continue
      if (count === top.count) return top.pair
      this.#queue.push({ pair: top.pair, count })
    }
    return -1
  }

  /** Takes a pair out of the running. */
  forget(pair: number): void {
    this.#count[pair] = 0
  }

  /** Replaces the pair by `token` in all words. */
  merge(pair: number, token: number): void {
    const first = this.pairs.first[pair]
    const second = this.pairs.second[pair]
    const known = this.pairs.size
    const grownPairs = new Set<number>()
    let node = this.#head[pair]
    this.#head[pair] = 0
    while (node !== 0) {
      this.#mergeIn(this.#nodeWord[node], first, second, token, grownPairs)
      const before = this.#nodeBefore[node]
      this.#nodeBefore[node] = this.#free
      this.#free = node
      node = before
    }
    for (const grownPair of grownPairs)
      if (grownPair >= known) this.#queue.push({ pair: grownPair, count: this.#count[grownPair] })
  }

  #mergeIn(w: number, first: number, second: number, token: number, grownPairs: Set<number>): void {
    const tokens = this.#tokens
    const start = this.#starts[w]
    const end = start + this.#lengths[w]
    const frequency = this.#frequency[w]
    let to = start
    for (let from = start; from < end; from++, to++) {
      if (tokens[from] !== first || from + 1 === end || tokens[from + 1] !== second) {
        tokens[to] = tokens[from]
        continue
      }
      if (to > start) {
        this.#vanishes(tokens[to - 1], first, frequency)
        grownPairs.add(this.#occurs(tokens[to - 1], token, w))
      }
      if (from + 2 < end) {
        this.#vanishes(second, tokens[from + 2], frequency)
        grownPairs.add(this.#occurs(token, tokens[from + 2], w))
      }
      this.#vanishes(first, second, frequency)
      tokens[to] = token
      from++
    }
    this.#lengths[w] = to - start
  }

  #vanishes(a: number, b: number, frequency: number): void {
    const pair = this.pairs.find(a, b)
    this.#count[pair] -= frequency
  }

  #occurs(a: number, b: number, w: number): number {
    const pair = this.pairs.add(a, b)
    if (pair >= this.#count.length) {
      this.#count = grown(this.#count, pair * 2)
      this.#head = grown(this.#head, pair * 2)
    }
    this.#count[pair] += this.#frequency[w]
    const head = this.#head[pair]
    if (head === 0 || this.#nodeWord[head] !== w) this.#head[pair] = this.#node(w, head)
    return pair
  }

  #node(w: number, before: number): number {
    let node = this.#free
    if (node !== 0) this.#free = this.#nodeBefore[node]
    else {
      node = this.#nodes++
      if (node === this.#nodeWord.length) {
        this.#nodeWord = grown(this.#nodeWord, node * 2)
        this.#nodeBefore = grown(this.#nodeBefore, node * 2)
      }
    }
    this.#nodeWord[node] = w
    this.#nodeBefore[node] = before
    return node
  }
}

const utf8 = new TextEncoder()

/** Whether an entry holds part of a character together with anything outside it. */
function breaksCharacters(entry: string): boolean {
  const bytes = bytesOfEntry(entry)!
  const withinOne = bytes.subarray(1).every(byte => (byte & 0xc0) === 0x80)
  return !withinOne && !isUtf8(bytes)
}

/** Control tokens as they would look if merges had spelled them. They are ASCII, whose printable part stands for itself. */
const controlEntries: ReadonlySet<string> = new Set(specialTokens)

function tokenizerJson(entries: string[], merges: [string, string][], preTokenizer: PreTokenizerJson): TokenizerJson {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: isSkippedInDecoding(content),
    })),
    normalizer: { type: 'NFC' },
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(entries.map((entry, id) => [entry, id])),
      merges,
    },
  }
}
