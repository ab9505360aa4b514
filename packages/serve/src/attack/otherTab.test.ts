import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServer, serve } from '../serve.ts'
import { scriptedModel } from '../testModels.ts'

/* A web page that a visitor of this machine has open, and what it can do to the server of this machine: nothing. */

let server: RunningServer
beforeAll(async () => {
  const models = { said: await scriptedModel('네.') }
  server = await serve({ port: 0, models, allowedHosts: ['chat.example'] })
})
afterAll(() => server.stop())

const completion = JSON.stringify({ model: 'said', prompt: '바다', max_tokens: 1 })

/** What a browser sends: `fetch` would not let us say `Host` and `Origin`. */
async function send(method: string, path: string, headers: Record<string, string>, body = '') {
  const request = httpRequest(server.url + path, { method, headers })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const text = (await response.toArray()).join('')
  return { status: response.statusCode, headers: response.headers, text }
}

const post = (headers: Record<string, string>) =>
  send('POST', '/v1/completions', { 'Content-Type': 'application/json', ...headers }, completion)

const answered = async () =>
  /request_success_total\{.*\} (\d+)/.exec((await send('GET', '/metrics', {})).text)?.[1] ?? '0'

test("the server's own page, and one of a proxy that was named, are answered", async () => {
  const before = Number(await answered())
  for (const headers of [
    {},
    { Origin: server.url },
    { Origin: 'http://localhost:5173' },
    { Host: 'chat.example', Origin: 'https://chat.example' },
    { Host: 'localhost' },
    { Host: '[::1]:8080' },
  ]) {
    expect([headers, (await post(headers as Record<string, string>)).status]).toEqual([headers, 200])
  }
  expect(Number(await answered())).toBe(before + 6)
})

describe('a page from elsewhere', () => {
  const origins = [
    'https://evil.example',
    'http://127.0.0.1.evil.example',
    'http://localhost.evil.example:8080',
    'http://evillocalhost',
    // A file, or a frame in a sandbox.
    'null',
  ]

  test.each(origins)('%s: nothing is done for it, and it may read nothing', async Origin => {
    const before = await answered()
    for (const { status, headers, text } of [
      await post({ Origin }),
      await send('GET', '/v1/models', { Origin }),
      await send('POST', '/tokenize', { Origin, 'Content-Type': 'application/json' }, '{"prompt":"a"}'),
      // Asks whether it might (CORS).
      await send('OPTIONS', '/v1/completions', {
        Origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'content-type',
      }),
    ]) {
      expect(status).toBe(403)
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'origin_not_allowed' } })
      expect(Object.keys(headers).filter(name => name.startsWith('access-control'))).toEqual([])
    }
    expect(await answered()).toBe(before)
  })

  test('cannot send what a form or a script sends without asking, even where no origin comes with it', async () => {
    const before = await answered()
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=a', '']) {
      const { status } = await post(type ? { 'Content-Type': type } : { 'Content-Type': ' ' })
      expect([type, status]).toEqual([type, 415])
    }
    expect(await answered()).toBe(before)
  })

  test.each(['evil.example', '127.0.0.1.evil.example:8080', 'localhost.evil.example', '192.168.0.7', '2130706433'])(
    'that calls this machine %s (DNS rebinding) is refused',
    async Host => {
      const { status, text } = await post({ Host, Origin: `http://${Host}` })
      expect(status).toBe(403)
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'host_not_allowed' } })
    },
  )
})
