import { describe, expect, test } from 'vitest'
import { createReferenceDevice } from '../device/reference.ts'
import { constants, integers, randomInteger, reals, testOperation } from '../testing.ts'
import { balanceLoss } from './balanceLoss.ts'

const startsOf = (lengths: readonly number[]): number[] => {
  const starts = [0]
  for (const length of lengths) starts.push(starts.at(-1)! + length)
  return starts
}

const logit = (p: number): number => Math.log(p / (1 - p))

/** The loss of sequences of these lengths, with the given scores and choices of each row. */
function lossOf(lengths: number[], scores: number[][], experts: number[][], weights = lengths.map(() => 1)): number {
  const device = createReferenceDevice()
  const routing = { experts: device.from(experts.flat(), [experts.length, experts[0]!.length], 'i32') }
  const logits = device.from(scores.flat().map(logit), [scores.length, scores[0]!.length])
  const starts = device.from(startsOf(lengths), [lengths.length + 1], 'i32')
  return balanceLoss(logits, routing, starts, device.from(weights, [weights.length])).reals[0]!
}

describe('balanceLoss', () => {
  testOperation('balanceLoss', {
    shapes: [
      { lengths: [1], count: 1, topk: 1 },
      { lengths: [3, 1, 0, 2], count: 5, topk: 2 },
      { lengths: [0, 7, 13], count: 17, topk: 3 },
      { lengths: [40, 1, 57], count: 64, topk: 8 },
    ],
    gradientShapes: [
      { lengths: [1], count: 1, topk: 1 },
      { lengths: [3, 1, 0, 2], count: 5, topk: 2 },
      { lengths: [0, 4, 3], count: 9, topk: 3 },
    ],
    make: ({ lengths, count, topk }, random) => {
      const starts = startsOf(lengths)
      const rows = starts.at(-1)!
      const chosen = Array.from({ length: rows * topk }, () => randomInteger(random, count))
      return {
        inputs: {
          logits: reals(random, [rows, count], 3),
          experts: integers(chosen, [rows, topk]),
          starts: integers(starts),
          weights: constants(lengths.map(() => random())),
        },
        run: ({ logits, experts, starts, weights }) => balanceLoss(logits!, { experts: experts! }, starts!, weights!),
      }
    },
  })

  test('is 1 at balance, and the number of experts where all goes to one', () => {
    expect(
      lossOf(
        [2],
        [
          [0.5, 0.5],
          [0.5, 0.5],
        ],
        [[0], [1]],
      ),
    ).toBeCloseTo(1, 12)
    expect(
      lossOf(
        [2],
        [
          [1 - 1e-15, 1e-15],
          [1 - 1e-15, 1e-15],
        ],
        [[0], [0]],
      ),
    ).toBeCloseTo(2, 12)
  })

  test('each sequence is balanced for itself, with its weight', () => {
    // Together the two rows are in balance, alone neither is: 2 · 0.9 / 1.2 and 2 · 0.6 / 0.8.
    const scores = [
      [0.9, 0.3],
      [0.2, 0.6],
    ]
    expect(lossOf([1, 1], scores, [[0], [1]], [0.5, 2])).toBeCloseTo(0.5 * 1.5 + 2 * 1.5, 12)
    expect(lossOf([2], scores, [[0], [1]])).toBeCloseTo(1, 12)
  })

  test('refuses what does not fit', () => {
    expect(() => lossOf([3], [[0.5], [0.5]], [[0], [0]])).toThrow('3 rows differ')
    expect(() => lossOf([2], [[0.5], [0.5]], [[0], [0]], [1, 1])).toThrow('2 weights for 1 sequences')
  })
})
