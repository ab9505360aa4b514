import type { MicroBatch, PackedCorpus, Shard } from '@modu/data'
import { expect, test } from 'vitest'
import { parseRecipe } from './recipe.ts'
import { testRecipe } from './testRecipe.ts'
import { shardOf } from './testShard.ts'
import { finetuneData, pretrainData } from './trainingData.ts'

/** A source of `documents` documents of 16 tokens, all of which are the number `id`. */
const shard = (documents: number, id: number) =>
  shardOf(Array.from({ length: documents }, () => Array.from({ length: 16 }, () => id)))
const sources = { texts: shard(9, 1), chats: shard(7, 2) }
const corpus: PackedCorpus = { sources: {}, train: sources, heldOut: sources }

const stages = (change: object) => parseRecipe({ ...testRecipe, pretrain: { ...testRecipe.pretrain, ...change } })

/** How many tokens of a source a step sees. */
const seen = (step: readonly MicroBatch[], id: number) =>
  step.reduce((sum, { ids }) => sum + ids.filter(each => each === id).length, 0)

test('later mixtures: their shares from their step on, resumed exactly, epochs counted over all', () => {
  const { pretrain } = stages({
    steps: 12,
    mixture: { texts: 1 },
    laterMixtures: [
      { fromStep: 3, mixture: { texts: 1, chats: 1 } },
      { fromStep: 7, mixture: { chats: 3, texts: 1 } },
    ],
  })
  const data = pretrainData(corpus, pretrain!, 1)
  const steps = Array.from({ length: 12 }, () => data.next())
  expect(steps.map(step => seen(step, 1) / 16)).toEqual([4, 4, 4, 2, 2, 2, 2, 1, 1, 1, 1, 1])
  expect(data.epochs).toEqual({ texts: (12 + 8 + 5) / 9, chats: (8 + 15) / 7 })
  for (const done of [1, 3, 5, 7, 9]) {
    const resumed = pretrainData(corpus, pretrain!, 1)
    resumed.skip(done)
    expect(Array.from({ length: 12 - done }, () => resumed.next())).toEqual(steps.slice(done))
  }
})

test('every source with held-out documents is validated, however few they are', () => {
  const few = shardOf([
    [5, 6],
    [7, 8, 9],
  ])
  const { pretrain } = stages({ mixture: { texts: 1, chats: 1 } })
  const data = (chats: Shard) => pretrainData({ ...corpus, heldOut: { texts: shard(9, 1), chats } }, pretrain!, 1)
  const { texts, chats } = data(few).heldOut(32)
  expect(texts!.map(({ ids }) => ids.length)).toEqual([32])
  expect([...chats![0]!.ids]).toEqual([5, 6, 7, 8, 9, 5, 6, 7, 8, 9, 5, 6, 7, 8, 9, 5])
  expect(Object.keys(data(shard(0, 2)).heldOut(32))).toEqual(['texts'])
})

test('later mixtures that are out of order are refused', () => {
  const later = (...from: number[]) => ({ laterMixtures: from.map(fromStep => ({ fromStep, mixture: { texts: 1 } })) })
  expect(() => stages(later(3, 3))).toThrow('fromStep 3 is out of order; they rise, from 1 to at most 5')
  expect(() => stages(later(6))).toThrow('fromStep 6 is out of order')
})

test('a mixture whose sources have no rows is refused', () => {
  const empty = { ...sources, chats: shard(0, 2) }
  const { finetune } = parseRecipe(testRecipe)
  expect(() => finetuneData({ sources: {}, train: empty, heldOut: empty }, finetune!, 1)).toThrow(
    'nothing to train on from step 0: chats have no rows',
  )
})

test('fine-tuning passes over documents longer than the recipe allows, also in validation', () => {
  const { finetune } = parseRecipe({ ...testRecipe, finetune: { ...testRecipe.finetune, maxLength: 3 } })
  const chats = shardOf([[1, 1], [2, 2, 2, 2], [3], [4, 4, 4, 4, 4], [5, 5, 5]])
  const data = finetuneData({ sources: {}, train: { chats }, heldOut: { chats } }, finetune!, 1)
  const seen = new Set(
    Array.from({ length: 3 }, () => data.next()).flatMap(step => step.flatMap(({ ids }) => [...ids])),
  )
  expect([...seen].sort()).toEqual([1, 3, 5])
  const heldOut = (tokens: number) => data.heldOut(tokens).chats!.flatMap(({ ids }) => [...ids])
  expect(heldOut(100)).toEqual([1, 1, 3, 5, 5, 5])
  expect(heldOut(5)).toEqual([1, 1, 3])
})
