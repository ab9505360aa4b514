import { describe } from 'vitest'
import { constants, type Random, reals, testOperation } from '../testing.ts'
import { linearAdd } from './linearAdd.ts'
import { normLinear } from './normLinear.ts'
import { swigluLinear } from './swigluLinear.ts'

// Operations that are one kernel for a few rows without a gradient, and several otherwise: both ways, each against the
// reference, and the reference of the one kernel against the others by the finite differences of the gradient.

/** rows, inputs, outputs */
const shapes = [
  [1, 1, 1],
  [1, 64, 37],
  [3, 17, 5],
  [4, 40, 48],
  [8, 33, 19],
  [31, 12, 7],
  [35, 9, 5],
] as const
type Case = (typeof shapes)[number]
const gradientShapes = [shapes[0], shapes[2]]

/** Inputs that are followed by the tape, or not. */
const inputs = (followed: boolean, random: Random) => {
  return (...shape: number[]) => {
    const input = reals(random, shape)
    return followed ? input : constants(input.values, shape)
  }
}

describe.each([true, false])('with a gradient: %s', followed => {
  const common = { shapes, gradientShapes: followed ? gradientShapes : [] }

  testOperation<Case>('linearAdd', {
    ...common,
    make([rows, k, n], random) {
      const input = inputs(followed, random)
      return {
        inputs: { x: input(rows, k), w: input(n, k), residual: input(rows, n) },
        run: ({ x, w, residual }) => linearAdd(x!, w!, residual!),
      }
    },
  })

  testOperation<Case>('linearAdd with a bias', {
    ...common,
    make([rows, k, n], random) {
      const input = inputs(followed, random)
      return {
        inputs: { x: input(rows, k), w: input(n, k), residual: input(rows, n), bias: input(n) },
        run: ({ x, w, residual, bias }) => linearAdd(x!, w!, residual!, bias),
      }
    },
  })

  testOperation<Case>('swigluLinear', {
    ...common,
    make([rows, k, n], random) {
      const input = inputs(followed, random)
      return {
        inputs: { x: input(rows, k), gate: input(n, k), up: input(n, k) },
        run: ({ x, gate, up }) => swigluLinear(x!, gate!, up!),
      }
    },
  })

  testOperation<Case>('swigluLinear with biases', {
    ...common,
    make([rows, k, n], random) {
      const input = inputs(followed, random)
      return {
        inputs: { x: input(rows, k), gate: input(n, k), up: input(n, k), a: input(n), b: input(n) },
        run: ({ x, gate, up, a, b }) => swigluLinear(x!, gate!, up!, a, b),
      }
    },
  })

  testOperation<Case>('normLinear', {
    ...common,
    make([rows, k, n], random) {
      const input = inputs(followed, random)
      return {
        inputs: { x: input(rows, k), norm: input(k), w: input(n, k) },
        run: ({ x, norm, w }) => normLinear(x!, norm!, 1e-3, [{ weight: w! }]),
      }
    },
  })

  testOperation<Case>('normLinear of several projections', {
    ...common,
    make([rows, k, n], random) {
      const input = inputs(followed, random)
      return {
        inputs: { x: input(rows, k), norm: input(k), w: input(n, k), v: input(2 * n + 1, k), bias: input(n) },
        run: ({ x, norm, w, v, bias }) => [
          ...normLinear(x!, norm!, 1e-3, [{ weight: v! }, { weight: w! }, { weight: v! }]),
          ...normLinear(x!, norm!, 1e-3, [{ weight: w!, bias }, { weight: v! }]),
        ],
      }
    },
  })
})
