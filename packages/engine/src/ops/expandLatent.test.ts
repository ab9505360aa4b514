import { describe, expect, test } from 'vitest'
import { createReferenceDevice } from '../device/reference.ts'
import { reals, testOperation } from '../testing.ts'
import { expandLatent } from './expandLatent.ts'
import { scale } from './scale.ts'

describe('expandLatent', () => {
  const shapes = [
    [1, 1, 1, 1, 1],
    [2, 3, 5, 4, 2],
    [7, 2, 31, 13, 8],
    [31, 8, 32, 32, 16],
  ]
  testOperation('expandLatent', {
    shapes,
    gradientShapes: shapes.slice(0, 2),
    make: ([rows, heads, keyDim, valueDim, ropeDim], random) => ({
      inputs: { kv: reals(random, [rows!, heads!, keyDim! + valueDim!]), kr: reals(random, [rows!, ropeDim!]) },
      run: ({ kv, kr }) => {
        const { k, v } = expandLatent(kv!, kr!, keyDim!)
        return [k, v]
      },
    }),
  })

  testOperation('expandLatent of intermediate tensors, one used before', {
    shapes: shapes.slice(0, 3),
    gradientShapes: shapes.slice(0, 2),
    make: ([rows, heads, keyDim, valueDim, ropeDim], random) => ({
      inputs: { kv: reals(random, [rows!, heads!, keyDim! + valueDim!]), kr: reals(random, [rows!, ropeDim!]) },
      run: inputs => {
        const [kv, kr] = [scale(inputs.kv!, 2), scale(inputs.kr!, 2)]
        const [first, second] = [expandLatent(kv, kr, keyDim!), expandLatent(kv, kr, keyDim!)]
        return [first.k, first.v, second.k, second.v]
      },
    }),
  })

  test('repeats the rotary part for every head', () => {
    const device = createReferenceDevice()
    const { k, v } = expandLatent(device.from([1, 2, 3, 4, 5, 6], [1, 2, 3]), device.from([8, 9], [1, 2]), 1)
    expect(k.shape).toEqual([1, 2, 3])
    expect(Array.from(k.data)).toEqual([1, 8, 9, 4, 8, 9])
    expect(Array.from(v.data)).toEqual([2, 3, 5, 6])
  })
})
