import { describe, expect, test } from 'vitest'
import { createReferenceDevice } from '../device/reference.ts'
import { reals, testOperation } from '../testing.ts'
import { appendRows } from './appendRows.ts'
import { concat } from './concat.ts'
import { split } from './split.ts'

describe('columns', () => {
  const shapes = [
    [1, 1, 1],
    [2, 3, 5],
    [7, 31, 13],
    [97, 48, 49],
    [3, 1000, 1],
  ]
  testOperation('split', {
    shapes,
    gradientShapes: shapes.slice(0, 2),
    make: ([rows, left, right], random) => ({
      inputs: { x: reals(random, [rows!, left! + right!]) },
      run: ({ x }) => split(x!, left!),
    }),
  })
  testOperation('concat', {
    shapes,
    gradientShapes: shapes.slice(0, 2),
    make: ([rows, left, right], random) => ({
      inputs: { a: reals(random, [rows!, left!]), b: reals(random, [rows!, right!]) },
      run: ({ a, b }) => concat(a!, b!),
    }),
  })
  testOperation('concat of what split gave is the input', {
    shapes,
    gradientShapes: shapes.slice(0, 2),
    make: ([rows, left, right], random) => ({
      inputs: { x: reals(random, [rows!, left! + right!]) },
      run: ({ x }) => {
        const y = concat(...split(x!, left!))
        expect(Array.from(y.data)).toEqual(Array.from(x!.data))
        return y
      },
    }),
  })

  test('split refuses a column at or beyond the edges', () => {
    const device = createReferenceDevice()
    for (const at of [0, 3, 4]) expect(() => split(device.persistent([2, 3]), at)).toThrow(`column ${at}`)
  })

  test('appendRows writes into the cache and refuses what does not fit', () => {
    const device = createReferenceDevice()
    const cache = device.persistent([4, 2])
    const at = (...positions: number[]) => device.from(positions, [positions.length], 'i32')
    appendRows(cache, device.from([1, 2], [1, 2]), at(0))
    appendRows(cache, device.from([3, 4, 5, 6], [2, 2]), at(2, 1))
    expect(Array.from(cache.data)).toEqual([1, 2, 5, 6, 3, 4, 0, 0])
    expect(() => appendRows(cache, device.persistent([2, 2]), at(3, 4))).toThrow('position 4 is not in a cache of 4')
    expect(() => appendRows(cache, device.persistent([1, 3]), at(0))).toThrow('[1,3] at 1 positions do not fit')
    expect(() => appendRows(cache, device.persistent([2, 2]), at(0))).toThrow('[2,2] at 1 positions do not fit')
  })
})
