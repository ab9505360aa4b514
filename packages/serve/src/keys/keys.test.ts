import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { databasePath, testDatabase, withClock } from '../store/testDatabase.ts'
import { type Admission, Keys, type KeyTerms } from './keys.ts'
import { unlimited } from './testTerms.ts'

const terms = (changes: Partial<KeyTerms> = {}): KeyTerms => ({
  name: 'office',
  ...unlimited,
  ...changes,
})

describe('keys', () => {
  test('are random, found by their secret alone, and only their hash is in the files', async () => {
    const path = databasePath()
    const keys = new Keys(await testDatabase(path))
    expect(await keys.any()).toBe(false)
    const { key, secret } = await keys.create(terms({ models: ['nano'], tokensPerMonth: 5, expiresAt: 7 }))
    const other = await keys.create(terms({ name: 'home' }))
    expect(secret).toMatch(/^modu_[\w-]{43}$/)
    expect(other.secret).not.toBe(secret)
    expect(secret.startsWith(key.prefix)).toBe(true)
    expect(key).toMatchObject({ name: 'office', models: ['nano'], admin: false, tokensPerMonth: 5, expiresAt: 7 })
    expect(await keys.find(secret)).toEqual(key)
    // Made in the same millisecond, they have no order.
    expect((await keys.list()).sort((a, b) => b.name.localeCompare(a.name))).toEqual([key, other.key])
    expect(await keys.any()).toBe(true)
    for (const wrong of [secret.slice(0, -1), `${key.prefix}${'a'.repeat(37)}`, key.prefix, '', `${secret}a`]) {
      expect(await keys.find(wrong)).toBeUndefined()
    }
    for (const file of [path, `${path}-wal`]) expect(readFileSync(file).includes(secret.slice(12))).toBe(false)
  })

  test('are revoked and rotated by name or id; a name is free again afterwards', async () => {
    const keys = new Keys(await testDatabase())
    const first = await keys.create(terms())
    await expect(keys.create(terms())).rejects.toMatchObject({ code: 'key-exists' })
    const rotated = await keys.rotate('office')
    expect(rotated.key).toEqual({ ...first.key, prefix: rotated.key.prefix })
    expect(await keys.find(first.secret)).toBeUndefined()
    expect(await keys.find(rotated.secret)).toEqual(rotated.key)

    const revoked = await keys.revoke(first.key.id)
    expect(revoked.revokedAt).toBeGreaterThanOrEqual(first.key.createdAt)
    expect(await keys.find(rotated.secret)).toEqual(revoked)
    await expect(keys.revoke('office')).rejects.toMatchObject({ code: 'key-missing' })
    await expect(keys.rotate(first.key.id)).rejects.toMatchObject({ code: 'key-missing' })
    expect((await keys.create(terms())).key.id).not.toBe(first.key.id)
    expect(await keys.any()).toBe(true)
  })
})

describe('limits', () => {
  const noon = Date.UTC(2026, 10, 26, 12)

  async function limited(changes: Partial<KeyTerms>) {
    const clock = { now: noon }
    const database = withClock(await testDatabase(), clock)
    const keys = new Keys(database)
    const { key } = await keys.create(terms(changes))
    const use = (tokens: number) =>
      database.transaction(query => query('UPDATE keys SET token_level = token_level - $1', tokens))
    /** How many of `tries` requests come in. */
    const admitted = async (tries: number) => {
      const all: Admission[] = []
      for (let i = 0; i < tries; i++) all.push(await keys.admit(key.id))
      return all.filter(({ refused }) => !refused).length
    }
    return { clock, database, key, keys, use, admitted, admit: () => keys.admit(key.id) }
  }

  test('of requests: a minute at once, then one as each is due; refused ones do not count', async () => {
    const { clock, admit, admitted } = await limited({ requestsPerMinute: 6 })
    expect(await admit()).toEqual({ requests: { limit: 6, remaining: 5, reset: 10_000 } })
    expect(await admitted(20)).toBe(5)
    expect(await admit()).toMatchObject({ refused: { limit: 'requests', retryAfter: 10_000 } })
    clock.now += 9_999
    expect(await admitted(20)).toBe(0)
    clock.now += 1
    expect(await admitted(20)).toBe(1)
    clock.now += 3_600_000
    expect(await admitted(20)).toBe(6)
  })

  test('of tokens: what an answer took beyond them is filled up first', async () => {
    const { clock, admit, use } = await limited({ tokensPerMinute: 600 })
    expect(await admit()).toEqual({ tokens: { limit: 600, remaining: 600, reset: 0 } })
    await use(700)
    expect(await admit()).toMatchObject({
      refused: { limit: 'tokens', retryAfter: 10_100 },
      tokens: { remaining: 0, reset: 70_000 },
    })
    clock.now += 10_100
    expect((await admit()).refused).toBeUndefined()
  })

  test('of a month: until the next one begins', async () => {
    const { clock, database, key, admit } = await limited({ tokensPerMonth: 100 })
    expect((await admit()).refused).toBeUndefined()
    await database.transaction(query => query("INSERT INTO months VALUES ($1, '2026-11', 100)", key.id))
    const left = Date.UTC(2026, 11, 1) - noon
    expect(await admit()).toMatchObject({ refused: { limit: 'month', retryAfter: left } })
    clock.now += left
    expect((await admit()).refused).toBeUndefined()
  })

  test('hold when the clock jumps: ahead gives one minute, back gives nothing, and neither locks anybody out', async () => {
    const { clock, admitted } = await limited({ requestsPerMinute: 6 })
    expect(await admitted(20)).toBe(6)
    clock.now -= 365 * 24 * 3_600_000
    expect(await admitted(20)).toBe(0)
    clock.now += 10_000
    expect(await admitted(20)).toBe(1)
    clock.now += 10 * 365 * 24 * 3_600_000
    expect(await admitted(20)).toBe(6)
    clock.now -= 3_600_000
    expect(await admitted(20)).toBe(0)
    clock.now += 20_000
    expect(await admitted(20)).toBe(2)
  })

  test('give no time twice to transactions that come in another order than they read the clock', async () => {
    const { clock, admitted } = await limited({ requestsPerMinute: 60 })
    expect(await admitted(70)).toBe(60)
    for (let i = 0; i < 10; i++) {
      clock.now += i % 2 === 0 ? 900 : -900
      expect(await admitted(1)).toBe(0)
    }
    clock.now += 1001
    expect(await admitted(5)).toBe(1)
  })

  test('hold among several connections to one database', async () => {
    const path = databasePath()
    const { key } = await new Keys(await testDatabase(path)).create(terms({ requestsPerMinute: 10 }))
    const processes = [new Keys(await testDatabase(path)), new Keys(await testDatabase(path))]
    const all = await Promise.all(Array.from({ length: 30 }, (_, i) => processes[i % 2].admit(key.id)))
    expect(all.filter(({ refused }) => !refused)).toHaveLength(10)
  })
})
