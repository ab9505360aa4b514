import { createReferenceDevice } from '@modu/engine'
import type { LanguageModel } from '@modu/model'
import { expect, test } from 'vitest'
import { balanceOf, ExpertTally, moveBiases } from './balance.ts'

test('largest load over the mean, entropy, experts without tokens', () => {
  const loads = [
    [4, 4, 4, 4],
    [8, 8, 0, 0],
  ]
  expect(balanceOf(loads, [1.5, 0.5])).toEqual({ worst: 2, mean: 1.5, entropy: 1, dead: 2 })
})

test('a mixture of experts that took no part does not count', () => {
  const loads = [
    [3, 1],
    [0, 0],
  ]
  expect(balanceOf(loads, [0.5, 0])).toEqual({ worst: 1.5, mean: 1.5, entropy: 0.5, dead: 0 })
  expect(balanceOf([], [])).toEqual({ worst: 1, mean: 1, entropy: 0, dead: 0 })
})

test('passes are summed, the entropy as a mean over all tokens', () => {
  const tally = new ExpertTally()
  expect(tally.balance).toEqual(balanceOf([], []))
  const pass = (loads: number[][], entropies: number[]) =>
    tally.add({
      expertLoads: () => loads.map(load => Int32Array.from(load)),
      routerEntropies: () => entropies,
    } as unknown as LanguageModel)
  pass(
    [
      [1, 1],
      [0, 0],
    ],
    [0.2, 0],
  )
  pass(
    [
      [6, 0],
      [0, 0],
    ],
    [0.6, 0],
  )
  tally.add({} as LanguageModel)
  expect(tally.loads).toEqual([
    [7, 1],
    [0, 0],
  ])
  expect(tally.balance.entropy).toBeCloseTo((2 * 0.2 + 6 * 0.6) / 8, 12)
})

test('the bias rises where too few tokens went', () => {
  const bias = createReferenceDevice().from([0, 0.5, 0, 0], [4])
  moveBiases([bias], [[9, 1, 5, 5]], 0.1)
  expect([...bias.data]).toEqual([-0.1, 0.6, 0, 0])
})
