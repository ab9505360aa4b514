import { describe, expect, test } from 'vitest'
import { Tape } from '../autograd.ts'
import { createReferenceDevice } from '../device/reference.ts'
import { EngineError } from '../errors.ts'
import { integers, type Random, randomInteger, randomSource, reals, testOperation } from '../testing.ts'
import { crossEntropy, ignoredLabel } from './crossEntropy.ts'
import { linear } from './linear.ts'
import { linearCrossEntropy } from './linearCrossEntropy.ts'
import { type LogProbabilityLoss, linearLogProbabilities, linearLogProbabilityLoss } from './linearLogProbabilities.ts'
import { scale } from './scale.ts'

const shapes = [
  { rows: 1, classes: 1, n: 1, chunk: 256 },
  { rows: 5, classes: 7, n: 3, chunk: 2 },
  { rows: 6, classes: 5, n: 4, chunk: 3 },
  { rows: 31, classes: 97, n: 13, chunk: 8 },
  { rows: 49, classes: 48, n: 31, chunk: 256 },
]

/** Labels of which every third is ignored. */
const labels = (random: Random, rows: number, classes: number) =>
  integers(Array.from({ length: rows }, (_, r) => (r % 3 === 1 ? ignoredLabel : randomInteger(random, classes))))

const inputs = ({ rows, classes, n }: (typeof shapes)[number], random: Random) => ({
  x: reals(random, [rows, n]),
  w: reals(random, [classes, n]),
  labels: labels(random, rows, classes),
})

describe('linearLogProbabilities', () => {
  testOperation('linearLogProbabilities', {
    shapes,
    gradientShapes: [],
    make: (shape, random) => ({
      inputs: inputs(shape, random),
      run: ({ x, w, labels }) => linearLogProbabilities(x!, w!, labels!, shape.chunk),
    }),
  })

  test('of one row each are the negative losses, and 0 where the label is ignored', () => {
    const device = createReferenceDevice()
    const random = randomSource(8)
    const x = device.from(reals(random, [3, 4]).values, [3, 4])
    const w = device.from(reals(random, [5, 4]).values, [5, 4])
    const targets = [4, ignoredLabel, 0]
    const actual = linearLogProbabilities(x, w, device.from(targets, [3], 'i32'), 1)
    const logits = linear(x, w)
    for (const [row, label] of targets.entries()) {
      const loss = crossEntropy(logits.rows(row, row + 1), device.from([label], [1], 'i32'))
      expect(actual.data[row]).toBeCloseTo(-loss.data[0]!, 12)
    }
  })
})

describe('linearLogProbabilityLoss', () => {
  /** Not linear, and of another weight in each row. */
  const lossOf: LogProbabilityLoss = (logProbability, row) => {
    const weight = ((row * 7) % 5) - 2
    const probability = Math.exp(logProbability)
    return { loss: weight * probability + logProbability ** 2, slope: weight * probability + 2 * logProbability }
  }

  testOperation('linearLogProbabilityLoss', {
    shapes,
    gradientShapes: shapes.slice(0, 3),
    unitGradient: true,
    make: (shape, random) => ({
      inputs: inputs(shape, random),
      run: ({ x, w, labels }) => linearLogProbabilityLoss(x!, w!, labels!, lossOf, shape.chunk),
    }),
  })

  test('with the same weight for each row is the cross-entropy', () => {
    const device = createReferenceDevice()
    const random = randomSource(3)
    const x = device.from(reals(random, [7, 3]).values, [7, 3])
    const w = device.from(reals(random, [5, 3]).values, [5, 3])
    const targets = labels(random, 7, 5).values
    const count = targets.filter(label => label !== ignoredLabel).length
    const target = device.from(targets, [7], 'i32')
    const mean = linearLogProbabilityLoss(x, w, target, p => ({ loss: -p / count, slope: -1 / count }))
    expect(mean.data[0]).toBeCloseTo(linearCrossEntropy(x, w, target).data[0]!, 12)
  })

  test('all labels ignored: no loss and no gradient', () => {
    const device = createReferenceDevice()
    const w = device.from([1, 2, 3, 4], [2, 2])
    w.requiresGrad = true
    w.grad = device.persistent([2, 2])
    device.tape = new Tape()
    const loss = linearLogProbabilityLoss(
      device.from([1, 2], [1, 2]),
      w,
      device.from([ignoredLabel], [1], 'i32'),
      lossOf,
    )
    device.tape.backward(loss)
    expect(loss.data[0]).toBe(0)
    expect(Array.from(w.grad.data)).toEqual([0, 0, 0, 0])
  })

  test('refuses to be scaled afterwards, and names what does not fit', () => {
    const device = createReferenceDevice()
    const w = device.from([1, 2, 3, 4], [2, 2])
    w.requiresGrad = true
    const tape = new Tape()
    device.tape = tape
    const x = device.from([1, 2], [1, 2])
    const loss = linearLogProbabilityLoss(x, w, device.from([1], [1], 'i32'), lossOf)
    const scaled = scale(loss, 0.5)
    expect(() => tape.backward(scaled)).toThrow(EngineError)
    const long = device.from([1, 1], [2], 'i32')
    expect(() => linearLogProbabilityLoss(x, w, long, lossOf)).toThrow('linearLogProbabilityLoss: x [1,2]')
  })
})
