/**
 * The learning rate's course: a linear rise over `warmupSteps`, then stable, and over the last `decaySteps` (all that are
 * left, if absent) a fall to `finalRate · learningRate` at the last step. Warm-up, stable, decay: Hu et al. 2024 (MiniCPM).
 */
export interface Schedule {
  readonly steps: number
  readonly learningRate: number
  readonly warmupSteps: number
  readonly decaySteps?: number | undefined
  readonly finalRate: number
  readonly decay: 'cosine' | 'linear'
}

/** The first step of the fall, counted from 0; this step and those before it have the same rate however long the fall is. */
export const decayBegin = ({ steps, warmupSteps, decaySteps }: Schedule): number =>
  decaySteps === undefined ? warmupSteps : Math.max(warmupSteps, steps - decaySteps)

/** The rate of step `step`, counted from 0. */
export function learningRateAt(step: number, schedule: Schedule): number {
  const { steps, learningRate, warmupSteps, finalRate, decay } = schedule
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps
  const decayFrom = decayBegin(schedule)
  const progress = Math.min(1, Math.max(0, step - decayFrom) / Math.max(1, steps - 1 - decayFrom))
  const fallen = decay === 'cosine' ? (1 - Math.cos(Math.PI * progress)) / 2 : progress
  return learningRate * (1 - (1 - finalRate) * fallen)
}
