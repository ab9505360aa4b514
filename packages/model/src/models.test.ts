import { join } from 'node:path'
import { createCpuDevice, createReferenceDevice, differentiate, type Tensor } from '@modu/engine'
import { describe, expect, test } from 'vitest'
import { ModelError } from './errors.ts'
import { K1 } from './k1.ts'
import type { LanguageModel } from './languageModel.ts'
import { loadModel } from './loadModel.ts'
import { Random } from './random.ts'
import { setTrainable } from './weights.ts'

const fixture = (name: string): string => join(import.meta.dirname, '../fixtures', name)
const reference = createReferenceDevice()
const random = new Random(1)
const randomIds = (n: number, vocabulary: number) => Int32Array.from({ length: n }, () => random.integer(vocabulary))

const code = (run: () => unknown): string | undefined => {
  try {
    run()
  } catch (error) {
    if (error instanceof ModelError) return error.code
    throw error
  }
  return undefined
}

/** Logits after each of the last `count` tokens, from the full pass. */
function fullPass(model: LanguageModel, ids: Int32Array, count: number): number[][] {
  const hidden = model.hidden(ids, 1)
  const logits = model.logits(hidden.rows(ids.length - count, ids.length))
  const rows = Array.from({ length: count }, (_, row) => [...logits.rows(row, row + 1).reals])
  model.device.reset()
  return rows
}

const expectClose = (ours: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void => {
  expect(ours.length).toBe(expected.length)
  for (let i = 0; i < ours.length; i++) expect(Math.abs(ours[i]! - expected[i]!)).toBeLessThan(tolerance)
}

describe.each(['k1-yarn', 'k1-halves', 'llama', 'qwen3'])('%s with a cache', name => {
  const model = loadModel(fixture(name), reference)
  const vocabulary = model.config.vocabSize

  test('any division into steps gives the logits of the full pass', () => {
    const ids = randomIds(40, vocabulary)
    const [expected] = fullPass(model, ids, 1)
    for (const parts of [[40], [1, 39], [20, 1, 1, 18], [39, 1]]) {
      const cache = model.createCache(40)
      let at = 0
      let logits: Float32Array = new Float32Array()
      for (const part of parts) {
        logits = model.step(ids.subarray(at, at + part), cache)
        at += part
      }
      expect(cache.length).toBe(40)
      expectClose(logits, expected!, 1e-4)
    }
  })

  test('any division into steps gives the hidden states of the full pass', () => {
    const ids = randomIds(20, vocabulary)
    const expected = [...model.hidden(ids, 1).reals]
    for (const parts of [[20], [1, 12, 7]]) {
      const cache = model.createCache(20)
      const hidden = parts.flatMap(part => [
        ...model.stepHidden(ids.subarray(cache.length, cache.length + part), cache),
      ])
      expectClose(hidden, expected, 1e-4)
    }
  })

  test('a shared prefix can be continued differently', () => {
    const cache = model.createCache(16)
    const prefix = randomIds(8, vocabulary)
    model.step(prefix, cache)
    model.step([1, 2, 3], cache)
    cache.truncate(8)
    const logits = model.step([4, 5], cache)
    expectClose(logits, fullPass(model, Int32Array.of(...prefix, 4, 5), 1)[0]!, 1e-4)
  })

  test('what does not fit is refused and leaves the cache as it was', () => {
    const cache = model.createCache(4)
    model.step([1, 2, 3], cache)
    expect(code(() => model.step([1, 2], cache))).toBe('context')
    expect(code(() => model.step([vocabulary], cache))).toBe('token')
    expect(code(() => model.step([-1], cache))).toBe('token')
    expect(code(() => model.step([], cache))).toBe('option')
    expect(code(() => model.stepHidden([1, 2], cache))).toBe('context')
    expect(code(() => cache.truncate(4))).toBe('option')
    expect(cache.length).toBe(3)
    expect(code(() => model.createCache(model.config.maxPositions + 1))).toBe('context')
    expect(code(() => model.createCache(0))).toBe('option')
    expect(code(() => model.hidden(new Int32Array(model.config.maxPositions + 1), 1))).toBe('context')
    expect(code(() => model.hidden(new Int32Array(5), 2))).toBe('option')
    expect(code(() => model.hidden(Int32Array.of(1, vocabulary), 1))).toBe('token')
  })
})

describe.each(['k1-mtp', 'k1-halves', 'llama', 'qwen3'])('%s with sequences that differ in length', name => {
  const model = loadModel(fixture(name), reference)
  const starts = Int32Array.of(0, 1, 8, 10, 33, 33, 36)
  const ids = randomIds(36, model.config.vocabSize)
  const parts = Array.from(starts.subarray(1), (end, s) => [starts[s]!, end] as const).filter(([from, to]) => to > from)

  test('each is what it is alone', () => {
    const record: Tensor[] = []
    const together = [...model.hidden(ids, starts, record).reals]
    const alone = parts.flatMap(([from, to]) => [...model.hidden(ids.slice(from, to), 1).reals])
    expectClose(together, alone, 1e-9)
    expect(record.at(-1)!.shape).toEqual([36, model.config.hiddenSize])
  })

  test('the loss is the mean over the labels of all, and no token predicts one of another sequence', () => {
    const labels = ids.map((id, i) => (i % 4 === 1 ? -100 : id))
    const counted = (from: number, to: number, ahead: number) =>
      labels.subarray(Math.min(from + ahead, to), to).filter(label => label >= 0).length
    for (const mtpWeight of [0, 0.5]) {
      const mean = (ahead: number) => {
        let [sum, count] = [0, 0]
        for (const [from, to] of parts) {
          const lossOf = (weight: number) =>
            model.loss(ids.slice(from, to), labels.slice(from, to), 1, { mtpWeight: weight }).reals[0]!
          const loss = ahead === 1 ? lossOf(0) : lossOf(1) - lossOf(0)
          sum += loss * counted(from, to, ahead)
          count += counted(from, to, ahead)
        }
        return sum / count
      }
      const expected = mtpWeight === 0 ? mean(1) : mean(1) + mtpWeight * mean(2)
      expect(model.loss(ids, labels, starts, { mtpWeight }).reals[0]).toBeCloseTo(expected, 9)
    }
  })

  test('offsets that do not fit the tokens are refused', () => {
    for (const wrong of [[0, 35], [1, 36], [0, 20, 10, 36], [36], []]) {
      expect(code(() => model.hidden(ids, Int32Array.from(wrong)))).toBe('option')
    }
    const { maxPositions } = model.config
    const long = new Int32Array(maxPositions + 3)
    expect(code(() => model.hidden(long, Int32Array.of(0, 2, maxPositions + 3)))).toBe('context')
  })
})

describe('a prompt longer than one chunk', () => {
  test('equals the full pass', () => {
    const loaded = loadModel(fixture('k1-base'), reference)
    const config = { ...loaded.config, maxPositions: 700 } as K1['config']
    const model = new K1(config, reference, new Map([...loaded.parameters, ...loaded.buffers]))
    const ids = randomIds(600, config.vocabSize)
    const cache = model.createCache(700)
    expectClose(model.step(ids, cache), fullPass(model, ids, 1)[0]!, 1e-4)
  })
})

describe('training', () => {
  test('the gradient of the loss with multi-token prediction is that of finite differences', () => {
    const model = loadModel(fixture('k1-mtp'), reference)
    setTrainable(model)
    const ids = randomIds(14, model.config.vocabSize)
    const labels = ids.map((id, i) => (i % 5 === 0 ? -100 : id))
    const loss = () => model.loss(ids, labels, 2, { mtpWeight: 0.3 })
    differentiate(reference, loss)
    for (const name of [
      'model.embed_tokens.weight',
      'lm_head.weight',
      'model.norm.weight',
      'model.layers.1.mlp.gate.weight',
      'model.layers.3.eh_proj.weight',
      'model.layers.3.enorm.weight',
      'model.layers.3.hnorm.weight',
      'model.layers.3.self_attn.kv_b_proj.weight',
      'model.layers.3.mlp.experts.down_proj',
      'model.layers.3.shared_head.norm.weight',
    ]) {
      const parameter = model.parameters.get(name)!
      const gradient = parameter.grad!.reals
      // The entry with the largest gradient: the one that a mistake would move most.
      let at = 0
      for (let i = 0; i < gradient.length; i++) if (Math.abs(gradient[i]!) > Math.abs(gradient[at]!)) at = i
      const value = parameter.data[at]!
      const h = 1e-4
      parameter.data[at] = value + h
      const above = loss().reals[0]!
      parameter.data[at] = value - h
      const below = loss().reals[0]!
      parameter.data[at] = value
      const numeric = (above - below) / (2 * h)
      expect(Math.abs(gradient[at]! - numeric), name).toBeLessThan(1e-4 * Math.max(1, Math.abs(numeric)))
      expect(Math.abs(numeric), name).toBeGreaterThan(1e-6)
    }
  })

  test('the loss adds mtpWeight times that of the module', () => {
    const model = loadModel(fixture('k1-mtp'), reference)
    const ids = randomIds(20, model.config.vocabSize)
    const loss = (mtpWeight?: number) => model.loss(ids, ids, 2, { mtpWeight }).reals[0]!
    expect(loss()).toBe(loss(0))
    expect(loss(1) - loss(0)).toBeGreaterThan(0)
    expect(loss(0.25) - loss(0)).toBeCloseTo((loss(1) - loss(0)) / 4, 9)
  })

  test('the balance loss: its gradient is that of finite differences, its weight is shared by the labels that count', () => {
    const model = loadModel(fixture('k1-mtp'), reference)
    setTrainable(model)
    const ids = randomIds(20, model.config.vocabSize)
    const labels = ids.map((id, i) => (i % 3 === 0 ? -100 : id))
    const starts = Int32Array.of(0, 12, 13, 20)
    const loss = (balanceWeight: number, weight = 1) => model.loss(ids, labels, starts, { balanceWeight, weight })
    const balance = loss(1).reals[0]! - loss(0).reals[0]!
    // About 1 for each mixture of experts.
    expect(balance).toBeGreaterThan(1)
    expect(balance).toBeLessThan(10)
    expect(loss(0.5, 0.25).reals[0]).toBeCloseTo(0.25 * (loss(0).reals[0]! + 0.5 * balance), 9)

    const router = model.parameters.get('model.layers.1.mlp.gate.weight')!
    const gradientOf = (balanceWeight: number) => {
      router.grad!.data.fill(0)
      differentiate(reference, () => loss(balanceWeight))
      return Float64Array.from(router.grad!.reals)
    }
    const [without, gradient] = [gradientOf(0), gradientOf(2)]
    for (let at = 0; at < gradient.length; at += 11) {
      const value = router.data[at]!
      const difference = (balanceWeight: number) => {
        const [above, below] = [1e-5, -1e-5].map(step => {
          router.data[at] = value + step
          return loss(balanceWeight).reals[0]!
        })
        return (above! - below!) / 2e-5
      }
      expect(gradient[at]! - without[at]!).toBeCloseTo(difference(2) - difference(0), 6)
      router.data[at] = value
    }
    expect(gradient).not.toEqual(without)
  })

  test('labels that are all ignored give no loss and no gradient', () => {
    const model = loadModel(fixture('k1-mtp'), reference)
    setTrainable(model)
    const ids = randomIds(6, model.config.vocabSize)
    const loss = differentiate(reference, () =>
      model.loss(
        ids,
        ids.map(() => -100),
        1,
        { mtpWeight: 1, balanceWeight: 1 },
      ),
    )
    expect(loss.reals[0]).toBe(0)
    for (const [name, { grad }] of model.parameters)
      expect(
        grad!.reals.every(g => g === 0),
        name,
      ).toBe(true)
  })

  test('expert loads count every token once per chosen expert, and biases move the choice', () => {
    const model = loadModel(fixture('k1-mtp'), reference) as K1
    const ids = randomIds(30, model.config.vocabSize)
    model.hidden(ids, 3)
    const loads = model.expertLoads()
    expect(loads).toHaveLength(3)
    const sum = (load: Int32Array) => load.reduce((a, b) => a + b)
    expect(loads.map(sum)).toEqual([90, 90, 0])
    const entropies = model.routerEntropies()
    expect(entropies).toHaveLength(3)
    for (const entropy of entropies.slice(0, 2)) {
      expect(entropy).toBeGreaterThan(1)
      expect(entropy).toBeLessThan(Math.log(model.config.nRoutedExperts))
    }
    expect(entropies[2]).toBe(0)
    model.loss(ids, ids, 3, { mtpWeight: 0.1 })
    expect(model.expertLoads().map(sum)).toEqual([90, 90, 90])

    model.correctionBiases[0]!.data.fill(0)
    model.correctionBiases[0]!.data[5] = 10
    model.hidden(ids, 3)
    expect(model.expertLoads()[0]![5]).toBe(30)
    expect(model.correctionBiases).toHaveLength(3)
    expect(model.correctionBiases[2]).toBe(model.buffers.get('model.layers.3.mlp.gate.e_score_correction_bias'))
  })

  test('dropout is refused', () => {
    const model = loadModel(fixture('llama'), reference)
    const config = { ...model.config, attentionDropout: 0.1 }
    expect(() => setTrainable({ ...model, config } as LanguageModel)).toThrow(/attention_dropout is 0\.1/)
  })
})

describe('on the device cpu', () => {
  test('repeated steps of decoding and training reserve no more memory', async () => {
    const device = createCpuDevice({ threads: 2 })
    const model = loadModel(fixture('k1-mtp'), device)
    const ids = randomIds(32, model.config.vocabSize)
    setTrainable(model)
    const reserved: number[] = []
    const cache = model.createCache(300)
    for (let i = 0; i < 4; i++) {
      differentiate(device, () => model.loss(ids, ids, 2, { mtpWeight: 0.1 }))
      device.reset()
      for (let t = 0; t < 20; t++) model.step([t], cache)
      reserved.push(device.reservedBytes)
    }
    await device.close()
    expect(new Set(reserved.slice(1)).size).toBe(1)
  })
})
