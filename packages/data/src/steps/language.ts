import { dropForeignLines } from '../clean.ts'
import type { Tally } from './report.ts'
import type { Dropped, Outcome, Step } from './step.ts'

export const scripts = ['hangul', 'latin', 'han', 'kana', 'cyrillic', 'other'] as const
export type Script = (typeof scripts)[number]

/** The letters of a text by script. Hangul means syllables; lone jamo (ㅋㅋ) are nobody's words and count as other. */
export function lettersByScript(text: string): Record<Script, number> {
  const letters = { hangul: 0, latin: 0, han: 0, kana: 0, cyrillic: 0, other: 0 }
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0xac00 && code <= 0xd7a3) letters.hangul++
    else if (code < 0x80) {
      const lower = code | 0x20
      if (lower >= 0x61 && lower <= 0x7a) letters.latin++
    } else if ((code >= 0x4e00 && code <= 0x9fff) || (code >= 0x3400 && code <= 0x4dbf)) letters.han++
    else if (code >= 0x3041 && code <= 0x30ff && code !== 0x30fb) letters.kana++
    else if (code >= 0x0400 && code <= 0x052f) letters.cyrillic++
    else if (code <= 0x024f) {
      if (code >= 0xc0 && code !== 0xd7 && code !== 0xf7) letters.latin++
    } else if (/\p{L}/u.test(text[i]!)) letters.other++
  }
  return letters
}

/**
 * Keeps what is Korean: drops lines that are mostly in another language, then documents whose letters are Hangul to a
 * smaller part than `minHangul`, by the script that most of their letters had (`noLetters`: they had none). Counts
 * the letters left, by script.
 */
export function languageStep(minHangul: number): Step {
  return (text: string): Outcome => {
    const left = dropForeignLines(text).trim()
    const letters = lettersByScript(left)
    const total = scripts.reduce((sum, script) => sum + letters[script], 0)
    if (total === 0 || letters.hangul < minHangul * total) return dropped(text)
    const found: Tally = Object.fromEntries(scripts.filter(script => letters[script] > 0).map(s => [s, letters[s]]))
    const foreignLines = text.split('\n').length - left.split('\n').length
    if (left !== text) found.foreignLines = foreignLines
    return { text: left, found }
  }
}

function dropped(text: string): Dropped {
  const letters = lettersByScript(text)
  const main = scripts.reduce((most, script) => (letters[script] > letters[most] ? script : most))
  return { dropped: letters[main] === 0 ? 'noLetters' : main }
}
