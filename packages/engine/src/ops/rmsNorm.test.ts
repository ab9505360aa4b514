import { describe, expect, test } from 'vitest'
import { createReferenceDevice } from '../device/reference.ts'
import { EngineError } from '../errors.ts'
import { reals, testOperation } from '../testing.ts'
import { rmsNorm } from './rmsNorm.ts'

describe('rmsNorm', () => {
  testOperation('rmsNorm', {
    shapes: [
      [1, 1],
      [2, 3],
      [1, 31],
      [7, 13],
      [5, 48],
      [97, 49],
      [13, 2048],
    ],
    gradientShapes: [
      [1, 1],
      [3, 5],
      [4, 7],
    ],
    make: ([rows, n], random) => ({
      inputs: { x: reals(random, [rows!, n!]), w: reals(random, [n!]) },
      run: ({ x, w }) => rmsNorm(x!, w!, 1e-6),
    }),
  })

  test('normalises a row by hand', () => {
    const device = createReferenceDevice()
    const y = rmsNorm(device.from([3, 4], [1, 2]), device.from([1, 10], [2]), 0)
    const rms = Math.sqrt(12.5)
    expect(Array.from(y.data)).toEqual([3 / rms, 40 / rms])
  })

  test('names both shapes when the weight does not fit', () => {
    const device = createReferenceDevice()
    const call = () => rmsNorm(device.persistent([2, 3]), device.persistent([4]), 1e-6)
    expect(call).toThrow(EngineError)
    expect(call).toThrow('weight [4] does not fit the input [2,3]')
  })
})
