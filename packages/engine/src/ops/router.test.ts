import { describe, expect, test } from 'vitest'
import { createReferenceDevice } from '../device/reference.ts'
import { constants, type Random, reals, testOperation } from '../testing.ts'
import { type RouterOptions, router } from './router.ts'

interface Case extends RouterOptions {
  rows: number
  count: number
}

const logit = (p: number) => Math.log(p / (1 - p))

/** Routes one row whose sigmoid scores are `scores`. */
function route(scores: number[], bias: number[], options: Partial<RouterOptions>) {
  const device = createReferenceDevice()
  const routing = router(device.from(scores.map(logit), [1, scores.length]), device.from(bias, [bias.length]), {
    groups: 1,
    topkGroups: 1,
    topk: 2,
    normalise: false,
    scale: 1,
    ...options,
  })
  return {
    experts: Array.from(routing.experts.data),
    weights: Array.from(routing.weights.data, w => Number(w.toFixed(9))),
    counts: Array.from(routing.groups().counts.data),
  }
}

describe('router', () => {
  const shapes: Case[] = [
    { rows: 1, count: 1, groups: 1, topkGroups: 1, topk: 1, normalise: true, scale: 2.5 },
    { rows: 5, count: 8, groups: 1, topkGroups: 1, topk: 2, normalise: true, scale: 2.5 },
    { rows: 3, count: 12, groups: 4, topkGroups: 2, topk: 3, normalise: true, scale: 1 },
    { rows: 4, count: 6, groups: 6, topkGroups: 3, topk: 3, normalise: false, scale: 1.5 },
    { rows: 7, count: 13, groups: 1, topkGroups: 1, topk: 13, normalise: false, scale: 1 },
    { rows: 97, count: 192, groups: 8, topkGroups: 4, topk: 8, normalise: true, scale: 2.5 },
  ]
  testOperation('router', {
    shapes,
    gradientShapes: shapes.slice(0, 5),
    make: ({ rows, count, ...options }, random: Random) => ({
      inputs: {
        logits: reals(random, [rows, count], 3),
        bias: constants(Array.from({ length: count }, () => random() - 0.5)),
      },
      run: ({ logits, bias }) => {
        const routing = router(logits!, bias!, options)
        const { counts, offsets, tokens, slots } = routing.groups()
        return [routing.weights, routing.experts, counts, offsets, tokens, slots]
      },
    }),
  })

  test('the bias chooses, but does not weigh', () => {
    expect(route([0.9, 0.5, 0.4, 0.1], [0, 0, 0, 1], {})).toEqual({
      experts: [3, 0],
      weights: [0.1, 0.9],
      counts: [1, 0, 0, 1],
    })
    expect(route([0.9, 0.5, 0.4, 0.1], [0, 0, 0, 1], { normalise: true, scale: 2.5 }).weights).toEqual([0.25, 2.25])
  })

  test('equal scores go to the lower index, as do equal groups', () => {
    expect(route([0.5, 0.5, 0.5, 0.5], [0, 0, 0, 0], {}).experts).toEqual([0, 1])
    expect(route([0.5, 0.5, 0.5, 0.5], [0, 0, 0, 0], { groups: 2, topk: 1 }).experts).toEqual([0])
  })

  test('a group counts with its best two, and nobody outside the best groups is chosen', () => {
    // The best single expert sits in the weaker group.
    expect(route([0.9, 0.1, 0.6, 0.5], [0, 0, 0, 0], { groups: 2 }).experts).toEqual([2, 3])
    // Even if the best group's scores are negative.
    expect(route([0.5, 0.5, 0.5, 0.5], [-2, -2, -1, -1], { groups: 2 }).experts).toEqual([2, 3])
  })

  test('refuses an impossible choice', () => {
    expect(() => route([0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0], { groups: 2, topk: 3 })).toThrow('cannot choose 3 of 4')
    expect(() => route([0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0], { groups: 3 })).toThrow('groups')
    expect(() => route([0.1, 0.2], [0, 0, 0], {})).toThrow('bias [3]')
  })
})
