import { describe, expect, test } from 'vitest'
import { Tape } from '../autograd.ts'
import { createReferenceDevice } from '../device/reference.ts'
import { EngineError } from '../errors.ts'
import { integers, type Random, randomInteger, randomSource, reals, testOperation } from '../testing.ts'
import { crossEntropy, ignoredLabel } from './crossEntropy.ts'
import { linear } from './linear.ts'
import { linearCrossEntropy } from './linearCrossEntropy.ts'
import { scale } from './scale.ts'

/** Labels of which every third is ignored. */
const labels = (random: Random, rows: number, classes: number) =>
  integers(Array.from({ length: rows }, (_, r) => (r % 3 === 1 ? ignoredLabel : randomInteger(random, classes))))

describe('crossEntropy', () => {
  const shapes = [
    [1, 1],
    [1, 7],
    [5, 13],
    [4, 48],
    [97, 97],
    [3, 2001],
  ]
  testOperation('crossEntropy', {
    shapes,
    gradientShapes: shapes.slice(0, 4),
    make: ([rows, classes], random) => ({
      inputs: { logits: reals(random, [rows!, classes!], 4), labels: labels(random, rows!, classes!) },
      run: ({ logits, labels }) => crossEntropy(logits!, labels!),
    }),
  })

  test('is ln V for equal logits, however large', () => {
    const device = createReferenceDevice()
    const logits = device.from(Array(8).fill(1e4), [2, 4])
    expect(crossEntropy(logits, device.from([0, 3], [2], 'i32')).data[0]).toBeCloseTo(Math.log(4), 10)
  })

  test('names a label outside the classes, and is 0 if all are ignored', () => {
    const device = createReferenceDevice()
    const logits = device.persistent([2, 4])
    for (const label of [4, -1]) {
      expect(() => crossEntropy(logits, device.from([0, label], [2], 'i32'))).toThrow(`label ${label}`)
    }
    expect(crossEntropy(logits, device.from([-100, -100], [2], 'i32')).data[0]).toBe(0)
  })
})

describe('linearCrossEntropy', () => {
  const shapes = [
    { rows: 1, classes: 1, n: 1, chunk: 256 },
    { rows: 5, classes: 7, n: 3, chunk: 2 },
    { rows: 6, classes: 5, n: 4, chunk: 3 },
    { rows: 31, classes: 97, n: 13, chunk: 8 },
    { rows: 49, classes: 48, n: 31, chunk: 256 },
  ]
  testOperation('linearCrossEntropy', {
    shapes,
    gradientShapes: shapes.slice(0, 3),
    unitGradient: true,
    make: ({ rows, classes, n, chunk }, random) => ({
      inputs: { x: reals(random, [rows, n]), w: reals(random, [classes, n]), labels: labels(random, rows, classes) },
      run: ({ x, w, labels }) => linearCrossEntropy(x!, w!, labels!, { weight: 0.3, chunk }),
    }),
  })

  testOperation('linearCrossEntropy on a frozen head, scaled afterwards', {
    shapes: shapes.slice(0, 3),
    make: ({ rows, classes, n, chunk }, random) => ({
      inputs: {
        x: reals(random, [rows, n]),
        w: { ...reals(random, [classes, n]), differentiable: false },
        labels: labels(random, rows, classes),
      },
      run: ({ x, w, labels }) => linearCrossEntropy(x!, w!, labels!, { chunk }),
    }),
  })

  test('equals the unfused product and loss', () => {
    const device = createReferenceDevice()
    const random = randomSource(8)
    const [x, w] = [
      device.from(reals(random, [7, 3]).values, [7, 3]),
      device.from(reals(random, [5, 3]).values, [5, 3]),
    ]
    const target = device.from(labels(random, 7, 5).values, [7], 'i32')
    const unfused = crossEntropy(linear(x, w), target).data[0]!
    expect(linearCrossEntropy(x, w, target, { weight: 2, chunk: 2 }).data[0]).toBeCloseTo(2 * unfused, 12)
  })

  test('all labels ignored: no loss and no gradient', () => {
    const device = createReferenceDevice()
    const w = device.from([1, 2, 3, 4], [2, 2])
    w.requiresGrad = true
    w.grad = device.persistent([2, 2])
    device.tape = new Tape()
    const loss = linearCrossEntropy(device.from([1, 2], [1, 2]), w, device.from([-100], [1], 'i32'))
    device.tape.backward(loss)
    expect(loss.data[0]).toBe(0)
    expect(Array.from(w.grad.data)).toEqual([0, 0, 0, 0])
  })

  test('refuses to be scaled afterwards', () => {
    const device = createReferenceDevice()
    const w = device.from([1, 2, 3, 4], [2, 2])
    w.requiresGrad = true
    const tape = new Tape()
    device.tape = tape
    const loss = linearCrossEntropy(device.from([1, 2], [1, 2]), w, device.from([1], [1], 'i32'))
    const scaled = scale(loss, 0.5)
    expect(() => tape.backward(scaled)).toThrow(EngineError)
  })
})
