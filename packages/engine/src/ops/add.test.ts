import { describe, expect, test } from 'vitest'
import { createReferenceDevice } from '../device/reference.ts'
import { reals, testOperation } from '../testing.ts'
import { add } from './add.ts'

describe('add', () => {
  const shapes = [[], [1], [3], [2, 7], [97], [3, 5001]]

  testOperation('add', {
    shapes,
    gradientShapes: shapes.slice(0, 4),
    make: (shape, random) => ({
      inputs: { a: reals(random, shape), b: reals(random, shape) },
      run: ({ a, b }) => add(a!, b!),
    }),
  })

  testOperation('a tensor added to itself', {
    shapes: [[5]],
    make: (shape, random) => ({ inputs: { a: reals(random, shape) }, run: ({ a }) => add(a!, a!) }),
  })

  test('refuses different shapes', () => {
    const device = createReferenceDevice()
    expect(() => add(device.persistent([2, 3]), device.persistent([3, 2]))).toThrow('shapes [2,3] and [3,2] differ')
  })
})
