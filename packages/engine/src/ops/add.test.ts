import { describe, expect, test } from 'vitest'
import { createReferenceDevice } from '../device/reference.ts'
import { reals, testOperation } from '../testing.ts'
import { add } from './add.ts'
import { scale } from './scale.ts'

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

  testOperation('a sum whose terms are used before and after', {
    shapes: [[5], [3, 7]],
    make: (shape, random) => ({
      inputs: { a: reals(random, shape), b: reals(random, shape) },
      run: ({ a, b }) => {
        const x = scale(a!, 2)
        const before = scale(x, 3)
        const y = scale(b!, 0.5)
        const sum = add(x, y)
        return [before, add(sum, x), scale(y, 5), sum]
      },
    }),
  })

  test('refuses different shapes', () => {
    const device = createReferenceDevice()
    expect(() => add(device.persistent([2, 3]), device.persistent([3, 2]))).toThrow('shapes [2,3] and [3,2] differ')
  })
})
