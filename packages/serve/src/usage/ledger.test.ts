import type { ChatEvent, Usage } from '@modu/model'
import { describe, expect, test } from 'vitest'
import { Keys } from '../keys/keys.ts'
import { unlimited } from '../keys/testTerms.ts'
import type { Database } from '../store/database.ts'
import { testDatabase } from '../store/testDatabase.ts'
import { Ledger } from './ledger.ts'
import { usageCsv, usageReport } from './report.ts'

/** An answer of so many tokens, each of them an event, to a prompt of so many. */
async function* answer(usage: Usage, promptTokens: number, tokens: number): AsyncGenerator<ChatEvent> {
  usage.promptTokens = promptTokens
  for (let i = 0; i < tokens; i++) {
    usage.completionTokens++
    yield { type: 'text', text: '가' }
  }
  yield { type: 'finish', reason: 'stop', usage: { ...usage } }
}

/** What the database has of a key. */
async function booked(database: Database, key: string) {
  return await database.transaction(async query => {
    const rows = await query<{ prompt: number; completion: number }>(
      'SELECT prompt_tokens AS prompt, completion_tokens AS completion FROM usage WHERE key = $1',
      key,
    )
    const [month] = await query<{ tokens: number }>('SELECT tokens FROM months WHERE key = $1', key)
    const [level] = await query<{ token_level: number }>('SELECT token_level FROM keys WHERE id = $1', key)
    return { rows, month: month?.tokens, level: level?.token_level }
  })
}

async function withKey(limits: { tokensPerMonth?: number; tokensPerMinute?: number } = {}) {
  const database = await testDatabase()
  const { key } = await new Keys(database).create({ ...unlimited, name: 'office', ...limits })
  return { database, key: key.id, entry: () => new Ledger(database).entry(key.id, 'nano') }
}

const drain = async (events: AsyncIterable<ChatEvent>) => {
  let count = 0
  for await (const event of events) if (event.type !== 'finish') count++
  return count
}

describe('an entry', () => {
  test('is exact when the answer ends, in every sum', async () => {
    const { database, key, entry } = await withKey({ tokensPerMinute: 1000 })
    expect(await drain(entry().record(usage => answer(usage, 7, 40), true))).toBe(40)
    expect(await booked(database, key)).toEqual({ rows: [{ prompt: 7, completion: 40 }], month: 47, level: 953 })
  })

  test('holds what has gone out at every moment, and less than a batch more', async () => {
    const { database, key, entry } = await withKey()
    let out = 0
    for await (const event of entry().record(usage => answer(usage, 7, 40), true)) {
      if (event.type !== 'finish') out++
      const { rows, month } = await booked(database, key)
      expect(rows).toHaveLength(1)
      expect(rows[0].prompt).toBe(7)
      expect(rows[0].completion).toBeGreaterThanOrEqual(out)
      expect(rows[0].completion).toBeLessThan(out + 16)
      expect(month).toBe(7 + rows[0].completion)
    }
    expect(out).toBe(40)
  })

  test('of an answer that is broken off, or breaks, has the tokens that were made', async () => {
    const { database, key, entry } = await withKey()
    for await (const event of entry().record(usage => answer(usage, 7, 40), true)) if (event) break
    const breaking = async function* (usage: Usage): AsyncGenerator<ChatEvent> {
      for await (const event of answer(usage, 7, 40)) {
        if (usage.completionTokens === 20) throw new Error('the model broke')
        yield event
      }
    }
    await expect(drain(entry().record(breaking, true))).rejects.toThrow('the model broke')
    expect((await booked(database, key)).rows).toEqual([
      { prompt: 7, completion: 1 },
      { prompt: 7, completion: 20 },
    ])
  })

  test('of several answers counts their prompt once, one after the other or together', async () => {
    const { database, key, entry } = await withKey()
    for (const together of [false, true]) {
      const one = entry()
      const answers = [0, 1, 2].map(i => () => drain(one.record(usage => answer(usage, 7, 10 + i), i === 0)))
      if (together) await Promise.all(answers.map(start => start()))
      else for (const start of answers) await start()
    }
    const row = { prompt: 7, completion: 33 }
    expect(await booked(database, key)).toMatchObject({ rows: [row, row], month: 80 })
  })

  test('counts events where a model does not count as it goes', async () => {
    const { database, key, entry } = await withKey()
    const silent = async function* (): AsyncGenerator<ChatEvent> {
      for (let i = 0; i < 20; i++) yield { type: 'text', text: '가' }
    }
    await drain(entry().record(silent, true))
    expect((await booked(database, key)).rows).toEqual([{ prompt: 0, completion: 20 }])
  })
})

test("a month's quota is used to the last token and not exceeded, among answers at the same time", async () => {
  const { database, key, entry } = await withKey({ tokensPerMonth: 100 })
  const received = [0, 0, 0]
  const ends = await Promise.allSettled(
    received.map(async (_, i) => {
      for await (const _event of entry().record(usage => answer(usage, 5, 60), true)) received[i]++
    }),
  )
  for (const end of ends) expect(end).toMatchObject({ reason: { status: 429, code: 'insufficient_quota' } })
  const { rows, month } = await booked(database, key)
  expect(month).toBe(100)
  expect(rows.map(row => row.completion)).toEqual(received)
})

test('no entry without an answer: a disk without room refuses before anything goes out, and the ledger is whole', async () => {
  const { database, key, entry } = await withKey()
  await drain(entry().record(usage => answer(usage, 7, 40), true))
  await database.transaction(query => query('PRAGMA max_page_count = 1'))
  let answers = 1
  const more = async () => {
    for (; answers < 500; answers++) await drain(entry().record(usage => answer(usage, 7, 40), true))
  }
  await expect(more()).rejects.toMatchObject({ code: 'store-full' })
  const { rows, month } = await booked(database, key)
  expect(rows).toHaveLength(answers)
  expect(month).toBe(47 * answers)
})

test('the report has days, keys and models, as CSV too', async () => {
  const { database, key, entry } = await withKey()
  await drain(entry().record(usage => answer(usage, 7, 40), true))
  await drain(entry().record(usage => answer(usage, 7, 2), true))
  const other = new Ledger(database).entry('local', '=1+1,"x"')
  await drain(other.record(usage => answer(usage, 1, 1), true))
  const rows = await usageReport(database)
  const day = new Date().toISOString().slice(0, 10)
  expect(rows.toSorted((a, b) => b.requests - a.requests)).toEqual([
    { day, key, name: 'office', model: 'nano', requests: 2, prompt_tokens: 14, completion_tokens: 42 },
    { day, key: 'local', name: null, model: '=1+1,"x"', requests: 1, prompt_tokens: 1, completion_tokens: 1 },
  ])
  expect(await usageReport(database, { to: '2020-01-01' })).toEqual([])
  const csv = usageCsv(rows).split('\r\n')
  expect(csv[0]).toBe('day,key,name,model,requests,prompt_tokens,completion_tokens')
  expect(csv).toContain(`${day},${key},office,nano,2,14,42`)
  expect(csv).toContain(`${day},local,,"'=1+1,""x""",1,1,1`)
})
