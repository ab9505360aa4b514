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

/** Takes out blocks of code, markup of four notations (what it marks stays) and web addresses. */
export function markupStep(text: string): Outcome {
  const outcome = repair(text, notations)
  return outcome.text.trim() === '' ? { dropped: 'empty', found: outcome.found } : outcome
}
