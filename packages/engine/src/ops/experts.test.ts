import { describe, expect, test } from 'vitest'
import type { Device } from '../device/device.ts'
import { createReferenceDevice } from '../device/reference.ts'
import type { Tensor } from '../tensor.ts'
import { constants, type Random, randomInteger, randomSource, reals, testOperation } from '../testing.ts'
import { experts } from './experts.ts'
import { groupByExpert } from './groupByExpert.ts'
import type { Routing } from './router.ts'

interface Case {
  rows: number
  count: number
  topk: number
  hidden: number
  intermediate: number
  /** Expert of choice j of row r; random and distinct within a row if left out. */
  choose?: (r: number, j: number) => number
}

function choices({ rows, count, topk, choose }: Case, random: Random): number[] {
  return Array.from({ length: rows }, (_, r) => {
    if (choose) return Array.from({ length: topk }, (_, j) => choose(r, j))
    const order = Array.from({ length: count }, (_, e) => e)
    for (let j = 0; j < topk; j++) {
      const other = j + randomInteger(random, count - j)
      ;[order[j], order[other]] = [order[other]!, order[j]!]
    }
    return order.slice(0, topk)
  }).flat()
}

const routingOf = (device: Device, chosen: number[], weights: Tensor, count: number): Routing => {
  const indices = device.from(chosen, weights.shape, 'i32')
  return { experts: indices, weights, count, groups: () => groupByExpert(indices, count) }
}

describe('experts', () => {
  const small: Case[] = [
    { rows: 1, count: 1, topk: 1, hidden: 1, intermediate: 1 },
    { rows: 1, count: 4, topk: 2, hidden: 3, intermediate: 2 },
    { rows: 5, count: 3, topk: 1, hidden: 2, intermediate: 3, choose: () => 1 },
    { rows: 3, count: 5, topk: 2, hidden: 3, intermediate: 2, choose: (_, j) => 4 * j },
  ]
  const large: Case[] = [
    { rows: 1, count: 16, topk: 2, hidden: 64, intermediate: 31 },
    { rows: 97, count: 8, topk: 3, hidden: 49, intermediate: 13 },
    { rows: 31, count: 64, topk: 1, hidden: 48, intermediate: 32 },
    { rows: 130, count: 4, topk: 2, hidden: 40, intermediate: 24, choose: (_, j) => 3 * j },
    { rows: 97, count: 5, topk: 1, hidden: 7, intermediate: 97, choose: () => 4 },
  ]
  testOperation('experts', {
    shapes: [...small, ...large],
    gradientShapes: small,
    make: (shape, random) => {
      const { rows, count, topk, hidden, intermediate } = shape
      const chosen = choices(shape, random)
      return {
        inputs: {
          x: reals(random, [rows, hidden]),
          weights: reals(random, [rows, topk]),
          gateUp: reals(random, [count, 2 * intermediate, hidden]),
          down: reals(random, [count, hidden, intermediate]),
        },
        run: ({ x, weights, gateUp, down }) =>
          experts(x!, routingOf(x!.device, chosen, weights!, count), gateUp!, down!),
      }
    },
  })

  testOperation('experts with a shared one', {
    shapes: [...small, ...large],
    gradientShapes: small,
    make: (shape, random) => {
      const { rows, count, topk, hidden, intermediate } = shape
      const chosen = choices(shape, random)
      const units = intermediate + 3
      return {
        inputs: {
          x: reals(random, [rows, hidden]),
          weights: reals(random, [rows, topk]),
          gateUp: reals(random, [count, 2 * intermediate, hidden]),
          down: reals(random, [count, hidden, intermediate]),
          sharedGate: reals(random, [units, hidden]),
          sharedUp: reals(random, [units, hidden]),
          sharedDown: reals(random, [hidden, units]),
        },
        run: ({ x, weights, gateUp, down, sharedGate, sharedUp, sharedDown }) => {
          const shared = { gate: sharedGate!, up: sharedUp!, down: sharedDown! }
          return experts(x!, routingOf(x!.device, chosen, weights!, count), gateUp!, down!, shared)
        },
      }
    },
  })

  testOperation('experts of few rows without a gradient', {
    shapes: [...small, ...large].filter(({ rows }) => rows <= 32),
    make: (shape, random) => {
      const { count, topk, rows, hidden, intermediate } = shape
      const chosen = choices(shape, random)
      const constant = (...size: number[]) => constants(reals(random, size).values, size)
      return {
        inputs: {
          x: constant(rows, hidden),
          weights: constant(rows, topk),
          gateUp: constant(count, 2 * intermediate, hidden),
          down: constant(count, hidden, intermediate),
          sharedGate: constant(intermediate + 3, hidden),
          sharedUp: constant(intermediate + 3, hidden),
          sharedDown: constant(hidden, intermediate + 3),
        },
        run: ({ x, weights, gateUp, down, sharedGate, sharedUp, sharedDown }) => {
          const routing = routingOf(x!.device, chosen, weights!, count)
          const shared = { gate: sharedGate!, up: sharedUp!, down: sharedDown! }
          return [experts(x!, routing, gateUp!, down!), experts(x!, routing, gateUp!, down!, shared)]
        },
      }
    },
  })

  test('equals the sum over experts, written out', () => {
    const device = createReferenceDevice()
    const random = randomSource(3)
    const [rows, count, topk, H, I] = [4, 3, 2, 3, 2]
    const tensor = (...shape: number[]) => device.from(reals(random, shape).values, shape)
    const [x, weights, gateUp, down] = [
      tensor(rows, H),
      tensor(rows, topk),
      tensor(count, 2 * I, H),
      tensor(count, H, I),
    ]
    const chosen = [0, 2, 2, 1, 0, 1, 2, 0]
    const y = experts(x, routingOf(device, chosen, weights, count), gateUp, down)
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < H; i++) {
        let expected = 0
        for (let j = 0; j < topk; j++) {
          const e = chosen[r * topk + j]!
          for (let p = 0; p < I; p++) {
            const project = (row: number) => {
              let dot = 0
              for (let h = 0; h < H; h++) dot += gateUp.data[(e * 2 * I + row) * H + h]! * x.data[r * H + h]!
              return dot
            }
            const gate = project(p)
            const active = (gate / (1 + Math.exp(-gate))) * project(I + p)
            expected += weights.data[r * topk + j]! * down.data[(e * H + i) * I + p]! * active
          }
        }
        expect(y.data[r * H + i]).toBeCloseTo(expected, 12)
      }
    }
  })

  test('grouping sorts choices by expert, keeps rows in order, and counts the load', () => {
    const device = createReferenceDevice()
    const groups = groupByExpert(device.from([2, 0, 2, 3, 0, 2], [3, 2], 'i32'), 5)
    expect(Array.from(groups.counts.data)).toEqual([2, 0, 3, 1, 0])
    expect(Array.from(groups.offsets.data)).toEqual([0, 2, 2, 5, 6, 6])
    expect(Array.from(groups.tokens.data)).toEqual([0, 2, 0, 1, 2, 1])
    expect(Array.from(groups.slots.data)).toEqual([2, 0, 3, 5, 1, 4])
  })

  test('names the shapes that do not fit', () => {
    const device = createReferenceDevice()
    const t = (...shape: number[]) => device.persistent(shape)
    const routing = routingOf(device, [0, 1], t(2, 1), 2)
    expect(() => experts(t(2, 3), routing, t(2, 4, 5), t(2, 3, 2))).toThrow('gateUp [2,4,5]')
    expect(() => experts(t(3, 3), routing, t(2, 4, 3), t(2, 3, 2))).toThrow('2 rows')
  })
})
