import { describe, expect, test } from 'vitest'
import { biased, logprobOf, MeasuringSampler } from './logprobs.ts'
import { Random } from './random.ts'
import { defaultSampling, Sampler } from './sampling.ts'

const greedy = () => new Sampler({ ...defaultSampling, temperature: 0 }, new Random(1))

describe('logprobOf', () => {
  test('is the logarithm of softmax', () => {
    const logits = [1, 3, 2, 3].map(Math.log)
    const { id, logprob, top } = logprobOf(logits, 2, 3)
    expect(id).toBe(2)
    expect(Math.exp(logprob)).toBeCloseTo(2 / 9, 12)
    expect(top.map(({ id }) => id)).toEqual([1, 3, 2])
    expect(top.map(({ logprob }) => Math.exp(logprob) * 9)).toEqual([3, 3, 2].map(n => expect.closeTo(n, 12)))
    expect(top[2]!.logprob).toBe(logprob)
  })

  test('agrees with sorting, whatever the logits', () => {
    const random = new Random(7)
    for (let round = 0; round < 50; round++) {
      const logits = Float32Array.from({ length: 40 }, () => Math.round(random.uniform() * 12) - 1000)
      const sorted = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b)
      expect(logprobOf(logits, 0, 20).top.map(({ id }) => id)).toEqual(sorted.slice(0, 20))
      const all = logprobOf(logits, 0, 40).top
      expect(all.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0)).toBeCloseTo(1, 10)
    }
  })

  test('without alternatives has none', () => {
    expect(logprobOf([0, 0], 1, 0)).toEqual({ id: 1, logprob: -Math.LN2, top: [] })
  })
})

test('measuring changes nothing, and sees the logits as the model gave them', () => {
  const changing = biased(greedy(), new Map([[2, 5]]))
  const sampler = new MeasuringSampler(changing, 1)
  expect(sampler.next(Float32Array.of(0, 1, 0))).toBe(2)
  expect(sampler.last).toEqual(logprobOf([0, 1, 0], 2, 1))
})

test('a bias makes a token certain, or impossible', () => {
  expect(biased(greedy(), new Map([[0, 100]])).next(Float32Array.of(0, 50, 49))).toBe(0)
  expect(biased(greedy(), new Map([[1, -100]])).next(Float32Array.of(0, 50, 49))).toBe(2)
})
