import { describe, expect, test } from 'vitest'
import { createReferenceDevice } from '../device/reference.ts'
import { constants, integers, randomInteger, randomSource, reals, testOperation } from '../testing.ts'
import { attention } from './attention.ts'
import { cachedAttention } from './cachedAttention.ts'

describe('cachedAttention', () => {
  // rows, capacity, heads, groups, dim, valueDim
  const shapes = [
    [1, 1, 1, 1, 1, 1],
    [1, 9, 4, 2, 8, 8],
    [2, 40, 3, 1, 80, 64],
    [3, 21, 6, 2, 13, 37],
    [1, 5, 5, 5, 16, 33],
  ] as const

  testOperation<(typeof shapes)[number]>('cachedAttention', {
    shapes,
    make([rows, capacity, heads, groups, dim, valueDim], random) {
      const constant = (...shape: number[]) => constants(reals(random, shape).values, shape)
      return {
        inputs: {
          q: constant(rows, heads, dim),
          keys: constant(capacity, groups * dim),
          values: constant(capacity, groups * valueDim),
          positions: integers(
            Array.from({ length: rows }, (_, r) => (r === 0 ? capacity - 1 : randomInteger(random, capacity))),
          ),
        },
        run: ({ q, keys, values, positions }) =>
          cachedAttention(q!, keys!, values!, positions!, { groups, scale: 0.4 }),
      }
    },
  })

  test('equals attention over the past, row by row', () => {
    const device = createReferenceDevice()
    const random = randomSource(4)
    const [capacity, heads, groups, dim] = [12, 4, 2, 6]
    const tensor = (...shape: number[]) => device.from(reals(random, shape).values, shape)
    const [keys, values] = [tensor(capacity, groups * dim), tensor(capacity, groups * dim)]
    const places = [4, 0, 11]
    const q = tensor(places.length, heads, dim)
    const y = cachedAttention(q, keys, values, device.from(places, [3], 'i32'), { groups, scale: 0.3 })
    for (const [r, position] of places.entries()) {
      const past = [keys, values].map(t => t.rows(0, position + 1).reshape([position + 1, groups, dim]))
      const expected = attention(q.rows(r, r + 1), past[0]!, past[1]!, { sequences: 1, scale: 0.3 })
      for (const [i, value] of expected.data.entries()) expect(y.data[r * heads * dim + i]).toBeCloseTo(value, 12)
    }
  })
})
