import type { ChatEvent, Usage } from '@modu/model'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Keys, type KeyTerms } from '../keys/keys.ts'
import { unlimited } from '../keys/testTerms.ts'
import { Ledger } from '../usage/ledger.ts'
import { usageReport } from '../usage/report.ts'
import type { Database } from './database.ts'
import { openDatabase } from './open.ts'
import { postgresPrograms, type TestServer, testPostgres } from './testPostgres.ts'

/* Against a real server, where PostgreSQL is installed (Debian: apt-get install postgresql). */

const terms: KeyTerms = { ...unlimited, name: 'office', models: ['nano'] }

async function* answer(usage: Usage, promptTokens: number, tokens: number): AsyncGenerator<ChatEvent> {
  usage.promptTokens = promptTokens
  for (let i = 0; i < tokens; i++) {
    usage.completionTokens++
    yield { type: 'text', text: '가' }
  }
  yield { type: 'finish', reason: 'stop', usage: { ...usage } }
}

describe.skipIf(!postgresPrograms)('PostgreSQL', () => {
  let server: TestServer
  /** As two processes of Modu have them. */
  let databases: Database[]

  beforeAll(async () => {
    server = await testPostgres(postgresPrograms!)
    const environment = { DATABASE_URL: server.url }
    databases = await Promise.all([openDatabase(environment), openDatabase(environment)])
  }, 120_000)
  afterAll(async () => {
    for (const database of databases ?? []) await database.close()
    await server?.remove()
  })

  test('a transaction happens as a whole or not at all', async () => {
    const [database] = databases
    await database.transaction(query => query('CREATE TABLE counter (n BIGINT)'))
    const broken = database.transaction(async query => {
      await query('INSERT INTO counter VALUES ($1)', 1)
      throw new Error('changed my mind')
    })
    await expect(broken).rejects.toThrow('changed my mind')
    expect(await database.transaction(query => query('SELECT * FROM counter'))).toEqual([])
  })

  test('keys made in one process are good, changed and revoked in another', async () => {
    const [here, there] = databases.map(database => new Keys(database))
    expect(await there.any()).toBe(false)
    const { key, secret } = await here.create({ ...terms, tokensPerMonth: 2 ** 40, expiresAt: 2 ** 42 })
    expect(await there.find(secret)).toEqual(key)
    await expect(there.create(terms)).rejects.toMatchObject({ code: 'key-exists' })
    const rotated = await there.rotate('office')
    expect(await here.find(secret)).toBeUndefined()
    expect(await here.find(rotated.secret)).toEqual(rotated.key)
    expect((await here.revoke(key.id)).revokedAt).toBeGreaterThanOrEqual(key.createdAt)
    expect(await there.list()).toMatchObject([{ id: key.id, models: ['nano'] }])
  })

  test('limits hold among processes', async () => {
    const [here, there] = databases.map(database => new Keys(database))
    const { key } = await here.create({ ...terms, name: 'minute', requestsPerMinute: 3 })
    const all = await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? here : there).admit(key.id)))
    expect(all.filter(({ refused }) => !refused)).toHaveLength(3)
  })

  test("a month's quota is used and not exceeded, among answers in several processes", async () => {
    const { key } = await new Keys(databases[0]).create({ ...terms, name: 'month', tokensPerMonth: 150 })
    const received = [0, 0, 0, 0]
    // A prompt counts when it has been read, whether or not there is room: here all four are read before the quota is used.
    const allBegan = Promise.withResolvers<void>()
    const ends = await Promise.allSettled(
      received.map(async (_, i) => {
        const entry = new Ledger(databases[i % 2]).entry(key.id, 'nano')
        for await (const _event of entry.record(usage => answer(usage, 5, 60), true)) {
          received[i]++
          if (received.every(count => count > 0)) allBegan.resolve()
          await allBegan.promise
        }
      }),
    )
    const failures = ends.filter(end => end.status === 'rejected')
    expect(failures.length).toBeGreaterThanOrEqual(3)
    for (const failure of failures) expect(failure).toMatchObject({ reason: { code: 'insufficient_quota' } })
    const completion_tokens = received.reduce((a, b) => a + b) - (ends.length - failures.length)
    expect(completion_tokens).toBeLessThanOrEqual(130)
    // One that came to its end may have given back, too late for the others, what it had reserved.
    expect(completion_tokens).toBeGreaterThan(130 - 16)
    expect((await usageReport(databases[1])).filter(row => row.key === key.id)).toMatchObject([
      { name: 'month', model: 'nano', requests: 4, prompt_tokens: 20, completion_tokens },
    ])
  })

  test('a server that goes away is named, without the password, and used again when it is back', async () => {
    const keys = new Keys(databases[0])
    const entry = new Ledger(databases[0]).entry('local', 'nano')
    let received = 0
    const reading = (async () => {
      for await (const _ of entry.record(usage => answer(usage, 5, 60), true)) {
        if (++received === 10) await server.stop()
      }
    })()
    const error = await reading.catch(error => error)
    expect(error).toMatchObject({ name: 'StoreError', code: 'store-unreachable' })
    expect(error.message).toContain('127.0.0.1')
    expect(error.message).not.toContain('no-secret')
    expect(received).toBe(16)
    await expect(openDatabase({ DATABASE_URL: server.url })).rejects.toMatchObject({ code: 'store-unreachable' })
    await server.start()
    expect(await keys.list()).toHaveLength(3)
    const report = await usageReport(databases[0])
    expect(report.find(row => row.key === 'local')).toMatchObject({ prompt_tokens: 5, completion_tokens: 16 })
  })
})

test('another kind of database is refused by name', async () => {
  await expect(openDatabase({ DATABASE_URL: 'mysql://root:secret@db/modu' })).rejects.toMatchObject({
    message: "DATABASE_URL is 'mysql:…', but must begin with postgres://.",
  })
})
