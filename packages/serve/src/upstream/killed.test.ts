import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach, expect, test } from 'vitest'
import { testDatabase } from '../store/testDatabase.ts'
import { usageReport } from '../usage/report.ts'
import { testGateway, until } from './testUpstream.ts'

/* A gateway in front of a Modu in a process of its own, which is killed while it answers. */

let modu: ChildProcess
afterEach(() => {
  modu?.kill('SIGKILL')
})

async function start(): Promise<string> {
  const from = (file: string) => JSON.stringify(new URL(file, import.meta.url).href)
  const code = `
    import { serve } from ${from('../serve.ts')}
    import { scriptedModel } from ${from('../testModels.ts')}
    const model = await scriptedModel('가나다라마바사아자차카타파하 '.repeat(300))
    const server = await serve({ port: 0, models: { inner: model } })
    console.log(server.url)
  `
  modu = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [url] = (await once(createInterface({ input: modu.stdout! }), 'line')) as [string]
  return url
}

test('the client hears of it, what came is counted, and no more requests are sent there', async () => {
  const database = await testDatabase()
  const upstream = { baseUrl: `${await start()}/v1`, health: { every: 0.1, timeout: 30 } }
  const { url, chat } = await testGateway({ modu: upstream }, { database })

  const response = await chat({ stream: true, max_tokens: 1500 })
  let text = ''
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece
    if (text.split('"content"').length > 20) modu.kill('SIGKILL')
  }
  const events = text.trim().split('\n\n')
  expect(events.at(-1)).toContain('"code":"upstream_failed"')
  expect(text).not.toContain('[DONE]')
  const pieces = events.slice(0, -1).filter(event => /"content":"[^"]/.test(event)).length
  expect(await usageReport(database)).toMatchObject([{ requests: 1, completion_tokens: pieces }])

  await until(async () => (await fetch(`${url}/ready`)).status === 503)
  expect((await chat()).status).toBe(503)
}, 300_000)
