import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type RunningServer, type ServeOptions, serve } from './serve.ts'
import { type StepLog, scriptedModel } from './testModels.ts'

/* Several clients at one model, and clients that leave. */

const long = '가나다라마바사아자차카타파하 '.repeat(200)
let server: RunningServer
let log: StepLog

async function start(options: Partial<ServeOptions> = {}) {
  log = { steps: [] }
  server = await serve({ port: 0, models: { long: await scriptedModel(long, log) }, ...options })
}
afterEach(() => server.stop())

const complete = (fields: object, signal?: AbortSignal) =>
  fetch(`${server.url}/v1/completions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ model: 'long', prompt: '바다', ...fields }),
    signal,
  })
const health = async () => (await (await fetch(`${server.url}/health`)).json()) as { running: number; waiting: number }

async function until(condition: () => boolean | Promise<boolean>) {
  while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 5))
}

describe('fairness', () => {
  test('an answer that comes later goes on at every step of those before it', async () => {
    await start()
    const slow = complete({ max_tokens: 1500 })
    await until(() => log.steps.length > 20)
    const quick = await complete({ max_tokens: 30 })
    expect(quick.status).toBe(200)
    const steps = [...log.steps]
    expect(await health()).toMatchObject({ running: 1 })

    const second = steps.find(cache => cache !== steps[0])!
    const between = steps.slice(steps.indexOf(second), steps.lastIndexOf(second) + 1)
    expect(between.filter(cache => cache === second)).toHaveLength(30)
    // The other one goes on in the same passes: in all but that of the prompt, and in whichever order.
    expect(between.length).toBeGreaterThanOrEqual(30 + 28)
    expect(between.length).toBeLessThanOrEqual(30 + 30)
    await slow
  })

  test('a request for several answers gets no more turns than others', async () => {
    await start()
    const greedy = complete({ max_tokens: 100, n: 6 })
    await until(() => log.steps.length > 20)
    const before = log.steps.length
    await complete({ max_tokens: 30 })
    // 30 steps of this one, as many of the other, and a few before it arrived; with a turn an answer it would be 210.
    expect(log.steps.length - before).toBeLessThan(130)
    expect(await health()).toMatchObject({ running: 1 })
    const answer = (await (await greedy).json()) as { usage: { completion_tokens: number } }
    expect(answer.usage.completion_tokens).toBe(600)
  })

  test('eight at once all get their whole answer', async () => {
    await start({ seats: 3, line: 8 })
    const answers = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const response = await complete({ max_tokens: 20 + i })
        return (await response.json()) as { choices: { text: string }[]; usage: { completion_tokens: number } }
      }),
    )
    answers.forEach((answer, i) => {
      expect(answer.usage.completion_tokens).toBe(20 + i)
      expect(answer.choices[0].text.startsWith(answers[0].choices[0].text)).toBe(true)
    })
  })

  test('a long prompt is read in pieces, between which others go on', async () => {
    await start()
    const first = complete({ max_tokens: 600 })
    await until(() => log.steps.length > 20)
    const [mine] = log.steps
    const before = log.steps.length
    const answer = await complete({ prompt: '바다와 산과 들 '.repeat(40), max_tokens: 1 })
    expect(answer.status).toBe(200)
    const others = log.steps.slice(before).filter(cache => cache !== mine)
    expect(others.length).toBeGreaterThan(1)
    for (let i = before + 1; i < log.steps.length; i++) {
      if (log.steps[i] !== mine) expect(log.steps[i - 1]).toBe(mine)
    }
    await first
  })

  test('those beyond the seats and the line are told to come back', async () => {
    await start({ seats: 1, line: 1 })
    const answers = await Promise.all([1, 2, 3].map(() => complete({ max_tokens: 50 })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 429])
    const refused = answers.find(({ status }) => status === 429)!
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0)
    expect(await refused.json()).toMatchObject({ error: { type: 'rate_limit_error', code: 'server_busy' } })
  })
})

describe('a deadline', () => {
  test('ends an answer that takes longer, whether it is streamed or waits', async () => {
    await start({ deadline: 100, seats: 1 })
    const streamed = complete({ max_tokens: 1900, stream: true }).then(response => response.text())
    await until(() => log.steps.length > 5)
    const waiting = await complete({ max_tokens: 1900 })
    expect(waiting.status).toBe(504)
    expect(await waiting.json()).toMatchObject({ error: { type: 'server_error', code: 'deadline_exceeded' } })
    const events = (await streamed).trim().split('\n\n')
    expect(events.at(-1)).toContain('deadline_exceeded')
    expect(await health()).toMatchObject({ running: 0, waiting: 0 })
  })
})

describe('a client that leaves', () => {
  /** Sends a request on a socket of its own, and cuts it once `steps` steps of the model are done. */
  async function leaveAfter(steps: number, fields: object) {
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    const body = JSON.stringify({ model: 'long', prompt: '바다', max_tokens: 1000, ...fields })
    const head = ['POST /v1/completions HTTP/1.1', 'Host: 127.0.0.1', 'Content-Type: application/json']
    socket.write(`${[...head, `Content-Length: ${Buffer.byteLength(body)}`].join('\r\n')}\r\n\r\n${body}`)
    await until(() => log.steps.length >= steps)
    socket.destroy()
    const atLeaving = log.steps.length
    await until(async () => (await health()).running === 0)
    return log.steps.length - atLeaving
  }

  test.each([true, false])('stops its generation within a token or two of the wire; stream: %s', async stream => {
    await start()
    // One step may run while the end of the connection is on its way through the kernel, and one when it arrives.
    expect(await leaveAfter(10, { stream })).toBeLessThanOrEqual(2)
    const steps = log.steps.length
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(log.steps.length).toBe(steps)
  })

  test('with several answers stops all of them', async () => {
    await start()
    expect(await leaveAfter(10, { n: 4 })).toBeLessThanOrEqual(2)
  })

  test('makes room for the next in line', async () => {
    await start({ seats: 1, line: 1 })
    const leaving = new AbortController()
    const first = complete({ max_tokens: 1500 }, leaving.signal).catch(error => error)
    await until(() => log.steps.length > 5)
    const second = complete({ max_tokens: 3 })
    await until(async () => (await health()).waiting === 1)
    leaving.abort()
    expect((await second).status).toBe(200)
    expect(await first).toBeInstanceOf(DOMException)
    expect(log.steps.length).toBeLessThan(900)
  })

  test('while waiting in line never starts', async () => {
    await start({ seats: 1, line: 1 })
    const first = complete({ max_tokens: 1500 })
    await until(() => log.steps.length > 5)
    const leaving = new AbortController()
    const second = complete({ max_tokens: 3 }, leaving.signal).catch(error => error)
    await until(async () => (await health()).waiting === 1)
    leaving.abort()
    await until(async () => (await health()).waiting === 0)
    await Promise.all([first, second])
    expect(new Set(log.steps).size).toBe(1)
  })

  test('that reads nothing holds up nobody', async () => {
    await start({ seats: 1, line: 4 })
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    socket.pause()
    const body = JSON.stringify({ model: 'long', prompt: '바다', max_tokens: 600, stream: true })
    const head = ['POST /v1/completions HTTP/1.1', 'Host: 127.0.0.1', 'Content-Type: application/json']
    socket.write(`${[...head, `Content-Length: ${Buffer.byteLength(body)}`].join('\r\n')}\r\n\r\n${body}`)
    await until(() => log.steps.length > 5)
    expect((await complete({ max_tokens: 2 })).status).toBe(200)
    socket.destroy()
  })
})
