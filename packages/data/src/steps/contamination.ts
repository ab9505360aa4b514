import { hashText, joinHashes, mixBits } from './hash.ts'

const gramLength = 13

/** Evaluation texts of fewer units than this are everyday phrases, which say nothing about a copy. */
const shortest = 6

/**
 * The units of a text: its words of letters and digits, in lower case, so that punctuation does not hide a copy; or its
 * characters, where it has few spaces (Japanese, Chinese, Korean written without them) and whole lines would be words.
 */
export function units(text: string): string[] {
  const words =
    text
      .normalize('NFC')
      .toLowerCase()
      .match(/[\p{L}\p{N}\p{M}]+/gu) ?? []
  const letters = words.reduce((sum, word) => sum + word.length, 0)
  return letters > 12 * words.length ? [...words.join('')] : words
}

const hashUnits = (list: readonly string[]): Uint32Array => Uint32Array.from(list, unit => hashText(unit, 3))

function gramHash(hashes: Uint32Array, start: number, length: number): number {
  let high = length
  let low = length
  for (let i = start; i < start + length; i++) {
    high = mixBits(high ^ hashes[i]!)
    low = mixBits(Math.imul(low, 31) + hashes[i]!)
  }
  return joinHashes(high, low)
}

/**
 * Finds texts that hold a piece of an evaluation set: 13 units in a row, as in GPT-3 and Llama. Units are words rather
 * than characters, because 13 syllables are three or four Korean words, and newspapers share phrases of that length by
 * chance. Evaluation texts of 6 to 12 words, as most sentences of KLUE are, count as a whole.
 */
export class Contamination {
  private readonly grams = new Set<number>()
  private readonly lengths = new Set<number>()

  /** Adds a text of an evaluation set; false if it is too short to tell a copy by. */
  add(text: string): boolean {
    const list = units(text)
    if (list.length < shortest) return false
    const length = Math.min(gramLength, list.length)
    this.lengths.add(length)
    const hashes = hashUnits(list)
    for (let start = 0; start + length <= list.length; start++) {
      this.grams.add(gramHash(hashes, start, length))
    }
    return true
  }

  /** The first words of `text` that an evaluation set holds too, or undefined. */
  find(text: string): string | undefined {
    if (this.lengths.size === 0) return undefined
    const list = units(text)
    const hashes = hashUnits(list)
    for (let start = 0; start + shortest <= list.length; start++) {
      for (const length of this.lengths) {
        if (start + length <= list.length && this.grams.has(gramHash(hashes, start, length))) {
          return list.slice(start, start + length).join(' ')
        }
      }
    }
    return undefined
  }
}
