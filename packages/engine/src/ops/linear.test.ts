import { describe, expect, test } from 'vitest'
import { createReferenceDevice } from '../device/reference.ts'
import { reals, testOperation } from '../testing.ts'
import { linear } from './linear.ts'

describe('linear', () => {
  const edges = [1, 3, 4, 5, 7, 8, 9, 13, 31, 48, 49, 97]
  // Every edge in every place, in different company.
  const shapes = edges.flatMap((size, i) => {
    const [one, two] = [edges[(i + 5) % edges.length]!, edges[(i + 8) % edges.length]!]
    return [
      [size, one, two],
      [one, size, two],
      [one, two, size],
    ]
  })

  testOperation('linear', {
    shapes: [
      ...shapes,
      [1, 1, 1],
      [1, 256, 512],
      [6, 70, 70],
      [130, 200, 70],
      [110, 530, 9],
      [1100, 20, 18],
      [21, 17, 1030],
      [19, 1290, 33],
      [20, 2050, 9],
      [9, 2049, 10],
    ],
    gradientShapes: [
      [1, 1, 1],
      [2, 3, 5],
      [7, 2, 3],
    ],
    make: ([rows, n, k], random) => ({
      inputs: { x: reals(random, [rows!, k!]), w: reals(random, [n!, k!]) },
      run: ({ x, w }) => linear(x!, w!),
    }),
  })

  testOperation('linear with a bias', {
    shapes: [
      [1, 1, 1],
      [3, 5, 2],
      [31, 97, 13],
    ],
    gradientShapes: [[3, 5, 2]],
    make: ([rows, n, k], random) => ({
      inputs: { x: reals(random, [1, rows!, k!]), w: reals(random, [n!, k!]), bias: reals(random, [n!]) },
      run: ({ x, w, bias }) => linear(x!, w!, bias),
    }),
  })

  test('keeps the leading axes', () => {
    const device = createReferenceDevice()
    const y = linear(device.from([1, 2, 3, 4], [2, 1, 2]), device.from([1, 1, 0, 1, 1, -1], [3, 2]))
    expect(y.shape).toEqual([2, 1, 3])
    expect(Array.from(y.data)).toEqual([3, 2, -1, 7, 4, -1])
  })

  test('names the shapes that do not fit', () => {
    const device = createReferenceDevice()
    expect(() => linear(device.persistent([2, 3]), device.persistent([5, 4]))).toThrow('weight [5,4]')
    expect(() => linear(device.persistent([2, 3]), device.persistent([5, 3]), device.persistent([4]))).toThrow(
      'bias [4]',
    )
  })
})
