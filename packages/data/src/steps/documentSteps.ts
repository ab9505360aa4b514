import { boilerplateStep } from './boilerplate.ts'
import { contaminationStep, type SharedContamination } from './contamination.ts'
import { languageStep } from './language.ts'
import { markupStep } from './markup.ts'
import { personalDataStep } from './personalData.ts'
import { qualityStep } from './quality.ts'
import type { CleaningStep } from './report.ts'
import { spacingStep } from './spacing.ts'
import type { Step } from './step.ts'
import { unicodeStep } from './unicode.ts'
import { wordsStep } from './words.ts'

/** What steps are taken, and how strict they are. */
export interface StepOptions {
  readonly skip: readonly CleaningStep[]
  /** Documents with fewer characters are dropped. */
  readonly minCharacters: number
  /** Documents whose letters are Hangul to a smaller part are dropped. */
  readonly minHangul: number
}

export type DocumentStep = Exclude<CleaningStep, 'exactDuplicates' | 'nearDuplicates'>

/** The steps that need nothing but the document, in order. Numbers are masked before duplicates are sought, which makes form letters alike. */
export function documentSteps(options: StepOptions, contamination: SharedContamination): [DocumentStep, Step][] {
  const steps: Record<DocumentStep, Step> = {
    unicode: unicodeStep,
    markup: markupStep,
    boilerplate: boilerplateStep,
    spacing: spacingStep,
    language: languageStep(options.minHangul),
    quality: qualityStep(options.minCharacters),
    words: wordsStep,
    personalData: personalDataStep,
    contamination: contaminationStep(contamination),
  }
  return (Object.entries(steps) as [DocumentStep, Step][]).filter(([name]) => !options.skip.includes(name))
}
