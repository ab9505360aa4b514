import { describe, expect, test } from 'vitest'
import { Random } from './random.ts'

const draw = (random: Random, n: number) => Array.from({ length: n }, () => random.bits())

describe('Random', () => {
  test('the same seed gives the same numbers, another seed others', () => {
    expect(draw(new Random(7), 20)).toEqual(draw(new Random(7), 20))
    expect(draw(new Random(7), 20)).not.toEqual(draw(new Random(8), 20))
  })

  test('goes on from a stored state', () => {
    const random = new Random(1)
    random.uniform()
    const copy = new Random(JSON.parse(JSON.stringify(random.state)))
    expect(draw(copy, 20)).toEqual(draw(random, 20))
  })

  test('uniform and normal have the right moments', () => {
    const random = new Random(3)
    const n = 100_000
    let sum = 0
    let sumNormal = 0
    let squares = 0
    for (let i = 0; i < n; i++) {
      const u = random.uniform()
      expect(u >= 0 && u < 1).toBe(true)
      sum += u
      const z = random.normal()
      sumNormal += z
      squares += z * z
    }
    expect(sum / n).toBeCloseTo(0.5, 2)
    expect(sumNormal / n).toBeCloseTo(0, 1)
    expect(squares / n).toBeCloseTo(1, 1)
  })
})
