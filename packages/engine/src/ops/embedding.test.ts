import { describe, expect, test } from 'vitest'
import { createReferenceDevice } from '../device/reference.ts'
import { integers, randomInteger, reals, testOperation } from '../testing.ts'
import { embedding } from './embedding.ts'

describe('embedding', () => {
  testOperation('embedding', {
    shapes: [
      [1, 1, 1],
      [7, 3, 5],
      [3, 20, 13],
      [50, 97, 49],
      [5, 31, 1024],
    ],
    gradientShapes: [
      [1, 1, 1],
      [4, 9, 3],
    ],
    make: ([vocabulary, rows, n], random) => ({
      inputs: {
        w: reals(random, [vocabulary!, n!]),
        ids: integers(Array.from({ length: rows! }, () => randomInteger(random, vocabulary!))),
      },
      run: ({ w, ids }) => embedding(w!, ids!),
    }),
  })

  test('names an id outside the vocabulary', () => {
    const device = createReferenceDevice()
    const w = device.persistent([10, 4])
    for (const id of [-1, 10]) {
      expect(() => embedding(w, device.from([0, id], [2], 'i32'))).toThrow(`id ${id} is not in 0…9`)
    }
  })
})
