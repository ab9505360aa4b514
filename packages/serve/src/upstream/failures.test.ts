import { once } from 'node:events'
import { connect } from 'node:net'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { testDatabase } from '../store/testDatabase.ts'
import { usageReport } from '../usage/report.ts'
import {
  beginStream,
  chatAnswer,
  chatEnd,
  chatEvent,
  errorOf,
  sendJson,
  type TestUpstream,
  testGateway,
  testUpstream,
  until,
} from './testUpstream.ts'

/* Upstreams that misbehave, and what clients notice of it. */

const good = () => testUpstream(response => sendJson(response, chatAnswer('좋아요')))

/** As many conversations as it takes for some to go to each of two upstreams first. */
const conversations = Array.from({ length: 6 }, (_, i) => ({ messages: [{ role: 'user', content: `${i}번` }] }))

describe('an upstream that fails before its answer begins', () => {
  const bad: [string, TestUpstream['answer']][] = [
    ['answers 500', response => sendJson(response, { error: { message: 'engine died' } }, 500)],
    ['answers 429', response => sendJson(response, { error: { message: 'queue full' } }, 429)],
    ['answers 401', response => sendJson(response, { error: { message: 'wrong key' } }, 401)],
    ['does not have the route', response => sendJson(response, { detail: 'Not Found' }, 404)],
    ['closes the connection', response => response.destroy()],
    ['answers no JSON', response => response.end('<html>')],
    ['dies after the headers', response => response.writeHead(200).write('{"cho', () => response.destroy())],
    ['hangs', () => {}],
  ]
  test.each(bad)('%s: another one answers', async (_, answer) => {
    const [a, b] = [await testUpstream(answer), await good()]
    const timeouts = { whole: 0.2 }
    const { chat } = await testGateway({ a: { ...a.config, timeouts }, b: b.config })
    for (const fields of conversations) {
      const response = await chat(fields)
      expect(await response.json()).toMatchObject({ model: 'outer', choices: [{ message: { content: '좋아요' } }] })
    }
    expect(a.received.length).toBeGreaterThan(0)
    expect(b.received.length).toBe(conversations.length)
  })

  test('cannot be reached: another one answers', async () => {
    const [a, b] = [await good(), await good()]
    const { chat, metric } = await testGateway({ a: a.config, b: b.config })
    await a.close()
    for (const fields of conversations) expect((await chat(fields)).status).toBe(200)
    expect(await metric('failures_total{upstream="a",reason="unreachable"}')).toBeGreaterThan(0)
  })

  test('in a stream: the next one begins, and the client sees only that', async () => {
    const a = await testUpstream(response => response.writeHead(200).flushHeaders())
    const b = await testUpstream(response => {
      beginStream(response, chatEvent('좋아요'))
      response.end(chatEnd)
    })
    const { chat } = await testGateway({ a: { ...a.config, timeouts: { firstByte: 0.2 } }, b: b.config })
    for (const fields of conversations) {
      const text = await (await chat({ ...fields, stream: true })).text()
      expect(text).toContain('좋아요')
      expect(text).toMatch(/data: \[DONE\]\n\n$/)
    }
    expect(a.received.length).toBeGreaterThan(0)
  })

  test('where there is no other one, the client is told, and the log has more', async () => {
    const a = await testUpstream(response => sendJson(response, { error: { message: 'engine died' } }, 500))
    const { chat, lines } = await testGateway({ a: a.config })
    const response = await chat()
    const error = await errorOf(response)
    expect(error).toMatchObject({ status: 502, code: 'upstream_failed' })
    expect(error.message).not.toContain('engine died')
    const id = response.headers.get('X-Request-Id')!
    expect(lines.join()).toContain(`[${id}] POST /v1/chat/completions: The upstream 'a' answered 500: engine died`)

    a.answer = response => response.writeHead(429, { 'Retry-After': '7' }).end('{}')
    const busy = await chat()
    expect(busy.headers.get('Retry-After')).toBe('7')
    expect(await errorOf(busy)).toMatchObject({ status: 429, code: 'server_busy' })
    a.answer = response => sendJson(response, { detail: 'Not Found' }, 404)
    expect(await errorOf(await chat())).toMatchObject({ status: 404, code: 'not_found' })
  })

  test('is tried on no more others than the configuration says', async () => {
    const all = await Promise.all([1, 2, 3, 4].map(() => testUpstream(response => sendJson(response, {}, 500))))
    const { chat } = await testGateway(Object.fromEntries(all.map((each, i) => [`u${i}`, each.config])), { retries: 1 })
    expect((await chat()).status).toBe(502)
    expect(all.flatMap(({ received }) => received).length).toBe(2)
  })
})

test('a request that is at fault is refused as the upstream says, at once, and nobody is blamed for it', async () => {
  const error = { message: "'temperature' is too hot", type: 'BadRequestError', param: 'temperature', code: 400 }
  const [a, b] = [1, 2].map(() => testUpstream(response => sendJson(response, { error }, 400)))
  const { chat, metric } = await testGateway({ a: (await a!).config, b: (await b!).config })
  for (const fields of conversations) {
    expect(await errorOf(await chat(fields))).toMatchObject({
      status: 400,
      message: error.message,
      param: 'temperature',
    })
  }
  expect(await metric('circuit_open{upstream="a"}')).toBe(0)
})

describe('an upstream that says that it failed', () => {
  const poison = '독'
  const failing: TestUpstream['answer'] = (response, { body }) =>
    JSON.stringify(body).includes(poison) ? sendJson(response, {}, 500) : sendJson(response, chatAnswer('좋아요'))
  const poisoned = (i: number) => ({ messages: [{ role: 'user', content: `${poison} ${i}` }] })

  test('is to blame if another one answers the same request', async () => {
    const [a, b] = [await testUpstream(failing), await good()]
    const { chat, metric } = await testGateway({ a: { ...a.config, circuit: { firstPause: 60 } }, b: b.config })
    for (let i = 0; i < 20; i++) expect((await chat(poisoned(i))).status).toBe(200)
    expect(a.received.length).toBe(3)
    expect(await metric('circuit_open{upstream="a"}')).toBe(1)
    expect(await metric('failures_total{upstream="a",reason="failed"}')).toBe(3)
  })

  test('is not if all fail on it: nobody can stop a server with such requests', async () => {
    const [a, b] = [await testUpstream(failing), await testUpstream(failing)]
    const { chat, metric } = await testGateway({ a: a.config, b: b.config })
    for (let i = 0; i < 8; i++) expect((await chat(poisoned(i))).status).toBe(502)
    for (const name of ['a', 'b']) expect(await metric(`circuit_open{upstream="${name}"}`)).toBe(0)
    expect((await chat()).status).toBe(200)
  })
})

describe('an upstream that dies in the middle of a stream', () => {
  const dying: TestUpstream['answer'] = response => {
    beginStream(response, chatEvent('하나') + chatEvent('둘'))
    response.write(chatEvent('셋'), () => setTimeout(() => response.destroy(), 20))
  }

  test('the client gets what came, an error in place of [DONE], and the end of the connection', async () => {
    const [a, b] = [await testUpstream(dying), await testUpstream(dying)]
    const database = await testDatabase()
    const { url, chat } = await testGateway({ a: a.config, b: b.config }, { database })
    const text = await (await chat({ stream: true })).text()
    const events = text.trim().split('\n\n')
    expect(events.length).toBe(4)
    expect(text).toContain('셋')
    expect(JSON.parse(events.at(-1)!.slice('data: '.length))).toMatchObject({
      error: { type: 'server_error', code: 'upstream_failed', param: null },
    })
    expect(text).not.toContain('[DONE]')
    // Tried on no other: the client has the beginning.
    expect(a.received.length + b.received.length).toBe(1)
    expect(await usageReport(database)).toMatchObject([{ model: 'outer', requests: 1, completion_tokens: 3 }])

    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'x', maxRetries: 0 })
    const stream = await openai.chat.completions.create({
      model: 'outer',
      messages: [{ role: 'user', content: '안녕?' }],
      stream: true,
    })
    await expect(Array.fromAsync(stream)).rejects.toThrow('broke off')
    const { hostname, port } = new URL(url)
    expect(await rawChat(hostname, Number(port))).toContain('upstream_failed')
  })

  test('what came is counted exactly if the server told with every event', async () => {
    const told = (completion_tokens: number, content: string) =>
      chatEvent(content).replace(
        '"choices"',
        `"usage":{"prompt_tokens":7,"completion_tokens":${completion_tokens}},"choices"`,
      )
    let isComplete = false
    const a = await testUpstream(response => {
      beginStream(response, told(2, '하나'))
      response.write(told(5, '둘'), () =>
        setTimeout(() => (isComplete ? response.end(chatEnd) : response.destroy()), 20),
      )
    })
    const database = await testDatabase()
    const { chat } = await testGateway({ a: { ...a.config, continuousUsage: true } }, { database })
    expect(await (await chat({ stream: true })).text()).not.toContain('"usage"')
    expect(a.received[0]!.body.stream_options).toEqual({ include_usage: true, continuous_usage_stats: true })
    expect(await usageReport(database)).toMatchObject([{ prompt_tokens: 7, completion_tokens: 5 }])

    isComplete = true
    const asked = await (await chat({ stream: true, stream_options: { include_usage: true } })).text()
    expect(asked.match(/"usage":/g)?.length).toBe(1)
    expect(asked).toContain('"choices":[],"usage":')
  })

  test('also if it ends it in good order, says itself that it broke, or hangs', async () => {
    const a = await testUpstream(() => {})
    const slow = await testUpstream(response => beginStream(response, chatEvent('하나')))
    const { chat } = await testGateway({
      a: a.config,
      slow: { ...slow.config, models: { slow: 'inner' }, timeouts: { idle: 0.2 } },
    })
    const cases: [model: string, TestUpstream['answer'], code: string][] = [
      ['outer', response => response.end(chatEvent('하나')), 'upstream_failed'],
      ['outer', response => response.end(`${chatEvent('하나')}data: {"error":{}}\n\n${chatEnd}`), 'upstream_failed'],
      ['slow', () => {}, 'upstream_timeout'],
    ]
    for (const [model, answer, code] of cases) {
      a.answer = answer
      const text = await (await chat({ model, stream: true })).text()
      expect(text).toContain('하나')
      expect(text).toContain(`"code":"${code}"`)
      expect(text).not.toContain('[DONE]')
    }
  })

  test('the error is in the words of the API that was called', async () => {
    const event = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
    const a = await testUpstream((response, { url }) => {
      const text = url.endsWith('/messages')
        ? event('message_start', { message: { model: 'inner', usage: { input_tokens: 5, output_tokens: 1 } } })
        : event('response.created', { response: { model: 'inner' }, sequence_number: 0 })
      beginStream(response, text)
      setTimeout(() => response.destroy(), 20)
    })
    const { post } = await testGateway({ a: a.config })
    const messages = await post('/v1/messages', { model: 'outer', max_tokens: 5, messages: [], stream: true })
    const lines = (await messages.text()).trim().split('\n')
    expect(lines[1]).toContain('"model":"outer"')
    expect(lines.at(-2)).toBe('event: error')
    expect(JSON.parse(lines.at(-1)!.slice('data: '.length))).toMatchObject({
      type: 'error',
      error: { type: 'api_error' },
    })

    const responses = await post('/v1/responses', { model: 'outer', input: '안녕', stream: true })
    const last = (await responses.text()).trim().split('\n').at(-1)!
    expect(JSON.parse(last.slice('data: '.length))).toMatchObject({
      type: 'error',
      code: 'upstream_failed',
      sequence_number: 1,
    })
  })
})

/** All that a connection on which nothing more is said gets until the server ends it. */
function rawChat(host: string, port: number): Promise<string> {
  const body = JSON.stringify({ model: 'outer', messages: [{ role: 'user', content: '!' }], stream: true })
  const head = ['POST /v1/chat/completions HTTP/1.1', `Host: ${host}`, 'Content-Type: application/json']
  return new Promise(resolve => {
    const socket = connect(port, host)
    let text = ''
    socket.on('data', data => {
      text += data
    })
    socket.on('end', () => resolve(text))
    socket.write(`${[...head, `Content-Length: ${Buffer.byteLength(body)}`].join('\r\n')}\r\n\r\n${body}`)
  })
}

describe('the circuit', () => {
  test('keeps requests from an upstream on which they fail', async () => {
    const a = await testUpstream(response => response.destroy())
    const { chat, url, metric } = await testGateway({ a: { ...a.config, circuit: { failures: 2, firstPause: 60 } } })
    for (let i = 0; i < 2; i++) expect((await chat()).status).toBe(502)
    const refused = await chat()
    expect(refused.headers.get('Retry-After')).toBe('5')
    expect(await errorOf(refused)).toMatchObject({ status: 503, code: 'upstream_unavailable' })
    expect(a.received.length).toBe(2)
    expect(await metric('circuit_open{upstream="a"}')).toBe(1)
    expect((await fetch(`${url}/ready`)).status).toBe(503)
  })

  test('lets one try after a pause, and all when that one is answered', async () => {
    const a = await testUpstream(response => response.destroy())
    const { chat, url, metric } = await testGateway({ a: { ...a.config, circuit: { failures: 1, firstPause: 0.1 } } })
    await chat()
    expect(await metric('circuit_open{upstream="a"}')).toBe(1)
    a.answer = response => sendJson(response, chatAnswer('다시'))
    await until(async () => (await chat()).status === 200)
    expect(await metric('circuit_open{upstream="a"}')).toBe(0)
    expect((await fetch(`${url}/ready`)).status).toBe(200)
  })
})

describe('health checks', () => {
  test('keep requests from an upstream that does not pass them, until it does', async () => {
    const [a, b] = [await good(), await good()]
    const health = { every: 0.05, timeout: 30 }
    a.health = 500
    const { chat, url, metric, lines } = await testGateway({ a: { ...a.config, health }, b: { ...b.config, health } })
    expect(lines.join()).toContain("The upstream 'a' is down: /health answered 500")
    for (const fields of conversations) expect((await chat(fields)).status).toBe(200)
    expect(a.received.length).toBe(0)
    expect(await metric('healthy{upstream="a"}')).toBe(0)

    a.health = 200
    await until(async () => (await metric('healthy{upstream="a"}')) === 1)
    expect(lines.join()).toContain("The upstream 'a' is up again")
    for (const fields of conversations) await chat(fields)
    expect(a.received.length).toBeGreaterThan(0)

    a.health = b.health = 503
    await until(async () => (await fetch(`${url}/ready`)).status === 503)
    expect(await errorOf(await chat())).toMatchObject({ status: 503, code: 'upstream_unavailable' })
  })

  test('are not passed by silence', async () => {
    const a = await good()
    a.health = 0
    const { metric } = await testGateway({ a: { ...a.config, health: { timeout: 0.1 } } })
    expect(await metric('healthy{upstream="a"}')).toBe(0)
  })
})

describe('a stream', () => {
  test('goes on as it comes: each event is there before the next one is sent', async () => {
    let next: (text: string) => void = () => {}
    const a = await testUpstream(response => {
      next = text => response.write(text)
      beginStream(response, chatEvent('하나'))
    })
    const { chat } = await testGateway({ a: a.config })
    const response = await chat({ stream: true })
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader.read()).value).toContain('하나')
    for (const word of ['둘', '셋', '넷']) {
      // In two pieces, cut in the middle of a character.
      const bytes = Buffer.from(chatEvent(word))
      const cut = bytes.indexOf(word) + 1
      next(bytes.subarray(0, cut) as never)
      next(bytes.subarray(cut) as never)
      expect((await reader.read()).value).toContain(word)
    }
    await reader.cancel()
  })

  test('waits for a client that does not read', async () => {
    const event = chatEvent('가'.repeat(20_000))
    let sent = 0
    let isStuck = false
    const a = await testUpstream(async response => {
      beginStream(response, '')
      while (!response.closed) {
        sent += event.length
        if (response.write(event)) continue
        const stuck = setTimeout(() => {
          isStuck = true
        }, 1500)
        await once(response, 'drain').catch(() => {})
        clearTimeout(stuck)
      }
    })
    const { chat } = await testGateway({ a: { ...a.config, timeouts: { idle: 1 } } })
    const response = await chat({ stream: true })
    const reader = response.body!.getReader()
    await reader.read()
    await until(() => isStuck)
    // What the buffers of the sockets hold.
    expect(sent).toBeLessThan(30_000_000)
    // Nor was the upstream taken for too slow while it waited.
    const rest = (await reader.read()).value!
    expect(new TextDecoder().decode(rest)).not.toContain('upstream_timeout')
    await reader.cancel()
  })

  test('ends at the upstream when the client leaves, and nobody is blamed for that', async () => {
    let closed = 0
    const a = await testUpstream((response, { body }) => {
      response.on('close', () => closed++)
      if (body.stream) beginStream(response, chatEvent('하나'))
    })
    const { chat, metric } = await testGateway({ a: { ...a.config, circuit: { failures: 1 } } })
    for (const stream of [true, false]) {
      const leave = new AbortController()
      const answer = chat({ stream }, { signal: leave.signal }).then(response => response.text())
      await until(async () => (await metric('requests_in_flight{upstream="a"}')) === 1)
      leave.abort()
      await expect(answer).rejects.toThrow()
      await until(async () => (await metric('requests_in_flight{upstream="a"}')) === 0)
    }
    await until(() => closed === 2)
    expect(await metric('circuit_open{upstream="a"}')).toBe(0)
  })

  test('ends with an error when it takes longer than answers may', async () => {
    const a = await testUpstream(response => beginStream(response, chatEvent('하나')))
    const { chat } = await testGateway({ a: a.config }, { deadline: 2000 })
    const text = await (await chat({ stream: true })).text()
    expect(text).toContain('하나')
    expect(text).toContain('"code":"deadline_exceeded"')
  })
})
