import { createReferenceDevice } from '@modu/engine'
import { expect, test } from 'vitest'
import { balanceOf, moveBiases } from './balance.ts'

test('largest load over the mean', () => {
  expect(
    balanceOf([
      [4, 4, 4, 4],
      [8, 8, 0, 0],
    ]),
  ).toEqual({ worst: 2, mean: 1.5 })
  expect(balanceOf([])).toEqual({ worst: 1, mean: 1 })
  expect(balanceOf([[0, 0]]).worst).toBe(0)
})

test('the bias rises where too few tokens went', () => {
  const bias = createReferenceDevice().from([0, 0.5, 0, 0], [4])
  moveBiases([bias], [[9, 1, 5, 5]], 0.1)
  expect([...bias.data]).toEqual([-0.1, 0.6, 0, 0])
})
