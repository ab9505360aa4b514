import { hashText, mixBits } from './hash.ts'
import type { Outcome, Step } from './step.ts'

/*
 * The filters of Gopher (Rae et al. 2021, table A1) and FineWeb (Penedo et al. 2024), with limits for Korean, whose words
 * are about three syllables and whose short lines are often dialogue or verse.
 */

const linesBeforeJudging = 5
const wordsBeforeJudging = 20
const mostRepeatedLines = 0.3
/** By length of the run in words: the part of the text that its most frequent run may take. */
const mostOfOneRun: readonly (readonly [words: number, share: number])[] = [
  [2, 0.2],
  [3, 0.18],
  [4, 0.16],
]
const [longestRun, leastShare] = mostOfOneRun.at(-1)!
const mostSymbols = 0.3
const mostJamo = 0.3
const longestMeanWord = 15
const longestLine = 2000

const ordinarySymbols = /[^\p{L}\p{N}\p{M}\s.,!?…·:;'"“”‘’()~-]/gu
const jamo = /[ㄱ-ㆎ]/g
const countOf = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0

/** The first line that came before, if such lines hold too many of the characters. */
function repeatedLine(lines: readonly string[], length: number): string | undefined {
  if (lines.length < linesBeforeJudging) return undefined
  const seen = new Set<string>()
  const repeated = lines.filter(line => seen.size === seen.add(line).size)
  return sumOfLengths(repeated) > mostRepeatedLines * length ? repeated[0] : undefined
}

/** The most frequent run of words, if it takes too much of the text; at least three times, for twice is rhetoric. */
function repeatedRun(words: readonly string[], length: number): string | undefined {
  if (words.length < wordsBeforeJudging) return undefined
  const hashes = words.map(word => hashText(word, 11))
  const longest = words.reduce((most, word) => Math.max(most, word.length), 0)
  for (const [size, share] of mostOfOneRun) {
    const { start, count } = mostFrequentRun(hashes, size)
    const run = words.slice(start, start + size).join(' ')
    if (count >= 3 && run.length * count > share * length) return run
    // Longer runs are no more frequent, so most texts are done after pairs.
    if (count < 3 || count * longestRun * (longest + 1) <= leastShare * length) return undefined
  }
  return undefined
}

/** By hashes, because strings as keys would take most of the time. */
function mostFrequentRun(hashes: readonly number[], size: number): { readonly start: number; readonly count: number } {
  const counts = new Map<number, number>()
  let most = { start: 0, count: 0 }
  for (let start = 0; start + size <= hashes.length; start++) {
    let hash = 0
    for (let i = start; i < start + size; i++) hash = Math.imul(hash, 0x9e3779b1) + hashes[i]!
    // 30 bits are integers to the engine, not floating-point numbers.
    const key = mixBits(hash) >>> 2
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    if (count > most.count) most = { start, count }
  }
  return most
}

const sumOfLengths = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + text.length, 0)

/**
 * Drops what is no running text: shorter than `minCharacters`, the same lines or words again and again, mostly symbols
 * or lone jamo (ㅋㅋㅋ), words or lines of impossible length (keys, tables, text without spaces).
 */
export function qualityStep(minCharacters: number): Step {
  return (text: string): Outcome => {
    if (text.length < minCharacters) return { dropped: 'short' }
    const words = text.split(/\s+/)
    const inWords = sumOfLengths(words)
    if (countOf(text, ordinarySymbols) > mostSymbols * inWords) return { dropped: 'symbols' }
    if (countOf(text, jamo) > mostJamo * inWords) return { dropped: 'jamo' }
    if (inWords > longestMeanWord * words.length) return { dropped: 'longWords' }
    const lines = text.split('\n').filter(line => line !== '')
    const long = lines.find(line => line.length > longestLine && !/[.!?。…]/.test(line))
    if (long !== undefined) return { dropped: 'longLine', part: long }
    const line = repeatedLine(lines, text.length)
    if (line !== undefined) return { dropped: 'repeatedLines', part: line }
    const run = repeatedRun(words, text.length)
    if (run !== undefined) return { dropped: 'repeatedWords', part: run }
    return { text }
  }
}
