import { afterEach, expect, test, vi } from 'vitest'

const compared = vi.hoisted((): [number, number][] => [])
vi.mock('node:crypto', async original => {
  const crypto = await original<typeof import('node:crypto')>()
  const timingSafeEqual = (a: Buffer, b: Buffer) => {
    compared.push([a.length, b.length])
    return crypto.timingSafeEqual(a, b)
  }
  return { ...crypto, timingSafeEqual }
})
const { testDatabase } = await import('../store/testDatabase.ts')
const { Keys } = await import('./keys.ts')
const { unlimited } = await import('./testTerms.ts')
const { matches, newSecret, prefixOf } = await import('./secret.ts')

afterEach(() => {
  compared.length = 0
})

const changedAt = (text: string, i: number) => text.slice(0, i) + (text[i] === 'A' ? 'B' : 'A') + text.slice(i + 1)

test('a secret is compared as a hash and as a whole, wherever it differs and however long it is', () => {
  const { text, hash } = newSecret()
  expect(matches(text, hash)).toBe(true)
  const wrong = [changedAt(text, 5), changedAt(text, 20), changedAt(text, text.length - 1), '', 'a', text.repeat(99)]
  for (const other of wrong) expect(matches(other, hash)).toBe(false)
  expect(compared).toEqual(Array.from({ length: 1 + wrong.length }, () => [32, 32]))
})

test('the database is asked by the part that may be shown, and never sees more', async () => {
  const database = await testDatabase()
  const asked: unknown[] = []
  const keys = new Keys({
    ...database,
    transaction: work =>
      database.transaction((query, now) =>
        work((sql, ...values) => {
          asked.push(...values)
          return query(sql, ...values)
        }, now),
      ),
  })
  const { secret, key } = await keys.create({ ...unlimited, name: 'office' })
  asked.length = 0
  expect(await keys.find(secret)).toEqual(key)
  // One character off behind the part that is shown: the same row, compared as a whole.
  expect(await keys.find(changedAt(secret, secret.length - 1))).toBeUndefined()
  expect(asked).toEqual([prefixOf(secret), prefixOf(secret)])
  expect(compared).toEqual([
    [32, 32],
    [32, 32],
  ])
})
