import { squeezeRepeats, squeezeSpaces } from '../clean.ts'
import { type Outcome, repair } from './step.ts'

const squeezes = { repeats: squeezeRepeats, spaces: squeezeSpaces }

/** Single spaces, no more than one empty line, and no character more than three times in a row; empty documents go. */
export function spacingStep(text: string): Outcome {
  const outcome = repair(text, squeezes)
  return outcome.text === '' ? { dropped: 'empty', found: outcome.found } : outcome
}
