import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { databasePath, testDatabase } from '../store/testDatabase.ts'
import { usageReport } from '../usage/report.ts'
import { post, startVictim } from './victim.ts'

/*
 * The disk under the ledger is full: the system lets no file of the server's grow, so that SQLite gets an error of the
 * disk. (Its own limit of pages is tested beside the ledger, the keys and the database.)
 */

const says = '가나다라마바사 '.repeat(200)
const completion = { model: 'said', prompt: '바다', max_tokens: 3 }

test.skipIf(process.platform !== 'linux')(
  'streams end with an error, requests are refused, both go on with room; after kill -9 the ledger is whole and right',
  async () => {
    const path = databasePath()
    const { url, process: server, log } = await startVictim({ says, database: path })
    const limit = (bytes: string) => execFileSync('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:`])
    const answers: { status: number; tokens: number }[] = []
    const ask = async () => {
      const response = await post(url, '/v1/completions', completion)
      const body = (await response.json()) as { usage?: { completion_tokens: number }; error?: { code: string } }
      if (response.status !== 200) expect([response.status, body.error!.code]).toEqual([503, 'store_unavailable'])
      answers.push({ status: response.status, tokens: body.usage?.completion_tokens ?? 0 })
    }
    const refusals = () => answers.filter(({ status }) => status === 503).length

    await ask()
    limit('200000')
    const stream = await post(url, '/v1/completions', { ...completion, max_tokens: 1500, stream: true })
    const events = (await stream.text()).trim().split('\n\n')
    expect(JSON.parse(events.at(-1)!.slice('data: '.length))).toMatchObject({ error: { code: 'store_unavailable' } })
    // What has come is at least a token each.
    answers.push({ status: 200, tokens: events.length - 1 })
    while (refusals() < 3) await ask()
    expect((await fetch(`${url}/health`)).status).toBe(200)
    expect(log()).toContain('serve.db')
    limit('unlimited')
    await ask()
    expect(refusals()).toBe(3)
    limit('200000')
    await ask()
    server.kill('SIGKILL')
    await once(server, 'exit')

    const database = await testDatabase(path)
    expect(await database.transaction(query => query('PRAGMA integrity_check'))).toEqual([{ integrity_check: 'ok' }])
    const [row, ...others] = await usageReport(database)
    expect(others).toEqual([])
    const served = answers.filter(({ status }) => status === 200)
    expect(row!.requests).toBeGreaterThanOrEqual(served.length)
    expect(row!.requests).toBeLessThanOrEqual(answers.length)
    const tokens = served.reduce((sum, { tokens }) => sum + tokens, 0)
    expect(row!.completion_tokens).toBeGreaterThanOrEqual(tokens)
    // What was reserved for an answer that failed stays reserved: a batch each, or what was on its way.
    expect(row!.completion_tokens).toBeLessThanOrEqual(tokens + 32 * (refusals() + 1))
  },
)
