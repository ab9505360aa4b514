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
  for (const [size, share] of mostOfOneRun) {
    const counts = new Map<string, number>()
    let most = ''
    for (let i = 0; i + size <= words.length; i++) {
      const run = words.slice(i, i + size).join(' ')
      const count = (counts.get(run) ?? 0) + 1
      counts.set(run, count)
      if (count > (counts.get(most) ?? 2)) most = run
    }
    if (most.length * (counts.get(most) ?? 0) > share * length) return most
  }
  return undefined
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
