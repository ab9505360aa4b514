import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, test } from 'vitest'
import type { ServeError } from './errors.ts'
import { serve } from './serve.ts'
import { randomModel } from './testModels.ts'

/* A server in a process of its own, and how it ends. */

let child: ChildProcess
afterEach(() => {
  child?.kill('SIGKILL')
})

async function startProcess(patience: number): Promise<{ url: string; exit: Promise<[number | null, string | null]> }> {
  const code = `
    import { serve, stopOnSignals } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
    import { scriptedModel } from ${JSON.stringify(new URL('./testModels.ts', import.meta.url).href)}
    const model = await scriptedModel('가나다라마바사아자차카타파하 '.repeat(200))
    const server = await serve({ port: 0, models: { long: model }, patience: ${patience} })
    stopOnSignals(server)
    console.log(server.url)
  `
  child = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [url] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  return { url, exit: once(child, 'exit') as Promise<[number | null, string | null]> }
}

const stream = (url: string, max_tokens: number) =>
  fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ model: 'long', prompt: '바다', max_tokens, stream: true }),
  })

describe('SIGTERM', () => {
  test('ends an idle server at once, with 0, kept-alive connections and all', async () => {
    const { url, exit } = await startProcess(10_000)
    expect((await fetch(`${url}/health`)).status).toBe(200)
    child.kill('SIGTERM')
    expect(await exit).toEqual([0, null])
  })

  test('lets a running answer finish, takes no new one, then exits with 0', async () => {
    const { url, exit } = await startProcess(10_000)
    const response = await stream(url, 300)
    child.kill('SIGTERM')
    const refused = await fetch(`${url}/v1/models`, { headers: { Connection: 'close' } }).catch(() => undefined)
    const text = await response.text()
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
    expect(text).toContain('"finish_reason":"length"')
    expect(await exit).toEqual([0, null])
    expect(refused?.ok ?? false).toBe(false)
  })

  test('breaks off an answer that takes longer than its patience, with an error the client can read', async () => {
    const { url, exit } = await startProcess(0)
    const response = await stream(url, 1500)
    child.kill('SIGTERM')
    const text = await response.text()
    expect(text).toContain('"code":"server_stopping"')
    expect(text).not.toContain('[DONE]')
    expect(await exit).toEqual([0, null])
  })
})

describe('starting', () => {
  test('a port in use is named, with what to do', async () => {
    const other = createServer()
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    const error = (await serve({ port, models: { random: await randomModel() } }).catch(error => error)) as ServeError
    expect(error).toMatchObject({ name: 'ServeError', code: 'port-in-use' })
    expect(error.message).toContain(`Port ${port}`)
    expect(error.message).toMatch(/--port \d+ \(npm start: PORT=\d+\)/)
    other.close()
  })

  test('a port that is none, and a server without models', async () => {
    const models = { random: await randomModel() }
    await expect(serve({ port: 70_000, models })).rejects.toMatchObject({ code: 'port-invalid' })
    await expect(serve({ port: 0, models: {} })).rejects.toMatchObject({ code: 'no-models' })
  })

  test('listens on this machine only, unless told otherwise', async () => {
    const server = await serve({ port: 0, models: { random: await randomModel() } })
    expect(new URL(server.url).hostname).toBe('127.0.0.1')
    await Promise.all([server.stop(), server.stop()])
  })
})
