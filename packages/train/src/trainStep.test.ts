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

/** Random rows, of which every third label is ignored if `gaps`. */
function batch(rows: number, length: number, seed: number, gaps = false): MicroBatch {
  const random = new Random(seed)
  const ids = Int32Array.from({ length: rows * length }, () => random.integer(50))
  const labels = ids.map((id, i) => (gaps && i % 3 === 0 ? -100 : id))
  const counted = labels.filter((label, i) => i % length !== 0 && label >= 0).length
  return { ids, labels, rows, length, counted }
}

describe('trainStep', () => {
  test('micro-batches of any size give the gradient of the whole batch', () => {
    const whole = batch(5, 8, 1, true)
    const rows = (from: number, to: number): MicroBatch => {
      const labels = whole.labels.slice(from * 8, to * 8)
      const counted = labels.filter((label, i) => i % 8 !== 0 && label >= 0).length
      return { ids: whole.ids.slice(from * 8, to * 8), labels, rows: to - from, length: 8, counted }
    }
    const one = trainee(createReferenceDevice())
    const several = trainee(createReferenceDevice())
    const a = trainStep(one.model, one.optimizer, [whole], 1, 0.01, settings)
    const b = trainStep(several.model, several.optimizer, [rows(0, 1), rows(1, 4), rows(4, 5)], 1, 0.01, settings)
    expect(b.loss).toBeCloseTo(a.loss, 10)
    expect(b.gradientNorm).toBeCloseTo(a.gradientNorm, 10)
    expect(b.countedTokens).toBe(a.countedTokens)
    expect(b.balance).toEqual(a.balance)
    for (const [name, parameter] of one.model.parameters) {
      const other = several.model.parameters.get(name)!
      expect(
        parameter.reals.every((x, i) => Math.abs(x - other.reals[i]!) < 1e-6),
        name,
      ).toBe(true)
    }
  })

  test('learns: the loss on the same rows falls', () => {
    const { model, optimizer } = trainee(createReferenceDevice())
    const losses = Array.from(
      { length: 12 },
      (_, i) => trainStep(model, optimizer, [batch(4, 12, 7)], i + 1, 0.01, settings).loss,
    )
    expect(losses[11]).toBeLessThan(losses[0]! - 0.5)
  })

  test('biases follow the load, and no gradient moves them', () => {
    const { model, optimizer } = trainee(createReferenceDevice())
    const [bias] = (model as K1).correctionBiases
    trainStep(model, optimizer, [batch(2, 8, 1)], 1, 0.01, { ...settings, biasRate: 0 })
    expect(bias!.reals.every(value => value === 0)).toBe(true)
    trainStep(model, optimizer, [batch(2, 8, 1)], 2, 0.01, { ...settings, biasRate: 0.25 })
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
        const batches = [batch(3, 16, i), batch(2, 24, i + 100, true)]
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
    expect(() => trainStep(model, optimizer, [batch(1, 8, 1)], 1, 0.01, settings)).toThrow(/diverged.*learningRate/)
    expect(model.parameters.get('model.embed_tokens.weight')!.reals).toEqual(before)
  })
})
