import type { MicroBatch } from '@modu/data'
import { differentiate } from '@modu/engine'
import type { LanguageModel } from '@modu/model'
import { ExpertTally, isRouted, moveBiases } from './balance.ts'
import { lossDiverged } from './divergence.ts'
import type { Optimizer, OptimizerSettings } from './optimizer.ts'
import type { StepResult } from './stage.ts'

export interface StepSettings extends OptimizerSettings {
  readonly biasRate: number
  readonly mtpWeight: number
  readonly balanceWeight: number
}

/**
 * One optimiser step over several micro-batches. Each micro-batch's mean loss is weighted by its part of the counted
 * tokens, so that the gradient is that of the whole batch at once. `update` counts from 1.
 */
export function trainStep(
  model: LanguageModel,
  optimizer: Optimizer,
  batches: readonly MicroBatch[],
  update: number,
  learningRate: number,
  settings: StepSettings,
): StepResult {
  const { device } = model
  const { mtpWeight, balanceWeight, biasRate } = settings
  const countedTokens = batches.reduce((sum, batch) => sum + batch.counted, 0)
  const tally = new ExpertTally()
  let loss = 0
  for (const { ids, labels, starts, counted } of batches) {
    if (counted === 0) continue
    const weight = counted / countedTokens
    const part = differentiate(device, () => model.loss(ids, labels, starts, { mtpWeight, balanceWeight, weight }))
    loss += part.reals[0]!
    tally.add(model)
    device.reset()
  }
  if (!Number.isFinite(loss)) throw lossDiverged(loss, model.parameters)
  const gradientNorm = optimizer.update(update, learningRate, settings)
  device.reset()
  if (isRouted(model) && biasRate > 0) moveBiases(model.correctionBiases, tally.loads, biasRate)
  const tokens = batches.reduce((sum, batch) => sum + batch.ids.length, 0)
  return { loss, gradientNorm, tokens, countedTokens, balance: tally.balance, loads: tally.loads }
}
