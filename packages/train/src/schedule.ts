/** The learning rate's course: a linear rise over `warmupSteps`, then a fall to `finalRate · learningRate` at the last step. */
export interface Schedule {
  readonly steps: number
  readonly learningRate: number
  readonly warmupSteps: number
  readonly finalRate: number
  readonly decay: 'cosine' | 'linear'
}

/** The rate of step `step`, counted from 0. */
export function learningRateAt(step: number, schedule: Schedule): number {
  const { steps, learningRate, warmupSteps, finalRate, decay } = schedule
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - 1 - warmupSteps))
  const fallen = decay === 'cosine' ? (1 - Math.cos(Math.PI * progress)) / 2 : progress
  return learningRate * (1 - (1 - finalRate) * fallen)
}
