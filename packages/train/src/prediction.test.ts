import type { PackedCorpus } from '@modu/data'
import { createReferenceDevice } from '@modu/engine'
import { countParams, createModel, parseConfig, setTrainable } from '@modu/model'
import { expect, test } from 'vitest'
import { Optimizer } from './optimizer.ts'
import { predict, trainingOperations } from './prediction.ts'
import type { PreparedData } from './prepare.ts'
import { parseRecipe } from './recipe.ts'
import { testRecipe } from './testRecipe.ts'
import { shardOf } from './testShard.ts'

test('operations: 6 for each token and parameter, and attention by the squares of lengths', () => {
  const config = parseConfig({ ...testRecipe.model, vocab_size: 50 })
  const batch = (...starts: number[]) => ({
    ids: new Int32Array(starts.at(-1)!),
    labels: new Int32Array(starts.at(-1)!),
    starts: Int32Array.from(starts),
    counted: 1,
  })
  const parameters = 6 * countParams(config).activeWithoutInputEmbedding * 20
  // 2 layers, 2 heads, keys of 8 and values of 4.
  expect(trainingOperations(config, [batch(0, 20)])).toBe(parameters + 3 * 2 * 2 * 12 * 400)
  expect(trainingOperations(config, [batch(0, 10), batch(0, 4, 10)])).toBe(
    parameters + 3 * 2 * 2 * 12 * (100 + 16 + 36),
  )
})

test('counts the tokens of all stages, and trying changes no weight', () => {
  const shard = (length: number) =>
    shardOf(Array.from({ length: 20 }, (_, d) => Array.from({ length }, (_, t) => (d * length + t) % 50)))
  const sources = { texts: shard(30), chats: shard(10) }
  const corpus: PackedCorpus = { sources: {}, train: sources, heldOut: sources }
  const recipe = parseRecipe(testRecipe)
  const model = createModel(parseConfig({ ...testRecipe.model, vocab_size: 50 }), createReferenceDevice(), { seed: 1 })
  setTrainable(model)
  const state = () => [...model.parameters, ...model.buffers].map(([name, { reals }]) => [name, reals.slice()])
  const before = state()
  const optimizer = new Optimizer(model.device, model.parameters)
  const { tokens, seconds, operations, speed } = predict({ recipe, data: { corpus } as PreparedData, model, optimizer })
  // Six steps of four rows of 16, and five of four conversations of 10.
  expect(tokens).toBe(6 * 64 + 5 * 40)
  expect(operations).toBeGreaterThan(6 * countParams(model.config).activeWithoutInputEmbedding * tokens)
  expect(seconds).toBeGreaterThan(0)
  expect(speed).toBeGreaterThan(0)
  expect(state()).toEqual(before)
  for (const parameter of model.parameters.values()) expect(parameter.grad!.reals.every(x => x === 0)).toBe(true)
})
