import type { MicroBatch } from '@modu/data'
import { countParams, type ModelConfig } from '@modu/model'
import type { Recipe } from './recipe.ts'
import type { StageContext } from './stage.ts'
import { finetuneData, pretrainData, type TrainingData } from './trainingData.ts'
import { trainStep } from './trainStep.ts'

/** How long pre-training and fine-tuning are going to take here. */
export interface Prediction {
  readonly tokens: number
  /** Floating-point operations of all steps, by `trainingOperations`. */
  readonly operations: number
  /** Operations a second in the steps that were tried. */
  readonly speed: number
  readonly seconds: number
}

/**
 * Floating-point operations of learning from a batch: 6 for each token and each parameter it uses (forward, and twice
 * that backward; Kaplan et al. 2020), and 3 · layers · heads · (key + value width) · Σ length² for attention, of which a
 * causal mask leaves half.
 */
export function trainingOperations(config: ModelConfig, batches: readonly MicroBatch[]): number {
  const { activeWithoutInputEmbedding } = countParams(config)
  const widths =
    config.modelType === 'axk1' ? config.qkNopeHeadDim + config.qkRopeHeadDim + config.vHeadDim : 2 * config.headDim
  let tokens = 0
  let squares = 0
  for (const { ids, starts } of batches) {
    tokens += ids.length
    for (let s = 1; s < starts.length; s++) squares += (starts[s]! - starts[s - 1]!) ** 2
  }
  const attention = 3 * config.numHiddenLayers * config.numAttentionHeads * widths
  return 6 * activeWithoutInputEmbedding * tokens + attention * squares
}

/** Steps looked at to know the mean of their tokens, and of these how many are tried, for at most so many seconds. */
const sampled = 20
const tried = 3
const patience = 0.5

/**
 * Tries some steps of each stage that learns from texts, with a learning rate of 0, and counts up. Nothing is changed but
 * the optimiser's moments, which must be cleared after. Validation counts as a third of the work of training; samples
 * are left out, and so is reinforcement, whose answers have no length before they are given.
 */
export function predict({ recipe, data, model, optimizer }: StageContext): Prediction {
  const total = { tokens: 0, operations: 0, seconds: 0 }
  let triedOperations = 0
  let triedSeconds = 0
  for (const [settings, texts] of textStages(recipe, data)) {
    const steps = Array.from({ length: Math.min(sampled, settings.steps) }, () => texts.next())
    const still = { ...settings, weightDecay: 0, biasRate: 0 }
    const time = (batches: readonly MicroBatch[]): number => {
      const begin = performance.now()
      trainStep(model, optimizer, batches, 1, 0, still)
      return (performance.now() - begin) / 1000
    }
    // Code is generated and memory taken in the first one.
    time(steps[0]!)
    let operations = 0
    let seconds = 0
    for (const batches of steps.slice(0, tried)) {
      seconds += time(batches)
      operations += trainingOperations(model.config, batches)
      if (seconds > patience) break
    }
    const all = steps.flat()
    const heldOut = Object.values(texts.heldOut(recipe.validation.tokensPerSource)).flat()
    const validations = Math.ceil(settings.steps / recipe.validation.everySteps)
    const stageOperations =
      (trainingOperations(model.config, all) / steps.length) * settings.steps +
      (trainingOperations(model.config, heldOut) / 3) * validations
    total.tokens += (all.reduce((sum, { ids }) => sum + ids.length, 0) / steps.length) * settings.steps
    total.operations += stageOperations
    total.seconds += (stageOperations / operations) * seconds
    triedOperations += operations
    triedSeconds += seconds
  }
  return { ...total, tokens: Math.round(total.tokens), speed: triedOperations / triedSeconds }
}

type TextStage = NonNullable<Recipe['pretrain'] | Recipe['finetune']>

function textStages(
  { pretrain, finetune, seed }: Recipe,
  { corpus }: StageContext['data'],
): [TextStage, TrainingData][] {
  return [
    ...(pretrain ? [[pretrain, pretrainData(corpus, pretrain, seed)] as [TextStage, TrainingData]] : []),
    ...(finetune ? [[finetune, finetuneData(corpus, finetune, seed)] as [TextStage, TrainingData]] : []),
  ]
}
