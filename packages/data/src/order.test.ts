import { Random } from '@modu/model'
import { describe, expect, test } from 'vitest'
import { isHeldOut, MixtureOrder, permutation } from './order.ts'

const take = (order: MixtureOrder, n: number) => Array.from({ length: n }, () => order.next())

test('a permutation holds every number once', () => {
  const order = permutation(101, new Random(1))
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 101 }, (_, i) => i))
  expect([...order]).not.toEqual([...order].sort((a, b) => a - b))
})

test('one in twenty is held out, whatever the order', () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `id-${i}`)
  const held = keys.filter(key => isHeldOut(key, 20)).length
  expect(held).toBeGreaterThan(800)
  expect(held).toBeLessThan(1200)
})

describe('MixtureOrder', () => {
  test('gives each source its share and repeats no item within an epoch', () => {
    const draws = take(new MixtureOrder(5, [3, 1, 0, 2], [10, 100, 7, 0]), 400)
    const bySource = [0, 1, 2, 3].map(s => draws.filter(d => d.source === s))
    expect(bySource.map(d => d.length)).toEqual([300, 100, 0, 0])
    for (let epoch = 0; epoch < 30; epoch++) {
      expect(new Set(bySource[0]!.filter(d => d.epoch === epoch).map(d => d.item)).size).toBe(10)
    }
    expect(new Set(bySource[1]!.map(d => d.item)).size).toBe(100)
  })

  test('goes on where another left off, and another seed orders otherwise', () => {
    const whole = take(new MixtureOrder(7, [1, 2], [13, 29]), 200)
    expect(take(new MixtureOrder(7, [1, 2], [13, 29]).skip(77), 123)).toEqual(whole.slice(77))
    expect(take(new MixtureOrder(8, [1, 2], [13, 29]), 200)).not.toEqual(whole)
  })

  test('with other weights each source goes on where it stands', () => {
    const sizes = [10, 40, 25]
    const order = new MixtureOrder(5, [1, 1, 0], sizes)
    const before = take(order, 12)
    order.reweigh([0, 1, 3])
    const after = take(order, 40)
    const bySource = (draws: typeof before) => [0, 1, 2].map(s => draws.filter(d => d.source === s))
    expect(bySource(before).map(d => d.length)).toEqual([6, 6, 0])
    expect(bySource(after).map(d => d.length)).toEqual([0, 10, 30])
    const alone = take(new MixtureOrder(5, [0, 1, 0], sizes), 16)
    expect([...bySource(before)[1]!, ...bySource(after)[1]!]).toEqual(alone)
  })
})
