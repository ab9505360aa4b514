import { Random } from '@modu/model'
import { describe, expect, test } from 'vitest'
import { bootstrap, meanAt } from './bootstrap.ts'

describe('bootstrap', () => {
  test('agrees with the normal interval of a share', () => {
    const n = 2000
    const values = Array.from({ length: n }, (_, i) => Number(i % 10 < 3))
    const { value, low, high } = bootstrap(n, items => meanAt(values, items), 1)
    expect(value).toBeCloseTo(0.3, 12)
    const half = 1.96 * Math.sqrt((0.3 * 0.7) / n)
    expect((value - low) / half).toBeCloseTo(1, 0)
    expect((high - value) / half).toBeCloseTo(1, 0)
    expect(high - low).toBeGreaterThan(1.8 * half)
    expect(high - low).toBeLessThan(2.2 * half)
  })

  test('covers the true mean in about 95 of 100 samples', () => {
    let covered = 0
    for (let trial = 0; trial < 200; trial++) {
      const random = new Random(trial)
      const values = Array.from({ length: 100 }, () => random.normal())
      const { low, high } = bootstrap(100, items => meanAt(values, items), trial)
      covered += Number(low <= 0 && 0 <= high)
    }
    expect(covered).toBeGreaterThanOrEqual(178)
    expect(covered).toBeLessThanOrEqual(199)
  })

  test('is no interval at all where every item is the same', () => {
    expect(bootstrap(7, items => meanAt(Array(7).fill(2), items), 3)).toEqual({ value: 2, low: 2, high: 2 })
  })

  test('is the same for the same seed and another for another', () => {
    const values = [3, 1, 4, 1, 5, 9, 2, 6]
    const run = (seed: number) => bootstrap(values.length, items => meanAt(values, items), seed)
    expect(run(1)).toEqual(run(1))
    expect(run(1)).not.toEqual(run(2))
  })
})
