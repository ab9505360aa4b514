import { differentiate, linearLogProbabilities, linearLogProbabilityLoss, scale, type Tensor } from '@modu/engine'
import type { LanguageModel } from '@modu/model'
import { ExpertTally } from '../balance.ts'
import { lossDiverged } from '../divergence.ts'
import type { Optimizer } from '../optimizer.ts'
import type { ReinforceRecipe } from '../recipe.ts'
import { type Answer, type AnswerBatch, answerBatches } from './answerBatches.ts'
import { policyLoss } from './policyLoss.ts'

export interface Learner {
  readonly model: LanguageModel
  /** The model that the stage began with; absent where nothing holds the policy to it. */
  readonly reference: LanguageModel | undefined
  readonly optimizer: Optimizer
}

export type LearnSettings = Pick<
  ReinforceRecipe,
  | 'updates'
  | 'microTokens'
  | 'temperature'
  | 'clipRange'
  | 'klWeight'
  | 'clipNorm'
  | 'beta1'
  | 'beta2'
  | 'eps'
  | 'weightDecay'
>

/** Means over the tokens learnt from. */
export interface Measured {
  readonly loss: number
  /** Estimated divergence from the reference, in nats. */
  readonly kl: number
  /** Estimated entropy of the policy, in nats: −log p of the tokens it drew. */
  readonly entropy: number
  /** Share of the tokens whose ratio was clipped. */
  readonly clipped: number
}

/** A batch and what is known of its labels before the weights change: log-probabilities [tokens], in nats. */
export interface KnownBatch {
  readonly batch: AnswerBatch
  /** Under the weights that drew the answers; absent where these are the present ones. */
  readonly old?: ArrayLike<number> | undefined
  /** Under the reference, if there is one. */
  readonly reference?: ArrayLike<number> | undefined
}

/**
 * Makes `updates` updates of the weights (fewer if there are fewer groups), each from a part of the groups.
 * `firstUpdate` counts from 1. The gradient norm is the mean over the updates, before clipping.
 */
export function learn(
  { model, reference, optimizer }: Learner,
  groups: readonly (readonly Answer[])[],
  firstUpdate: number,
  learningRate: number,
  settings: LearnSettings,
): Measured & { gradientNorm: number; countedTokens: number; tally: ExpertTally } {
  const { microTokens, temperature } = settings
  const updates = Math.min(settings.updates, groups.length)
  const parts = Array.from({ length: updates }, (_, u) => {
    const part = groups.slice(
      Math.round((u * groups.length) / updates),
      Math.round(((u + 1) * groups.length) / updates),
    )
    return answerBatches(part.flat(), microTokens).map(
      (batch): KnownBatch => ({
        batch,
        old: updates > 1 ? logProbabilities(model, batch, temperature) : undefined,
        reference: reference && logProbabilities(reference, batch, temperature),
      }),
    )
  })
  const total = { loss: 0, kl: 0, entropy: 0, clipped: 0 }
  let gradientNorm = 0
  let countedTokens = 0
  const tally = new ExpertTally()
  for (const [u, part] of parts.entries()) {
    const measured = policyGradient(model, part, settings, tally)
    if (!Number.isFinite(measured.loss)) throw lossDiverged(measured.loss, model.parameters)
    gradientNorm += optimizer.update(firstUpdate + u, learningRate, settings) / updates
    model.device.reset()
    const tokens = countOf(part)
    countedTokens += tokens
    for (const name of names) total[name] += tokens * measured[name]
  }
  for (const name of names) total[name] /= Math.max(1, countedTokens)
  return { ...total, gradientNorm, countedTokens, tally }
}

const names = ['loss', 'kl', 'entropy', 'clipped'] as const

const countOf = (batches: readonly KnownBatch[]): number => batches.reduce((sum, { batch }) => sum + batch.counted, 0)

/**
 * The mean of `policyLoss` over the tokens of all answers, whose gradient is added to that of the parameters. A mean over
 * tokens (Yu et al. 2025, DAPO, section 3.3), not over each answer's first: so a token counts the same in a long answer as
 * in a short one, and rambling on is not cheap. Adds what it did with the experts to `tally`.
 */
export function policyGradient(
  model: LanguageModel,
  batches: readonly KnownBatch[],
  settings: Pick<LearnSettings, 'temperature' | 'clipRange' | 'klWeight'>,
  tally = new ExpertTally(),
): Measured {
  const tokens = countOf(batches)
  const mean = { loss: 0, kl: 0, entropy: 0, clipped: 0 }
  for (const { batch, old, reference } of batches) {
    const lossOf = (now: number, row: number) => {
      const token = { advantage: batch.advantages[row]!, old: old?.[row], reference: reference?.[row] }
      const { loss, slope, kl, clipped } = policyLoss(now, token, settings)
      mean.loss += loss / tokens
      mean.kl += kl / tokens
      mean.entropy -= now / tokens
      mean.clipped += Number(clipped) / tokens
      return { loss: loss / tokens, slope: slope / tokens }
    }
    differentiate(model.device, () => {
      const hidden = hiddenStates(model, batch, settings.temperature)
      return linearLogProbabilityLoss(hidden, model.head, labelsOf(model, batch), lossOf)
    })
    tally.add(model)
    model.device.reset()
  }
  return mean
}

/** Of each label, in nats, 0 where there is none. */
export function logProbabilities(model: LanguageModel, batch: AnswerBatch, temperature: number): Float64Array {
  const hidden = hiddenStates(model, batch, temperature)
  const result = Float64Array.from(linearLogProbabilities(hidden, model.head, labelsOf(model, batch)).reals)
  model.device.reset()
  return result
}

/** Divided by the temperature, so that the logits are those that the answers are drawn from. */
function hiddenStates(model: LanguageModel, { ids, starts }: AnswerBatch, temperature: number): Tensor {
  const hidden = model.hidden(ids, starts)
  return temperature === 1 ? hidden : scale(hidden, 1 / temperature)
}

function labelsOf({ device }: LanguageModel, { labels }: AnswerBatch): Tensor {
  const tensor = device.temporary([labels.length], 'i32')
  tensor.integers.set(labels)
  return tensor
}
