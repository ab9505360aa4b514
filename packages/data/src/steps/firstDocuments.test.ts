import { Random } from '@modu/model'
import { expect, test } from 'vitest'
import { FirstDocuments } from './firstDocuments.ts'

test('the first document with a key is found again', () => {
  const random = new Random(3)
  const keys = Array.from({ length: 5000 }, () => [random.bits(), random.bits()] as const)
  const first = new FirstDocuments(5000)
  for (const [document, [high, low]] of keys.entries()) expect(first.firstWith(high, low, document)).toBeUndefined()
  for (const [document, [high, low]] of keys.entries()) expect(first.firstWith(high, low, 9999)).toBe(document)
})

test('keys that share a word, and zeros, are keys like others', () => {
  const first = new FirstDocuments(4)
  expect([first.firstWith(0, 0, 0), first.firstWith(0, 1, 1), first.firstWith(1, 0, 2)]).toEqual(
    Array(3).fill(undefined),
  )
  expect([first.firstWith(0, 0, 5), first.firstWith(0, 1, 5), first.firstWith(1, 0, 5)]).toEqual([0, 1, 2])
})
