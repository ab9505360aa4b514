import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { Keys, type KeyTerms } from '../keys/keys.ts'
import { unlimited } from '../keys/testTerms.ts'
import { serve } from '../serve.ts'
import { testDatabase } from '../store/testDatabase.ts'
import { scriptedModel } from '../testModels.ts'
import { usageReport } from '../usage/report.ts'
import { post } from './victim.ts'

/* A clock that jumps while the server runs: set by hand, by a machine that slept, or by one that lies. */

const minute = 60_000
const year = 365 * 24 * 60 * minute

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 5, 15) })
})
afterEach(() => {
  vi.useRealTimers()
})
const jump = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds)

async function start(terms: Partial<KeyTerms>) {
  const database = await testDatabase()
  const { secret } = await new Keys(database).create({ ...unlimited, name: 'office', ...terms })
  const says = await scriptedModel('가나다라마바사 '.repeat(200))
  const { url, stop } = await serve({ port: 0, models: { said: says }, database, deadline: 10 * minute })
  onTestFinished(stop)
  const complete = (fields: object = {}) =>
    post(url, '/v1/completions', { model: 'said', prompt: '바다', max_tokens: 1, ...fields }, { 'x-api-key': secret })
  /** How many of so many requests come in, and for how long the last that did not is to wait. */
  const ask = async (times: number) => {
    const answers = []
    for (let i = 0; i < times; i++) answers.push(await complete())
    const refused = answers.findLast(({ status }) => status === 429)
    const wait = Number(refused?.headers.get('Retry-After') ?? 0)
    return { let: answers.filter(({ status }) => status === 200).length, wait }
  }
  return { database, complete, ask }
}

test('limits a minute: ahead gives one minute, back gives nothing, and nobody waits longer than a minute', async () => {
  const { ask, database } = await start({ requestsPerMinute: 3 })
  expect(await ask(5)).toEqual({ let: 3, wait: 20 })
  jump(10 * year)
  expect(await ask(5)).toEqual({ let: 3, wait: 20 })
  jump(-20 * year)
  expect(await ask(2)).toEqual({ let: 0, wait: 20 })
  jump(20_000)
  expect(await ask(2)).toEqual({ let: 1, wait: 20 })
  const rows = await usageReport(database)
  expect(rows.map(({ requests }) => requests)).toEqual([1, 3, 3])
})

test('an answer under way is neither broken off nor counted elsewhere', async () => {
  const { complete, database } = await start({ tokensPerMonth: 2000 })
  const response = await complete({ max_tokens: 600, stream: true })
  let text = ''
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece
    jump(text.length % 2 === 0 ? year : -2 * year)
  }
  expect(text).toMatch(/"finish_reason":"length".*\n\ndata: \[DONE\]\n\n$/)
  expect(await usageReport(database)).toMatchObject([{ day: '2026-06-15', requests: 1, completion_tokens: 600 }])
})

test('a key expires by the clock, and is good again when that is set back', async () => {
  const { complete } = await start({ expiresAt: Date.UTC(2026, 5, 16) })
  expect((await complete()).status).toBe(200)
  jump(year)
  expect((await complete()).status).toBe(401)
  jump(-year)
  expect((await complete()).status).toBe(200)
})
