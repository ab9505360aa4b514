import { createReferenceDevice } from '@modu/engine'
import { checkSampling, createModel, parseConfig, Random, Sampler } from '@modu/model'
import { expect, test } from 'vitest'
import { testRecipe } from '../testRecipe.ts'
import { Rollout } from './rollout.ts'

const config = parseConfig({ ...testRecipe.model, vocab_size: 12, eos_token_id: 0, initializer_range: 0.3 })
const model = createModel(config, createReferenceDevice(), { seed: 3 })
const stopIds = new Set([0, 1])
const sampler = (seed: number) => new Sampler(checkSampling(), new Random(seed))

/** One reply by itself. */
function alone(prompt: number[], seed: number, maxTokens: number): { ids: number[]; ended: boolean } {
  const cache = model.createCache(32)
  const drawing = sampler(seed)
  let logits = model.step(prompt, cache)
  const ids: number[] = []
  for (;;) {
    const id = drawing.next(logits)
    ids.push(id)
    if (stopIds.has(id)) return { ids, ended: true }
    if (ids.length === maxTokens) return { ids, ended: false }
    logits = model.step([id], cache)
  }
}

test('replies drawn side by side are those drawn alone, whatever their number and lengths', async () => {
  const prompts = [[1, 2, 3], [4], [5, 6, 7, 8, 9]]
  const seeds = [0, 1, 2, 3, 4, 5]
  for (const maxTokens of [1, 9]) {
    const rollout = new Rollout(model, maxTokens, stopIds)
    const replies = await rollout.replies(prompts.map(prompt => ({ prompt, samplers: seeds.map(sampler) })))
    expect(replies).toEqual(
      prompts.map(prompt => seeds.map(seed => expect.objectContaining(alone(prompt, seed, maxTokens)))),
    )
    expect(new Set(replies.flat().map(({ ids }) => ids.length)).size).toBeGreaterThan(maxTokens / 3)
    // The caches serve again, for other prompts.
    const [[again]] = (await rollout.replies([{ prompt: [2, 2], samplers: [sampler(9)] }])) as [
      [(typeof replies)[0][0]],
    ]
    expect(again).toEqual(expect.objectContaining(alone([2, 2], 9, maxTokens)))
    rollout.release()
  }
})
