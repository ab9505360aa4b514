import { addTally, type Tally } from './report.ts'
import type { Outcome } from './step.ts'
import { wordClasses } from './wordClasses.ts'

/** A document goes if it has more than one such word in so many characters: one in a short text is its tone, in a long one a quotation. */
const charactersPerWord = 300

/** Drops documents thick with insults, slurs, pornography or spam, by the class of most words; counts the words of each class. */
export function wordsStep(text: string): Outcome {
  const found: Tally = {}
  let part: string | undefined
  let main: string | undefined
  for (const [name, pattern] of Object.entries(wordClasses)) {
    const matches = text.match(pattern)
    if (!matches) continue
    addTally(found, { [name]: matches.length })
    if (main === undefined || matches.length > found[main]!) {
      main = name
      part = matches[0]
    }
  }
  const total = Object.values(found).reduce((sum, count) => sum + count, 0)
  if (main === undefined || total * charactersPerWord <= text.length) return { text, found }
  return { dropped: main, part: part!, found }
}
