import {
  documentBatches,
  documentCount,
  type MicroBatch,
  MixtureOrder,
  mixSeed,
  type PackedCorpus,
  type Shard,
  windowBatch,
  windowCount,
  withoutLongDocuments,
} from '@modu/data'
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

function mixtureOf(mixture: Readonly<Record<string, number>>): { names: string[]; weights: number[] } {
  return { names: Object.keys(mixture), weights: Object.values(mixture) }
}

/** How often a source of `size` items is gone through in `draws` draws of the whole mixture. */
function epochsOf(names: string[], weights: number[], sizes: number[], draws: number): Record<string, number> {
  const total = weights.reduce((sum, weight, s) => sum + (sizes[s]! > 0 ? weight : 0), 0)
  return Object.fromEntries(
    names.map((name, s) => [name, sizes[s]! > 0 ? (draws * weights[s]!) / total / sizes[s]! : 0]),
  )
}

/** Pre-training: windows of running text. */
export function pretrainData(corpus: PackedCorpus, stage: PretrainRecipe, seed: number): TrainingData {
  const { names, weights } = mixtureOf(stage.mixture)
  const { sequenceLength: length, batchRows, microRows } = stage
  const shards = names.map(name => corpus.train[name]!)
  const sizes = shards.map(shard => windowCount(shard, length))
  const order = new MixtureOrder(mixSeed('pretrain', seed), weights, sizes)
  return {
    next() {
      const draws = Array.from({ length: batchRows }, () => order.next())
      return Array.from({ length: Math.ceil(batchRows / microRows) }, (_, i) =>
        windowBatch(shards, draws.slice(i * microRows, (i + 1) * microRows), length),
      )
    },
    skip: steps => void order.skip(steps * batchRows),
    epochs: epochsOf(names, weights, sizes, stage.steps * batchRows),
    heldOut(tokensPerSource) {
      const batches = (shard: Shard) => {
        const rows = Math.min(Math.floor(shard.ids.length / length), Math.max(1, Math.floor(tokensPerSource / length)))
        const draws = Array.from({ length: rows }, (_, item) => ({ source: 0, item, epoch: 0 }))
        return Array.from({ length: Math.ceil(rows / microRows) }, (_, i) =>
          windowBatch([shard], draws.slice(i * microRows, (i + 1) * microRows), length),
        )
      }
      return heldOutOf(corpus, names, batches)
    },
  }
}

/** Fine-tuning: whole conversations, the assistant's tokens as labels. `padding`: any token id. */
export function finetuneData(corpus: PackedCorpus, stage: FinetuneRecipe, seed: number, padding: number): TrainingData {
  const { names, weights } = mixtureOf(stage.mixture)
  const { batchConversations, microTokens, maxLength } = stage
  const shards = names.map(name => withoutLongDocuments(corpus.train[name]!, maxLength))
  const sizes = shards.map(documentCount)
  const order = new MixtureOrder(mixSeed('finetune', seed), weights, sizes)
  return {
    next() {
      const draws = Array.from({ length: batchConversations }, () => order.next())
      return documentBatches(shards, draws, microTokens, padding)
    },
    skip: steps => void order.skip(steps * batchConversations),
    epochs: epochsOf(names, weights, sizes, stage.steps * batchConversations),
    heldOut(tokensPerSource) {
      const batches = (whole: Shard) => {
        const shard = withoutLongDocuments(whole, maxLength)
        let documents = 0
        while (documents < documentCount(shard) && shard.starts[documents + 1]! <= tokensPerSource) documents++
        const draws = Array.from({ length: documents }, (_, item) => ({ source: 0, item, epoch: 0 }))
        return documentBatches([shard], draws, microTokens, padding)
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
