import { describe, expect, test } from 'vitest'
import { createReferenceDevice } from '../device/reference.ts'
import { reals, testOperation } from '../testing.ts'
import { scale } from './scale.ts'
import { swiglu } from './swiglu.ts'

describe('swiglu', () => {
  testOperation('swiglu', {
    shapes: [
      [1, 1],
      [2, 3],
      [5, 31],
      [7, 48],
      [97, 49],
    ],
    gradientShapes: [
      [1, 1],
      [3, 5],
    ],
    make: (shape, random) => ({
      inputs: { gate: reals(random, shape, 5), up: reals(random, shape) },
      run: ({ gate, up }) => swiglu(gate!, up!),
    }),
  })

  const shapes = [[3, 5]]
  testOperation('swiglu whose gate is used before, and both halves of one tensor', {
    shapes,
    make: (shape, random) => ({
      inputs: { gate: reals(random, shape, 5), up: reals(random, shape) },
      run: ({ gate, up }) => {
        const [x, y] = [scale(gate!, 2), scale(up!, 2)]
        return [swiglu(x, y), scale(x, 3), swiglu(y, y)]
      },
    }),
  })

  test('large gates neither overflow nor vanish', () => {
    const device = createReferenceDevice()
    const y = swiglu(device.from([-1000, 0, 1000], [1, 3]), device.from([2, 2, 2], [1, 3]))
    expect(Array.from(y.data, x => x + 0)).toEqual([0, 0, 2000])
  })
})
