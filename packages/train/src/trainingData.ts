import {
  type Draw,
  documentBatches,
  documentsUpTo,
  type MicroBatch,
  MixtureOrder,
  mixSeed,
  type PackedCorpus,
  type Shard,
  windowBatch,
  windowCount,
} from '@modu/data'
import { TrainError } from './errors.ts'
import type { FinetuneRecipe, PretrainRecipe } from './recipe.ts'

/** The micro-batches of a stage, step by step, in an order that depends on the recipe's seed only. */
export interface TrainingData {
  /** The micro-batches of the next step. */
  next(): MicroBatch[]
  /** Goes past `steps` steps, as when a run resumes. */
  skip(steps: number): void
  /** How often the stage goes through each source. */
  readonly epochs: Readonly<Record<string, number>>
  /** Held-out micro-batches by source, always the same. */
  heldOut(tokensPerSource: number): Record<string, MicroBatch[]>
}

type Mixture = Readonly<Record<string, number>>

/** A mixture, and the step from which it is drawn from. */
interface Phase {
  readonly fromStep: number
  readonly mixture: Mixture
}

interface StepDrawsOptions {
  readonly seed: number
  /** All sources of all phases, and how many items each has. */
  readonly names: readonly string[]
  readonly sizes: readonly number[]
  /** The first one from step 0. */
  readonly phases: readonly Phase[]
  readonly steps: number
  readonly drawsPerStep: number
}

/** The draws of a stage, step by step, from mixtures of sources. */
class StepDraws {
  readonly epochs: Readonly<Record<string, number>>
  private readonly phases: readonly { readonly fromStep: number; readonly weights: readonly number[] }[]
  private readonly drawsPerStep: number
  private readonly order: MixtureOrder
  private step = 0

  constructor({ seed, names, sizes, phases, steps, drawsPerStep }: StepDrawsOptions) {
    this.drawsPerStep = drawsPerStep
    const epochs = names.map(() => 0)
    this.phases = phases.map(({ fromStep, mixture }, i) => {
      const weights = names.map((name, s) => (sizes[s]! > 0 ? (mixture[name] ?? 0) : 0))
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      if (total === 0) {
        throw new TrainError(
          'recipe',
          `nothing to train on from step ${fromStep}: ${Object.keys(mixture).join(', ')} have no rows; check their data and the lengths the recipe allows`,
        )
      }
      const draws = ((phases[i + 1]?.fromStep ?? steps) - fromStep) * drawsPerStep
      weights.forEach((weight, s) => {
        if (weight > 0) epochs[s]! += (draws * weight) / total / sizes[s]!
      })
      return { fromStep, weights }
    })
    this.epochs = Object.fromEntries(names.map((name, s) => [name, epochs[s]!]))
    this.order = new MixtureOrder(seed, this.phases[0]!.weights, sizes)
  }

  next(): Draw[] {
    const phase = this.phases.find(({ fromStep }) => fromStep === this.step)
    if (phase && this.step > 0) this.order.reweigh(phase.weights)
    this.step++
    return Array.from({ length: this.drawsPerStep }, () => this.order.next())
  }

  skip(steps: number): void {
    for (let i = 0; i < steps; i++) this.next()
  }
}

/** Pre-training: windows of running text. */
export function pretrainData(corpus: PackedCorpus, stage: PretrainRecipe, seed: number): TrainingData {
  const { sequenceLength: length, batchRows, microRows } = stage
  const phases = [{ fromStep: 0, mixture: stage.mixture }, ...stage.laterMixtures]
  const names = [...new Set(phases.flatMap(({ mixture }) => Object.keys(mixture)))]
  const shards = names.map(name => corpus.train[name]!)
  const sizes = shards.map(shard => windowCount(shard, length))
  const draws = new StepDraws({
    seed: mixSeed('pretrain', seed),
    names,
    sizes,
    phases,
    steps: stage.steps,
    drawsPerStep: batchRows,
  })
  return {
    next() {
      const rows = draws.next()
      return Array.from({ length: Math.ceil(batchRows / microRows) }, (_, i) =>
        windowBatch(shards, rows.slice(i * microRows, (i + 1) * microRows), length),
      )
    },
    skip: steps => draws.skip(steps),
    epochs: draws.epochs,
    heldOut(tokensPerSource) {
      const batches = (shard: Shard) => {
        const tokens = Math.min(shard.tokens, tokensPerSource)
        // A source of less than a window is seen too: a window then goes round it.
        const rows = tokens === 0 ? 0 : Math.max(1, Math.floor(tokens / length))
        const draws = Array.from({ length: rows }, (_, item) => ({ source: 0, item, epoch: 0 }))
        return Array.from({ length: Math.ceil(rows / microRows) }, (_, i) =>
          windowBatch([shard], draws.slice(i * microRows, (i + 1) * microRows), length),
        )
      }
      return heldOutOf(corpus, names, batches)
    },
  }
}

/** Fine-tuning: whole conversations, the assistant's tokens as labels. */
export function finetuneData(corpus: PackedCorpus, stage: FinetuneRecipe, seed: number): TrainingData {
  const names = Object.keys(stage.mixture)
  const { batchConversations, microTokens, maxLength } = stage
  const shards = names.map(name => corpus.train[name]!)
  const kept = shards.map(shard => Uint32Array.from(documentsUpTo(shard, maxLength)))
  const sizes = kept.map(documents => documents.length)
  const draws = new StepDraws({
    seed: mixSeed('finetune', seed),
    names,
    sizes,
    phases: [{ fromStep: 0, mixture: stage.mixture }],
    steps: stage.steps,
    drawsPerStep: batchConversations,
  })
  return {
    next() {
      const documents = draws.next().map(draw => ({ ...draw, item: kept[draw.source]![draw.item]! }))
      return documentBatches(shards, documents, microTokens)
    },
    skip: steps => draws.skip(steps),
    epochs: draws.epochs,
    heldOut(tokensPerSource) {
      const batches = (shard: Shard) => {
        const draws: Draw[] = []
        let tokens = 0
        for (const item of documentsUpTo(shard, maxLength)) {
          tokens += shard.start(item + 1) - shard.start(item)
          if (tokens > tokensPerSource) break
          draws.push({ source: 0, item, epoch: 0 })
        }
        return documentBatches([shard], draws, microTokens)
      }
      return heldOutOf(corpus, names, batches)
    },
  }
}

function heldOutOf(
  corpus: PackedCorpus,
  names: readonly string[],
  batches: (shard: Shard) => MicroBatch[],
): Record<string, MicroBatch[]> {
  const entries = names.map(name => [name, batches(corpus.heldOut[name]!).filter(batch => batch.counted > 0)] as const)
  return Object.fromEntries(entries.filter(([, list]) => list.length > 0))
}
