import { Fingerprints } from './fingerprints.ts'
import { hashText, mixBits } from './hash.ts'
import type { Step } from './step.ts'

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

const bases = [0x9e3779b1, 0x85ebca77] as const
const powers = bases.map(base => {
  const power = new Uint32Array(gramLength + 1).fill(1)
  for (let i = 1; i <= gramLength; i++) power[i] = Math.imul(power[i - 1]!, base)
  return power
}) as [Uint32Array, Uint32Array]

/** Hashes of the runs of units of one text, each in a few operations whatever its length (Rabin and Karp). */
class Runs {
  /** By place: the hashes of all units before it, as polynomials in the two bases. */
  private readonly before: readonly [Uint32Array, Uint32Array]

  constructor(list: readonly string[]) {
    this.before = [new Uint32Array(list.length + 1), new Uint32Array(list.length + 1)]
    for (const [i, unit] of list.entries()) {
      const hash = hashText(unit, 3)
      for (const k of [0, 1] as const) this.before[k][i + 1] = Math.imul(this.before[k][i]!, bases[k]) + hash
    }
  }

  /** Half of the hash of `length` units from `start`, by either base. */
  hash(half: 0 | 1, start: number, length: number): number {
    const before = this.before[half]
    return mixBits(before[start + length]! - Math.imul(before[start]!, powers[half][length]!) + length)
  }
}

/** What a thread needs to look for contamination that another has gathered. */
export interface SharedContamination {
  readonly table: Uint32Array
  readonly lengths: readonly number[]
}

/**
 * Finds texts that hold a piece of an evaluation set: 13 units in a row, as in GPT-3 and Llama. Units are words rather
 * than characters, because 13 syllables are three or four Korean words, and newspapers share phrases of that length by
 * chance. Evaluation texts of 6 to 12 words, as most sentences of KLUE are, count as a whole.
 */
export class Contamination {
  private readonly grams = new Fingerprints()
  private readonly lengths = new Set<number>()

  /** Adds a text of an evaluation set; false if it is too short to tell a copy by. */
  add(text: string): boolean {
    const list = units(text)
    if (list.length < shortest) return false
    const length = Math.min(gramLength, list.length)
    this.lengths.add(length)
    const runs = new Runs(list)
    for (let start = 0; start + length <= list.length; start++) {
      this.grams.add(runs.hash(0, start, length), runs.hash(1, start, length))
    }
    return true
  }

  share(): SharedContamination {
    return { table: this.grams.share(), lengths: [...this.lengths] }
  }

  /** The first words of `text` that an evaluation set holds too, or undefined. */
  find(text: string): string | undefined {
    return findRun(text, this.lengths, this.grams)
  }
}

function findRun(text: string, lengths: Iterable<number>, grams: Pick<Fingerprints, 'has'>): string | undefined {
  const list = units(text)
  const runs = new Runs(list)
  for (let start = 0; start + shortest <= list.length; start++) {
    for (const length of lengths) {
      if (start + length > list.length) continue
      if (grams.has(runs.hash(0, start, length), runs.hash(1, start, length))) {
        return list.slice(start, start + length).join(' ')
      }
    }
  }
  return undefined
}

/** As `find` of the `Contamination` that another thread has gathered. */
export function contaminationFinder({ table, lengths }: SharedContamination): (text: string) => string | undefined {
  if (lengths.length === 0) return () => undefined
  const grams = Fingerprints.shared(table)
  return text => findRun(text, lengths, grams)
}

/** Drops documents that hold a piece of an evaluation set. */
export function contaminationStep(contamination: SharedContamination): Step {
  const find = contaminationFinder(contamination)
  return text => {
    const part = find(text)
    return part === undefined ? { text } : { dropped: 'evaluation', part }
  }
}
