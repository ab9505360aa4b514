import { createCpuDevice, LogitBlocks } from '@modu/engine'
import { afterAll, describe, expect, test } from 'vitest'
import { logprobOf } from './logprobs.ts'
import { Random } from './random.ts'
import {
  checkSampling,
  expOfNegative,
  logitBlock,
  mostLikelyTokens,
  Sampler,
  type SamplingOptions,
} from './sampling.ts'

const device = createCpuDevice({ threads: 1 })
afterAll(() => device.close())

const random = new Random(7)
const randomLogits = (size: number, scale = 3) => Float32Array.from({ length: size }, () => random.normal() * scale)

const sampler = (options: Partial<SamplingOptions>, seed = 1, prompt: number[] = []) =>
  new Sampler(checkSampling(options), new Random(seed), prompt)

/** The tokens that may be drawn and their probabilities, by sorting, as vLLM documents it. */
function plainDistribution(
  logits: Float32Array,
  { temperature = 1, topK = 0, topP = 1, minP = 0 },
): Map<number, number> {
  const weight = (logit: number) => Math.exp((logit - Math.max(...logits)) / temperature)
  let sorted = [...logits.keys()]
    .map(id => ({ id, p: weight(logits[id]) }))
    .toSorted((a, b) => b.p - a.p || a.id - b.id)
  sorted = sorted.filter(({ p }) => p >= minP)
  if (topK) sorted = sorted.slice(0, topK)
  const total = sorted.reduce((sum, { p }) => sum + p, 0)
  let reached = 0
  sorted = sorted.filter(({ p }) => {
    const keep = reached < topP * total - 1e-12
    reached += p
    return keep
  })
  const kept = sorted.reduce((sum, { p }) => sum + p, 0)
  return new Map(sorted.map(({ id, p }) => [id, p / kept]))
}

/** How often each token comes in `draws` draws from the same logits. */
function frequencies(logits: Float32Array, options: Partial<SamplingOptions>, draws: number): Map<number, number> {
  const drawn = sampler(options)
  const counts = new Map<number, number>()
  for (let i = 0; i < draws; i++) {
    const token = drawn.next(logits.slice())
    counts.set(token, (counts.get(token) ?? 0) + 1 / draws)
  }
  return counts
}

describe('draws from the right tokens with the right frequencies', () => {
  test.each<Partial<SamplingOptions>>([
    {},
    { temperature: 0.5 },
    { temperature: 1.7, topK: 5 },
    { topP: 0.6 },
    { topP: 0.001 },
    { minP: 0.2 },
    { temperature: 1.3, topK: 9, topP: 0.8, minP: 0.05 },
  ])('%o', options => {
    for (const size of [1, 2, 7, 23]) {
      const logits = randomLogits(size, 1.5)
      const expected = plainDistribution(logits, options)
      const got = frequencies(logits, options, 4000)
      for (const id of got.keys()) expect(expected.has(id)).toBe(true)
      // Four standard deviations of 4,000 draws are at most 0.032.
      for (const [id, p] of expected) expect(Math.abs((got.get(id) ?? 0) - p)).toBeLessThan(0.035)
    }
  })

  test('of large vocabularies with ties, never one outside top-k or top-p', () => {
    for (const vocabulary of [8192, 163840])
      for (const options of [{ topK: 40 }, { topP: 0.9 }, { topK: 1000, topP: 0.5 }]) {
        const logits = randomLogits(vocabulary, 1).map(value => Math.round(value * 4) / 4)
        const sorted = [...logits.keys()].toSorted((a, b) => logits[b] - logits[a] || a - b)
        const weights = sorted.map(id => Math.exp(logits[id]))
        const kept = weights.slice(0, options.topK ?? vocabulary)
        const total = kept.reduce((a, b) => a + b, 0)
        let size = 0
        for (let reached = 0; size < kept.length && reached < (options.topP ?? 1) * total * (1 + 1e-9); size++)
          reached += kept[size]
        const allowed = new Set(sorted.slice(0, size))
        const drawn = sampler(options)
        for (let i = 0; i < 20; i++) expect(allowed.has(drawn.next(logits.slice()))).toBe(true)
      }
  })
})

test('temperature 0 takes the largest, the first of equals', () => {
  expect(sampler({ temperature: 0 }).next(Float32Array.of(1, 3, 2, 3))).toBe(1)
  expect(sampler({ temperature: 0 }).next(Float32Array.of(Number.NaN, -Infinity, -2))).toBe(2)
  expect(() => sampler({ temperature: 0 }).next(Float32Array.of(Number.NaN, Number.NaN))).toThrow('no finite logits')
  for (const size of [...Array.from({ length: 19 }, (_, i) => i + 1), 127, 128, 129, 300]) {
    const quick = new LogitBlocks(device, size, logitBlock)
    for (let at = 0; at < size; at++) {
      const values = Float32Array.from({ length: size }, (_, i) => (i < at ? -i - 1 : 0))
      expect(sampler({ temperature: 0 }).next(values)).toBe(at)
      expect(new Sampler(checkSampling({ temperature: 0 }), new Random(1), [], quick).next(values)).toBe(at)
    }
    quick.release()
  }
})

test('blocks that have nothing to draw are passed over, others are not', () => {
  const logits = Float32Array.from({ length: 400 }, (_, i) => (i % 100 === 50 ? 0 : -60))
  const drawn = sampler({})
  const tokens = new Set(Array.from({ length: 200 }, () => drawn.next(logits)))
  expect([...tokens].sort((a, b) => a - b)).toEqual([50, 150, 250, 350])
})

test('of tokens that are as likely those with the lower ids are in the nucleus', () => {
  const logits = Float32Array.from({ length: 300 }, (_, i) => (i % 30 === 7 ? 2 : -60))
  for (const [topP, last] of [
    [0.25, 67],
    [0.55, 157],
    [0.95, 277],
  ] as const) {
    const drawn = sampler({ topP })
    const tokens = Array.from({ length: 300 }, () => drawn.next(logits))
    expect(Math.max(...tokens)).toBe(last)
    expect(Math.min(...tokens)).toBe(7)
  }
})

test('the blocks of the engine lead to the same draws', () => {
  for (const size of [50, 1000, 8192]) {
    const quick = new LogitBlocks(device, size, logitBlock)
    for (const options of [
      {},
      { temperature: 0.3 },
      { topP: 0.9 },
      { temperature: 0.3, topP: 0.9 },
      { topP: 0.3 },
      { topK: 20 },
    ]) {
      const draw = (blocks?: LogitBlocks) => {
        const drawn = new Sampler(checkSampling(options), new Random(3), [], blocks)
        return Array.from({ length: 50 }, (_, i) => drawn.next(rows[i % rows.length].slice()))
      }
      const rows = Array.from({ length: 10 }, () => randomLogits(size))
      expect(draw(quick)).toEqual(draw())
    }
    quick.release()
  }
})

test('a logit that is no number is not drawn', () => {
  const logits = randomLogits(300)
  for (const id of [0, 130, 299]) logits[id] = Number.NaN
  for (const options of [{}, { topP: 0.9 }, { topK: 5 }]) {
    const drawn = sampler(options)
    const tokens = Array.from({ length: 300 }, () => drawn.next(logits.slice()))
    expect(tokens.filter(token => Number.isNaN(logits[token]))).toEqual([])
    expect(new Set(tokens).size).toBeGreaterThan(3)
  }
})

test('powers of e are right to 12 digits', () => {
  let error = 0
  for (let x = 0; x >= -700; x -= 0.0137) error = Math.max(error, Math.abs(expOfNegative(x) / Math.exp(x) - 1))
  expect(error).toBeLessThan(1e-11)
  expect(expOfNegative(-700)).toBeGreaterThan(0)
})

test('the same seed gives the same tokens, another seed others', () => {
  const tokens = (seed: number) => {
    const drawn = sampler({ topP: 0.95 }, seed)
    const logits = Float32Array.from({ length: 500 }, (_, i) => Math.sin(i))
    return Array.from({ length: 30 }, () => drawn.next(logits.slice()))
  }
  expect(tokens(1)).toEqual(tokens(1))
  expect(tokens(1)).not.toEqual(tokens(2))
})

describe('penalties', () => {
  const greedy = (options: Partial<SamplingOptions>, prompt: number[] = []) =>
    sampler({ temperature: 0, ...options }, 1, prompt)

  test('repetition counts the prompt, divides positive and multiplies negative logits', () => {
    const logits = Float32Array.of(4, 3, -1, -2)
    greedy({ repetitionPenalty: 2 }, [0, 2]).next(logits)
    expect([...logits]).toEqual([2, 3, -2, -2])
  })

  test('frequency and presence count the answer only', () => {
    const drawn = greedy({ frequencyPenalty: 0.5, presencePenalty: 0.25 }, [1])
    const tokens = Array.from({ length: 6 }, () => drawn.next(Float32Array.of(2, 1.5, 0)))
    // 2 → 1.25 after one → 0.75 after two; 1.5 → 0.75 after one → 0.25 after two.
    expect(tokens).toEqual([0, 1, 0, 0, 1, 0])
  })
})

test('forbidden tokens are never drawn, and broken logits are an error', () => {
  const logits = Float32Array.of(-Infinity, 0, -Infinity)
  expect(sampler({}).next(logits)).toBe(1)
  expect(() => sampler({}).next(Float32Array.of(Number.NaN, Number.NaN))).toThrow('no finite logits')
  expect(() => sampler({}).next(Float32Array.of(-Infinity, -Infinity))).toThrow('no finite logits')
})

test('where a token is not allowed the others keep their chances', () => {
  const drawn = sampler({}, 3)
  const counts = [0, 0, 0]
  for (let i = 0; i < 3000; i++) counts[drawn.next(Float32Array.of(Math.log(6), Math.log(3), 0), token => token > 0)]!++
  expect(counts[0]).toBe(0)
  // Three times as likely: 2,250 of 3,000, standard deviation 24.
  expect(Math.abs(counts[1]! - 2250)).toBeLessThan(100)
  expect(sampler({ temperature: 0 }).next(Float32Array.of(3, 1, 2), token => token !== 0)).toBe(2)
  expect(() => drawn.next(Float32Array.of(1, 2), () => false)).toThrow('no finite logits')
})

test.each([
  [{ temperature: -1 }, 'temperature is -1; it must be from 0 to 2'],
  [{ topK: 1.5 }, 'top_k is 1.5; it must be an integer'],
  [{ topP: 0 }, 'top_p is 0; it must be above 0'],
  [{ minP: 1.1 }, 'min_p is 1.1'],
  [{ repetitionPenalty: 0 }, 'repetition_penalty is 0'],
  [{ frequencyPenalty: 3 }, 'frequency_penalty is 3'],
  [{ presencePenalty: Number.NaN }, 'presence_penalty is NaN'],
  [{ temperature: '1' as unknown as number }, 'temperature is "1"'],
])('refuses %o', (options, message) => {
  expect(() => checkSampling(options)).toThrow(message)
})

describe('the most likely tokens', () => {
  test.each([
    [5, 3],
    [128, 12],
    [1000, 1],
    [3000, 30],
    [3000, 3000],
  ])('of %d are the %d that sorting finds, as likely as softmax says', (size, count) => {
    const blocks = new LogitBlocks(device, size, logitBlock)
    for (let trial = 0; trial < 5; trial++) {
      const logits = randomLogits(size)
      // Some are equal, and some forbidden.
      for (let i = 0; i < size; i += 7) logits[i] = i % 3 === 0 ? 1.5 : -Infinity
      const expected = logprobOf(logits, 0, size).top.filter(({ logprob }) => logprob > -Infinity)
      for (const found of [mostLikelyTokens(logits, count), mostLikelyTokens(logits, count, blocks)]) {
        expect(found.map(({ id }) => id)).toEqual(expected.slice(0, count).map(({ id }) => id))
        for (const [i, { logprob }] of found.entries()) expect(logprob).toBeCloseTo(expected[i]!.logprob, 4)
      }
    }
    blocks.release()
  })

  test('are an error where no logit is finite', () => {
    expect(() => mostLikelyTokens(new Float32Array(10).fill(-Infinity), 3)).toThrow('no finite logits')
    expect(() => mostLikelyTokens(new Float32Array(10).fill(Number.NaN), 3)).toThrow('no finite logits')
  })
})
