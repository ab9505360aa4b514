import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServer, serve } from './serve.ts'
import { failingModel, randomModel } from './testModels.ts'

const log: string[] = []
let server: RunningServer

beforeAll(async () => {
  server = await serve({
    port: 0,
    models: { random: await randomModel(), broken: await failingModel(5) },
    bodyLimit: 100_000,
    log: line => log.push(line),
  })
})
afterAll(() => server.stop())

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(server.url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

/** Whatever happened before, the server answers. */
afterEach(async () => {
  const response = await post('/v1/completions', { model: 'random', prompt: '바다', max_tokens: 1 })
  expect(response.status).toBe(200)
  expect(await (await fetch(`${server.url}/health`)).json()).toEqual({ status: 'ok', running: 0, waiting: 0 })
})

async function expectError(response: Response, status: number, error: { code: string; param?: string | null }) {
  expect(response.status).toBe(status)
  expect(response.headers.get('Content-Type')).toContain('application/json')
  const body = (await response.json()) as { error: { message: string; type: string } }
  expect(Object.keys(body)).toEqual(['error'])
  expect(Object.keys(body.error).sort()).toEqual(['code', 'message', 'param', 'type'])
  expect(body.error).toMatchObject(error)
  return body.error
}

describe('bad requests', () => {
  test.each(['/v1/chat/completions', '/v1/completions'])('%s: invalid JSON', async path => {
    const error = await expectError(await post(path, '{"model": "random",'), 400, { code: 'invalid_json', param: null })
    expect(error.message).toContain('JSON')
    await expectError(await post(path, ''), 400, { code: 'invalid_json' })
  })

  test('a body that is not an object', async () => {
    for (const body of ['[]', 'null', '"text"', '3']) {
      await expectError(await post('/v1/chat/completions', body), 400, { code: 'invalid_type' })
    }
  })

  test('a body nested ten thousand deep', async () => {
    const deep = `{"model":"random","messages":[{"role":"user","content":"a"}],"max_tokens":1,"tools":[{"type":"function","function":{"name":"f","parameters":{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}}}]}`
    expect((await post('/v1/chat/completions', deep)).status).toBeLessThan(501)
  })

  test('another type of body', async () => {
    const response = await post('/v1/chat/completions', 'model=random', {
      'Content-Type': 'application/x-www-form-urlencoded',
    })
    const error = await expectError(response, 415, { code: 'unsupported_media_type' })
    expect(error.message).toContain('application/json')
  })

  test('an unknown address, in the API and outside', async () => {
    await expectError(await fetch(`${server.url}/v1/images`), 404, { code: 'not_found' })
    await expectError(await post('/v1/images', {}), 404, { code: 'not_found' })
    await expectError(await fetch(`${server.url}/nowhere`), 404, { code: 'not_found' })
  })

  test('another method', async () => {
    const response = await fetch(`${server.url}/v1/chat/completions`)
    expect(response.headers.get('Allow')).toBe('POST')
    await expectError(response, 405, { code: 'method_not_allowed' })
    await expectError(await fetch(`${server.url}/v1/models`, { method: 'DELETE' }), 405, { code: 'method_not_allowed' })
  })

  test('a prompt that is empty is still answered or refused by name', async () => {
    const response = await post('/v1/completions', { model: 'random', prompt: '', max_tokens: 1 })
    if (response.status !== 200) await expectError(response, 400, { code: 'invalid_value', param: 'prompt' })
  })
})

describe('a body that is too large', () => {
  test('is refused by its announced length before it is sent', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Content-Length': 50_000_000 },
      })
      request.on('response', response => {
        resolve(response.statusCode)
        request.destroy()
      })
      request.on('error', reject)
      request.write('{') // and never more
    })
    expect(status).toBe(413)
  })

  test('is refused where it passes the limit when it comes in pieces', async () => {
    let sent = 0
    const body = new ReadableStream({
      pull(controller) {
        if (sent >= 50_000_000) return controller.close()
        controller.enqueue(new Uint8Array(50_000).fill(32))
        sent += 50_000
      },
    })
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body,
      duplex: 'half',
    } as RequestInit)
    await expectError(response, 413, { code: 'request_too_large' })
  })

  test('of 50 MB is refused', async () => {
    const status = await new Promise<string>((resolve, reject) => {
      const { hostname, port } = new URL(server.url)
      const socket = connect(Number(port), hostname)
      let answer = ''
      socket.on('data', data => {
        answer += data
        if (answer.includes('\r\n\r\n')) resolve(answer.split('\r\n')[0])
      })
      socket.on('close', () => reject(new Error(`closed after: ${answer}`)))
      socket.on('error', () => {})
      const head = ['POST /v1/completions HTTP/1.1', `Host: ${hostname}`, 'Content-Type: application/json']
      socket.write(`${[...head, 'Content-Length: 50000000'].join('\r\n')}\r\n\r\n`)
      socket.write(Buffer.alloc(50_000_000, 'a'))
    })
    expect(status).toContain('413')
  })
})

describe('strangers', () => {
  test('a name that is not this machine is refused (DNS rebinding)', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      httpRequest(`${server.url}/v1/models`, { headers: { Host: 'evil.example' } }, response => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end()
    })
    expect(status).toBe(403)
  })

  test('other origins get no leave to read', async () => {
    const response = await fetch(`${server.url}/v1/models`, { headers: { Origin: 'https://evil.example' } })
    expect(response.headers.get('Access-Control-Allow-Origin')).toBeNull()
    const preflight = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST' },
    })
    expect(preflight.ok).toBe(false)
    expect(preflight.headers.get('Access-Control-Allow-Origin')).toBeNull()
  })
})

describe('a failure while generating', () => {
  test('after the first words ends the stream with an error and without [DONE]; the log has it under its id', async () => {
    const response = await post('/v1/completions', { model: 'broken', prompt: '바다', max_tokens: 50, stream: true })
    expect(response.status).toBe(200)
    const events = (await response.text()).trim().split('\n\n')
    const last = JSON.parse(events.at(-1)!.slice('data: '.length))
    expect(last.error).toMatchObject({ type: 'server_error', code: 'internal_error' })
    expect(events.length).toBeGreaterThan(1)
    const id = response.headers.get('X-Request-Id')!
    expect(last.error.message).toContain(id)
    expect(log.filter(line => line.includes(id))).toEqual([expect.stringMatching(/the model broke/)])
    expect(JSON.stringify(last)).not.toContain('the model broke')
  })

  test('in a stream closes the connection after the error', async () => {
    const { hostname, port } = new URL(server.url)
    const body = JSON.stringify({ model: 'broken', prompt: '바다', max_tokens: 50, stream: true })
    const head = ['POST /v1/completions HTTP/1.1', `Host: ${hostname}`, 'Content-Type: application/json']
    const received = await new Promise<string>(resolve => {
      const socket = connect(Number(port), hostname)
      let text = ''
      socket.on('data', data => {
        text += data
      })
      socket.on('end', () => resolve(text))
      socket.write(`${[...head, `Content-Length: ${Buffer.byteLength(body)}`].join('\r\n')}\r\n\r\n${body}`)
    })
    expect(received).toContain('"code":"internal_error"')
  })

  test('of an answer in one piece is a 500 with the id', async () => {
    const response = await post('/v1/completions', { model: 'broken', prompt: '바다', max_tokens: 50 })
    const id = response.headers.get('X-Request-Id')!
    const error = await expectError(response, 500, { code: 'internal_error' })
    expect(error.message).toContain(id)
  })
})
