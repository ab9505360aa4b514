import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { serve } from '../serve.ts'
import { scriptedModel } from '../testModels.ts'
import { idle, load, open, post, received, request, until } from './victim.ts'

/* Clients that are slow, or half there. */

const long = '가나다라마바사아자차카타파하 '.repeat(200)
const completion = { model: 'said', prompt: '바다', max_tokens: 1900, stream: true }

async function start(clientTimeout: number) {
  const server = await serve({ port: 0, models: { said: await scriptedModel(long) }, clientTimeout })
  onTestFinished(() => server.stop())
  return server.url
}

/** Writes a byte now and then until the connection is closed; returns what came. */
function trickle(url: string, begin: string, byte: string): Promise<string> {
  const socket = open(url, begin)
  const timer = setInterval(() => socket.writable && socket.write(byte), 20)
  return received(socket).finally(() => clearInterval(timer))
}

test('a head that does not end, a body that does not end, and silence: 408, and others are answered meanwhile', async () => {
  const url = await start(2000)
  const attacks = [
    // Slowloris: one more header, and one more.
    trickle(url, 'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n', 'X-A: b\r\n'),
    trickle(url, request('/v1/completions', completion).slice(0, -20).replace(/: \d+/, ': 9000'), ' '),
    received(open(url)),
    received(open(url, 'POST /v1/comp')),
  ]
  const answer = await post(url, '/v1/completions', { ...completion, max_tokens: 1, stream: false })
  expect(answer.status).toBe(200)
  for (const text of await Promise.all(attacks)) expect(text).toMatch(/^HTTP\/1\.1 408 /)
  expect(await load(url)).toEqual(idle)
})

test('a client that takes nothing of its answers is cut off, and its pages are free', async () => {
  const url = await start(2000)
  const socket = open(url)
  socket.pause()
  // More than the buffers on the way hold, and behind it a thousand answers, which would take very long.
  socket.write('GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(500))
  socket.write(request('/v1/completions', { ...completion, prompt: Array.from({ length: 64 }, () => '바다'), n: 16 }))
  await until(async () => (await load(url)).running === 1)
  await until(async () => (await load(url)).running === 0)
  expect(await load(url)).toEqual(idle)
  socket.destroy()
})

test('a client that waits in silence for a long answer is not cut off', async () => {
  const url = await start(500)
  const answer = await post(url, '/v1/completions', { ...completion, n: 3, max_tokens: 1900, stream: false })
  expect(await answer.json()).toMatchObject({ usage: { completion_tokens: 5700 } })
})

test('a connection that is half closed counts as gone', async () => {
  const url = await start(60_000)
  const socket = open(url, request('/v1/completions', completion))
  await once(socket, 'data')
  socket.end()
  await until(async () => (await load(url)).running === 0)
  expect(await load(url)).toEqual(idle)
  socket.destroy()
})
