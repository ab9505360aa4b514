import { join } from 'node:path'
import { availableTargets, createCpuDevice, createReferenceDevice } from '@modu/engine'
import { describe, expect, test } from 'vitest'
import { loadModel, releaseModel } from './loadModel.ts'
import { narrowWeights, setTrainable } from './weights.ts'

const fixture = (name: string): string => join(import.meta.dirname, '../fixtures', name)
/** A checkpoint in bfloat16. */
const published = fixture('k1-sharded-bf16')

describe('weights in bfloat16', () => {
  test.each(availableTargets())('give the same logits: %s', async target => {
    const device = createCpuDevice({ threads: 2, target })
    const logits = [false, true].map(isNarrow => {
      const model = loadModel(published, device)
      if (isNarrow) narrowWeights(model)
      const twins = [...model.parameters.values()].filter(({ narrow }) => narrow)
      expect(twins.length > 0).toBe(isNarrow && target !== 'wasm')
      const cache = model.createCache(20)
      return [[3, 1, 4], [1], [5], [9], [2], [6]].flatMap(tokens => Array.from(model.step(tokens, cache)))
    })
    // Sums are made in another order.
    const largest = Math.max(...logits[0]!.map(Math.abs))
    expect(Math.max(...logits[0]!.map((logit, i) => Math.abs(logits[1]![i]! - logit)))).toBeLessThan(1e-5 * largest)
    await device.close()
  })

  test('are only for numbers that are bfloat16 numbers, and not for training', async () => {
    const exact = loadModel(published, createCpuDevice({ threads: 1 }))
    narrowWeights(exact)
    expect(() => setTrainable(exact)).toThrow('bfloat16 twins')
    const { reservedBytes } = exact.device
    releaseModel(exact)
    narrowWeights(loadModel(published, exact.device))
    expect(exact.device.reservedBytes).toBe(reservedBytes)
    await exact.device.close()

    const other = loadModel(fixture('k1-base'), createReferenceDevice())
    narrowWeights(other)
    expect([...other.parameters.values()].some(({ narrow }) => narrow)).toBe(false)
  })
})
