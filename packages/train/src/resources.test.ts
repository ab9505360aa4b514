import { createCpuDevice } from '@modu/engine'
import { createModel, parseConfig, setTrainable } from '@modu/model'
import { expect, test } from 'vitest'
import { Optimizer } from './optimizer.ts'
import { parseRecipe } from './recipe.ts'
import { needsOf, requireRoom } from './resources.ts'
import { testRecipe } from './testRecipe.ts'
import { trainStep } from './trainStep.ts'

const gib = 2 ** 30

test('the memory foretold is what the engine takes', async () => {
  const model = { ...testRecipe.model, hidden_size: 64, num_attention_heads: 4, q_lora_rank: 32, kv_lora_rank: 16 }
  const heads = { qk_nope_head_dim: 16, qk_rope_head_dim: 8, v_head_dim: 16 }
  const recipe = parseRecipe({
    ...testRecipe,
    model: { ...model, ...heads, intermediate_size: 192, moe_intermediate_size: 32 },
    pretrain: { ...testRecipe.pretrain, sequenceLength: 128, batchRows: 64, microRows: 64 },
  })
  const device = createCpuDevice({ threads: 1 })
  try {
    const trained = createModel(parseConfig({ ...recipe.model, vocab_size: 340 }), device, { seed: 1 })
    setTrainable(trained)
    const optimizer = new Optimizer(device, trained.parameters)
    const ids = new Int32Array(8192).fill(5)
    const starts = Int32Array.from({ length: 65 }, (_, i) => i * 128)
    trainStep(trained, optimizer, [{ ids, labels: ids, starts, counted: 8192 }], 1, 0.01, recipe.pretrain!)
    const { state, activations, parameters } = needsOf(recipe)
    expect(parameters).toBe([...trained.parameters.values()].reduce((sum, { size }) => sum + size, 0))
    expect((state + activations) / device.reservedBytes).toBeGreaterThan(0.85)
    expect((state + activations) / device.reservedBytes).toBeLessThan(1.15)
  } finally {
    await device.close()
  }
})

test('what cannot fit is refused with numbers and a remedy', () => {
  const room = { memory: 100 * gib, disk: 100 * gib }
  const model = { parameters: 3e8, state: 4.5 * gib, activations: gib, disk: gib }
  expect(() => requireRoom(model, room)).toThrow(
    /needs about 5\.5 GiB of memory \(4\.5 GiB for weights.*memory ends at 4\.0 GiB: make the model smaller/,
  )
  const batch = { ...model, state: 2 * gib, activations: 3 * gib }
  expect(() => requireRoom(batch, room)).toThrow(/let fewer tokens go through it at once/)
  const small = { ...model, state: gib, activations: gib }
  expect(() => requireRoom(small, { ...room, memory: 1.5 * gib })).toThrow(/only 1\.5 GiB are free/)
  expect(() => requireRoom(small, { ...room, disk: 0.5 * gib })).toThrow(
    /need about 1\.0 GiB, but the disk has only 0\.5/,
  )
  requireRoom(small, room)
})

test('the disk holds all checkpoints of one time', () => {
  const recipe = parseRecipe(testRecipe)
  const { parameters, disk } = needsOf(recipe)
  expect(disk).toBe(parameters * (3 * 12 + 2))
  const stable = { ...recipe, pretrain: { ...recipe.pretrain!, decaySteps: 2 } }
  expect(needsOf(stable).disk).toBe(parameters * (4 * 12 + 2))
})
