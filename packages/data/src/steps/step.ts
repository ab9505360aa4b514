import type { Tally } from './report.ts'

/** What a step makes of a text: perhaps another text, or a reason to drop the document. */
export type Outcome = Kept | Dropped

export interface Kept {
  readonly text: string
  /** What the step met, by kind. */
  readonly found?: Tally
}

export interface Dropped {
  readonly dropped: string
  /** The part to blame, if it is not the whole text. */
  readonly part?: string
  readonly found?: Tally
}

/** A pure function of one document's text. */
export type Step = (text: string) => Outcome

/** Applies `repairs` one after the other; of each that changes the text one is counted. */
export function repair(text: string, repairs: Readonly<Record<string, (text: string) => string>>): Required<Kept> {
  const found: Tally = {}
  let now = text
  for (const [kind, apply] of Object.entries(repairs)) {
    const next = apply(now)
    if (next !== now) found[kind] = 1
    now = next
  }
  return { text: now, found }
}
