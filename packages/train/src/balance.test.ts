import { createReferenceDevice } from '@modu/engine'
import { expect, test } from 'vitest'
import { balanceOf, moveBiases } from './balance.ts'

test('largest load over the mean, entropy, experts without tokens', () => {
  const { entropy, ...rest } = balanceOf([
    [4, 4, 4, 4],
    [8, 8, 0, 0],
  ])
  expect(rest).toEqual({ worst: 2, mean: 1.5, dead: 2 })
  expect(entropy).toBeCloseTo((Math.log(4) + Math.log(2)) / 2, 12)
})

test('a mixture of experts that took no part does not count', () => {
  expect(
    balanceOf([
      [3, 1],
      [0, 0],
    ]),
  ).toEqual(balanceOf([[3, 1]]))
  expect(balanceOf([])).toEqual({ worst: 1, mean: 1, entropy: 0, dead: 0 })
})

test('the bias rises where too few tokens went', () => {
  const bias = createReferenceDevice().from([0, 0.5, 0, 0], [4])
  moveBiases([bias], [[9, 1, 5, 5]], 0.1)
  expect([...bias.data]).toEqual([-0.1, 0.6, 0, 0])
})
