import { dropForeignLines } from '../clean.ts'
import { lettersByScript, scripts, sumOfLetters } from './letters.ts'
import type { Tally } from './report.ts'
import type { Dropped, Outcome, Step } from './step.ts'

/**
 * Keeps what is Korean: drops lines that are mostly in another language, then documents whose letters are Hangul to a
 * smaller part than `minHangul`, by the script that most of their other letters had (`noLetters`: they had none). Counts
 * the letters left, by script.
 */
export function languageStep(minHangul: number): Step {
  return (text: string): Outcome => {
    const left = dropForeignLines(text).trim()
    const letters = lettersByScript(left)
    const total = sumOfLetters(letters)
    if (total === 0 || letters.hangul < minHangul * total) return dropped(text)
    const found: Tally = Object.fromEntries(scripts.filter(script => letters[script] > 0).map(s => [s, letters[s]]))
    const foreignLines = text.split('\n').length - left.split('\n').length
    if (left !== text) found.foreignLines = foreignLines
    return { text: left, found }
  }
}

function dropped(text: string): Dropped {
  const letters = lettersByScript(text)
  const main = scripts.slice(1).reduce((most, script) => (letters[script] > letters[most] ? script : most))
  return { dropped: letters[main] === 0 ? 'noLetters' : main }
}
