import { describe } from 'vitest'
import { reals, testOperation } from '../testing.ts'
import { scale } from './scale.ts'

describe('scale', () => {
  testOperation('scale', {
    shapes: [[], [1], [3], [2, 7], [97], [3, 5001]],
    gradientShapes: [[], [1], [2, 7]],
    make: (shape, random) => ({ inputs: { x: reals(random, shape) }, run: ({ x }) => scale(x!, -0.7) }),
  })
})
