import { afterAll, describe, expect, test } from 'vitest'
import { availableTargets, createCpuDevice } from '../../device/cpu.ts'
import { createInterpreterDevice } from '../../device/interpreter.ts'
import { experts } from '../../ops/experts.ts'
import { linear } from '../../ops/linear.ts'
import { router } from '../../ops/router.ts'
import { randomSource, reals } from '../../testing.ts'

// That products of a few rows are right is tested with the operations made of them. Here: that rows do not meet.

const devices = [
  createInterpreterDevice({ name: 'narrow', width: 4, registers: 16 }),
  createInterpreterDevice({ name: 'wide', width: 16, registers: 32 }),
  ...availableTargets().map(target => createCpuDevice({ threads: 2, target })),
]
afterAll(() => Promise.all(devices.map(device => device.close())))

describe.each(devices.map(device => [device.target, device] as const))('on %s', (_, device) => {
  const [outputs, inputs, most] = [37, 43, 32]
  const random = randomSource(3)
  const numbers = (...shape: number[]) => device.from(reals(random, shape).values, shape)
  const x = reals(random, [most, inputs]).values
  const weight = numbers(outputs, inputs)
  const gateUp = numbers(5, 2 * 19, inputs)
  const down = numbers(5, inputs, 19)
  const toExperts = numbers(5, inputs)
  const bias = device.from(Array(5).fill(0), [5])
  const options = { groups: 1, topkGroups: 1, topk: 2, normalise: true, scale: 1 }

  /** What comes out for `count` rows from row `first` on. */
  const products = (first: number, count: number) => {
    const rows = device.from(x.slice(first * inputs, (first + count) * inputs), [count, inputs])
    const routing = router(linear(rows, toExperts), bias, options)
    return [linear(rows, weight), experts(rows, routing, gateUp, down)].map(y => Array.from(y.data))
  }

  test('a row gets the same bits alone and among others', () => {
    const alone = Array.from({ length: most }, (_, r) => products(r, 1))
    for (const count of [2, 3, 7, 8, 13, 16, 31, 32]) {
      for (const [i, together] of products(0, count).entries()) {
        expect(together, `product ${i} of ${count} rows`).toEqual(alone.slice(0, count).flatMap(row => row[i]!))
      }
    }
  })
})
