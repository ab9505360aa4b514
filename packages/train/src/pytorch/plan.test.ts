import type { PackedCorpus, Shard } from '@modu/data'
import { expect, test } from 'vitest'
import { parseRecipe } from '../recipe.ts'
import { testRecipe } from '../testRecipe.ts'
import { shardOf } from '../testShard.ts'
import { finetuneData } from '../trainingData.ts'
import { planOf, tokenStream } from './plan.ts'

const empty = shardOf([])
const chats = shardOf([
  [1, 2, 3],
  [4, 5],
  [6, 7, 8, 9],
  [10, 11],
])

/** `texts` of so many tokens, which nobody looks at, and behind them the conversations. */
function corpusBehind(tokens: number): PackedCorpus {
  const texts: Shard = { ...empty, tokens }
  return { sources: {}, train: { texts, chats }, heldOut: { texts: empty, chats: empty } }
}

test('places do not turn over where a micro-batch has signs, and nothing is planned beyond 32 bits', () => {
  const { finetune } = parseRecipe(testRecipe)
  const segments = (before: number) =>
    Array.from(planOf(finetuneData(tokenStream(corpusBehind(before)).places, finetune!, 1), 1, 8).segments)
  const first = segments(0)
  expect(first.length).toBeGreaterThan(0)
  expect(segments(3e9)).toEqual(first.map(place => place + 3e9))
  expect(() => tokenStream(corpusBehind(2 ** 32 - 11))).toThrow(
    'at most 4294967295 tokens, not 4294967296: use fewer sources',
  )
})
