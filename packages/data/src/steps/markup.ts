import { stripCode, stripHtml, stripMarkdown, stripRst, stripWebAddresses, stripWiki } from '../clean.ts'
import { type Outcome, repair } from './step.ts'

// In the order in which one notation can hide in another. Mail addresses stay, to be masked as personal data.
const notations = {
  code: stripCode,
  restructuredText: stripRst,
  wiki: stripWiki,
  markdown: stripMarkdown,
  html: stripHtml,
  webAddresses: stripWebAddresses,
}

/** What a text with any markup has. */
const marks = /[`~{}[\]|<>&*_#=^]|''|::|\.\. |^[ \t]*[-+"']|https?:|www\./im

/** Takes out blocks of code, markup of four notations (what it marks stays) and web addresses. */
export function markupStep(text: string): Outcome {
  const outcome = marks.test(text) ? repair(text, notations) : { text, found: {} }
  return outcome.text.trim() === '' ? { dropped: 'empty', found: outcome.found } : outcome
}
