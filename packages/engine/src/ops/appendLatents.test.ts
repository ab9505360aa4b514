import { describe, expect, test } from 'vitest'
import { createReferenceDevice } from '../device/reference.ts'
import { constants, integers, randomSource, reals, testOperation } from '../testing.ts'
import { appendLatents } from './appendLatents.ts'
import { appendRows } from './appendRows.ts'
import { concat } from './concat.ts'
import { rmsNorm } from './rmsNorm.ts'
import { rotary } from './rotary.ts'
import { split } from './split.ts'

const eps = 1e-6

describe('appendLatents', () => {
  // rows, capacity, rank, ropeDim, interleaved
  const shapes = [
    [1, 1, 1, 2, 1],
    [1, 5, 64, 16, 1],
    [3, 7, 33, 6, 0],
    [4, 4, 8, 34, 1],
    [2, 9, 19, 36, 0],
  ] as const

  testOperation<(typeof shapes)[number]>('appendLatents', {
    shapes,
    make([rows, capacity, rank, ropeDim, interleaved], random) {
      const constant = (...shape: number[]) => constants(reals(random, shape).values, shape)
      return {
        inputs: {
          cache: constant(capacity, rank + ropeDim),
          x: constant(rows, rank + ropeDim),
          norm: constant(rank),
          cos: constant(capacity, ropeDim / 2),
          sin: constant(capacity, ropeDim / 2),
          positions: integers(Array.from({ length: rows }, (_, r) => capacity - 1 - r)),
        },
        run({ cache, x, norm, cos, sin, positions }) {
          const options = { eps, interleaved: interleaved === 1 }
          appendLatents(cache!, x!, norm!, { cos: cos!, sin: sin! }, positions!, options)
          return cache!
        },
      }
    },
  })

  test('is norm, rotation and copy in one', () => {
    const device = createReferenceDevice()
    const random = randomSource(8)
    const [rows, capacity, rank, ropeDim] = [3, 6, 5, 4]
    const tensor = (...shape: number[]) => device.from(reals(random, shape).values, shape)
    const [x, norm, cos, sin] = [tensor(rows, rank + ropeDim), tensor(rank), tensor(capacity, 2), tensor(capacity, 2)]
    const positions = device.from([5, 0, 2], [rows], 'i32')
    for (const interleaved of [true, false]) {
      const [ours, expected] = [device.persistent([capacity, 9]), device.persistent([capacity, 9])]
      appendLatents(ours, x, norm, { cos, sin }, positions, { eps, interleaved })
      const [latent, key] = split(x, rank)
      const options = { start: 0, width: ropeDim, interleaved }
      const rotated = rotary(key.reshape([rows, 1, ropeDim]), { cos, sin }, positions, options).reshape([rows, ropeDim])
      appendRows(expected, concat(rmsNorm(latent, norm, eps), rotated), positions)
      for (const [i, value] of expected.data.entries()) expect(ours.data[i]).toBeCloseTo(value, 12)
    }
  })

  test('refuses positions that are not there', () => {
    const device = createReferenceDevice()
    const [cache, x, norm, angles] = [[4, 6], [1, 6], [4], [3, 1]].map(shape => device.persistent(shape))
    const append = (position: number) =>
      appendLatents(cache!, x!, norm!, { cos: angles!, sin: angles! }, device.from([position], [1], 'i32'), {
        eps,
        interleaved: true,
      })
    expect(() => append(3)).toThrow('position 3 is beyond 3')
    expect(() => append(-1)).toThrow('position -1')
  })
})
