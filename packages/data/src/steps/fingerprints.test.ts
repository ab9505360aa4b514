import { Random } from '@modu/model'
import { expect, test } from 'vitest'
import { Fingerprints } from './fingerprints.ts'

test('a set of fingerprints knows its members through all its growth', () => {
  const random = new Random(1)
  const members = Array.from({ length: 20_000 }, () => [random.bits(), random.bits()] as const)
  const set = new Fingerprints()
  for (const [high, low] of members) expect(set.add(high, low)).toBe(true)
  for (const [high, low] of members) expect(set.add(high, low)).toBe(false)
  for (const [high, low] of members) expect([set.has(high, low), set.has(low, high)]).toEqual([true, false])
})

test('words that differ in one half only, and zeros, are members like others', () => {
  const set = new Fingerprints()
  expect([set.add(0, 0), set.add(0, 0), set.add(5, 0), set.add(5, 1), set.add(-1, 1), set.add(0xffffffff, 1)]).toEqual([
    true,
    false,
    true,
    true,
    true,
    false,
  ])
})
