import type { ValidationMetrics } from './metrics.ts'

/** A source whose held-out text has become harder for the model, in bits per byte. */
export interface RisingSource {
  readonly source: string
  readonly lowest: number
  /** The step of the lowest value. */
  readonly step: number
  readonly now: number
}

/** Less than this is chance. */
const noise = 0.03

/**
 * Sources that the model learns by heart: their held-out bits per byte stand by 3 % or more above their lowest in the same
 * stage. They are few and repeated too often. `validations`: those of one stage, in order.
 */
export function risingSources(validations: readonly ValidationMetrics[]): RisingSource[] {
  const latest = validations.at(-1)
  return Object.entries(latest?.bitsPerByte ?? {}).flatMap(([source, now]) => {
    const best = validations.reduce((a, b) => ((b.bitsPerByte[source] ?? now) < (a.bitsPerByte[source] ?? now) ? b : a))
    const lowest = best.bitsPerByte[source] ?? now
    return now > lowest * (1 + noise) ? [{ source, lowest, step: best.step, now }] : []
  })
}
