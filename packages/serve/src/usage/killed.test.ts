import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Tokenizer } from '@modu/model'
import { afterEach, expect, test } from 'vitest'
import { Keys } from '../keys/keys.ts'
import { unlimited } from '../keys/testTerms.ts'
import { databasePath, testDatabase } from '../store/testDatabase.ts'
import { randomModel } from '../testModels.ts'
import { usageReport } from './report.ts'

/* A server that is killed while it answers, and what its ledger says then. */

/** The ledger reserves so many tokens at a time. */
const batch = 16
/** Tokens that have been made but are not out: of a character that is not whole, or not yet handed to the system. */
const onTheWay = 8

const script = '가나다라마바사 '.repeat(300)

let server: ChildProcess
afterEach(() => {
  server?.kill('SIGKILL')
})

async function startProcess(path: string): Promise<string> {
  const from = (file: string) => JSON.stringify(new URL(file, import.meta.url).href)
  const code = `
    import { serve } from ${from('../serve.ts')}
    import { SqliteDatabase } from ${from('../store/sqlite.ts')}
    import { scriptedModel } from ${from('../testModels.ts')}
    const model = await scriptedModel(${JSON.stringify(script)})
    const database = await SqliteDatabase.open(${JSON.stringify(path)})
    const server = await serve({ port: 0, models: { long: model }, database })
    console.log(server.url)
  `
  server = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [url] = (await once(createInterface({ input: server.stdout! }), 'line')) as [string]
  return url
}

/** The tokens of the pieces of text in a stream's events, of which the last may not be whole. */
function tokensOf(stream: string, tokenizer: Tokenizer): number {
  const events = stream.split('\n\n').slice(0, -1)
  const text = events.map(event => JSON.parse(event.slice('data: '.length)).choices[0].text).join('')
  expect(script.startsWith(text)).toBe(true)
  return tokenizer.encode(text).length
}

/** Reads a stream until it ends or breaks; `text` is all that has arrived. */
async function receive(url: string, secret: string, received: { text: string; done: boolean }): Promise<void> {
  try {
    const response = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'x-api-key': secret },
      body: JSON.stringify({ model: 'long', prompt: '바다', max_tokens: 1500, temperature: 0, stream: true }),
    })
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) received.text += piece
    received.done = true
  } catch {}
}

test('kill -9 in mid-stream: what clients received is counted, less than a batch an answer beyond it, and once', async () => {
  const { tokenizer } = await randomModel()
  const promptTokens = tokenizer.encode('바다').length + (tokenizer.bosId === undefined ? 0 : 1)
  const path = databasePath()
  const { key, secret } = await new Keys(await testDatabase(path)).create({ ...unlimited, name: 'office' })
  const rounds = 2
  const clients = 3
  let counted = { requests: 0, prompt_tokens: 0, completion_tokens: 0 }
  for (let round = 0; round < rounds; round++) {
    const url = await startProcess(path)
    const streams = Array.from({ length: clients }, () => ({ text: '', done: false }))
    const ends = streams.map(stream => receive(url, secret, stream))
    // Somewhere in a batch, another place each time.
    const enough = 30 + 5 * round
    while (Math.min(...streams.map(({ text }) => text.split('\n\n').length)) < enough) {
      expect(streams.map(({ done }) => done)).not.toContain(true)
      await new Promise(resolve => setTimeout(resolve, 2))
    }
    server.kill('SIGKILL')
    await once(server, 'exit')
    await Promise.all(ends)
    expect(streams.map(({ done }) => done)).not.toContain(true)

    const [row, ...others] = await usageReport(await testDatabase(path))
    expect(others).toEqual([])
    expect(row).toMatchObject({ key: key.id, model: 'long', requests: counted.requests + clients })
    const answers = row.completion_tokens - counted.completion_tokens
    const out = streams.reduce((sum, { text }) => sum + tokensOf(text, tokenizer), 0)
    expect(answers).toBeGreaterThanOrEqual(out)
    expect(answers).toBeLessThan(out + clients * (batch + onTheWay))
    expect(row.prompt_tokens - counted.prompt_tokens).toBe(clients * promptTokens)
    counted = row
  }
  expect(counted.requests).toBe(rounds * clients)
}, 180_000)
