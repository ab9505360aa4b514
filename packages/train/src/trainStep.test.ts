import type { MicroBatch } from '@modu/data'
import { createCpuDevice, createReferenceDevice, type Device } from '@modu/engine'
import { createModel, type K1, parseConfig, Random, setTrainable } from '@modu/model'
import { describe, expect, test } from 'vitest'
import { Optimizer } from './optimizer.ts'
import { parseRecipe } from './recipe.ts'
import { testRecipe } from './testRecipe.ts'
import { trainStep } from './trainStep.ts'

const settings = { ...parseRecipe(testRecipe).pretrain!, weightDecay: 0.1 }

function trainee(device: Device) {
  const model = createModel(parseConfig({ ...testRecipe.model, vocab_size: 50 }), device, { seed: 3 })
  setTrainable(model)
  return { model, optimizer: new Optimizer(device, model.parameters) }
}

/** Random sequences of these lengths, of which every third label is ignored if `gaps`. */
function batch(lengths: readonly number[], seed: number, gaps = false): MicroBatch {
  const random = new Random(seed)
  const starts = Int32Array.of(0, ...lengths)
  for (let s = 1; s < starts.length; s++) starts[s]! += starts[s - 1]!
  const ids = Int32Array.from({ length: starts.at(-1)! }, () => random.integer(50))
  const labels = ids.map((id, i) => (starts.includes(i) || (gaps && i % 3 === 0) ? -100 : id))
  return { ids, labels, starts, counted: countOf(labels) }
}

const countOf = (labels: Int32Array) => labels.filter(label => label >= 0).length

describe('trainStep', () => {
  test('micro-batches of any size give the gradient of the whole batch', () => {
    const whole = batch([8, 3, 11, 1, 7], 1, true)
    const sequences = (from: number, to: number): MicroBatch => {
      const [begin, end] = [whole.starts[from]!, whole.starts[to]!]
      const labels = whole.labels.slice(begin, end)
      const starts = whole.starts.slice(from, to + 1).map(start => start - begin)
      return { ids: whole.ids.slice(begin, end), labels, starts, counted: countOf(labels) }
    }
    const one = trainee(createReferenceDevice())
    const several = trainee(createReferenceDevice())
    const balanced = { ...settings, balanceWeight: 0.5 }
    const a = trainStep(one.model, one.optimizer, [whole], 1, 0.01, balanced)
    const parts = [sequences(0, 1), sequences(1, 4), sequences(4, 5)]
    const b = trainStep(several.model, several.optimizer, parts, 1, 0.01, balanced)
    expect(b.loss).toBeCloseTo(a.loss, 10)
    expect(b.gradientNorm).toBeCloseTo(a.gradientNorm, 10)
    expect(b.countedTokens).toBe(a.countedTokens)
    expect(b.loads).toEqual(a.loads)
    expect(a.loads.map(load => load.reduce((x, y) => x + y))).toEqual([60])
    expect(b.balance).toEqual(a.balance)
    for (const [name, parameter] of one.model.parameters) {
      const other = several.model.parameters.get(name)!
      expect(
        parameter.reals.every((x, i) => Math.abs(x - other.reals[i]!) < 1e-6),
        name,
      ).toBe(true)
    }
  })

  test('learns: the loss on the same sequences falls', () => {
    const { model, optimizer } = trainee(createReferenceDevice())
    const losses = Array.from(
      { length: 12 },
      (_, i) => trainStep(model, optimizer, [batch([12, 12, 9, 15], 7)], i + 1, 0.01, settings).loss,
    )
    expect(losses[11]).toBeLessThan(losses[0]! - 0.5)
  })

  test('biases follow the load, and no gradient moves them', () => {
    const { model, optimizer } = trainee(createReferenceDevice())
    const [bias] = (model as K1).correctionBiases
    trainStep(model, optimizer, [batch([8, 8], 1)], 1, 0.01, { ...settings, biasRate: 0 })
    expect(bias!.reals.every(value => value === 0)).toBe(true)
    trainStep(model, optimizer, [batch([8, 8], 1)], 2, 0.01, { ...settings, biasRate: 0.25 })
    expect(bias!.reals.every(value => [-0.25, 0, 0.25].includes(value))).toBe(true)
    expect(bias!.reals.some(value => value !== 0)).toBe(true)
  })

  test('the cpu device agrees with the reference, and its memory does not grow', async () => {
    const device = createCpuDevice({ threads: 2 })
    try {
      const cpu = trainee(device)
      const reference = trainee(createReferenceDevice())
      const reserved: number[] = []
      for (let i = 0; i < 6; i++) {
        const batches = [batch([16, 16, 16], i), batch([30, 18], i + 100, true)]
        const a = trainStep(cpu.model, cpu.optimizer, batches, i + 1, 0.003, settings)
        const b = trainStep(reference.model, reference.optimizer, batches, i + 1, 0.003, settings)
        expect(Math.abs(a.loss - b.loss)).toBeLessThan(1e-4)
        reserved.push(device.reservedBytes)
      }
      expect(new Set(reserved.slice(1)).size).toBe(1)
    } finally {
      await device.close()
    }
  })

  test('a loss that is no number stops the run before anything is changed', () => {
    const { model, optimizer } = trainee(createReferenceDevice())
    model.parameters.get('model.norm.weight')!.reals[0] = Number.NaN
    const before = model.parameters.get('model.embed_tokens.weight')!.reals.slice()
    expect(() => trainStep(model, optimizer, [batch([8], 1)], 1, 0.01, settings)).toThrow(
      'the loss is NaN, because the weight "model.norm.weight" is not finite',
    )
    expect(model.parameters.get('model.embed_tokens.weight')!.reals).toEqual(before)
  })

  test('a gradient that is no number stops it too, and the parameter is named', () => {
    const { model, optimizer } = trainee(createReferenceDevice())
    model.parameters.get('model.layers.0.mlp.up_proj.weight')!.grad!.reals[2] = Number.POSITIVE_INFINITY
    expect(() => trainStep(model, optimizer, [batch([8], 1)], 1, 0.01, settings)).toThrow(
      'the gradient norm is Infinity, because the gradient of "model.layers.0.mlp.up_proj.weight" is not finite',
    )
  })
})
