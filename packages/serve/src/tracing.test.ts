import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type ServeOptions, serve } from './serve.ts'
import { testDatabase } from './store/testDatabase.ts'
import { failingModel, scriptedModel } from './testModels.ts'
import { chatAnswer, sendJson, testGateway, testUpstream } from './upstream/testUpstream.ts'

/* What a collector gets over OTLP. */

type Value = {
  stringValue?: string
  intValue?: string | number
  doubleValue?: number
  arrayValue?: { values: Value[] }
}
interface SpanJson {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: { key: string; value: Value }[]
  status: { code?: number; message?: string }
}
type Request = {
  resourceSpans: { resource: { attributes: SpanJson['attributes'] }; scopeSpans: { spans: SpanJson[] }[] }[]
}

const plain = ({ stringValue, intValue, doubleValue, arrayValue }: Value): unknown =>
  stringValue ?? doubleValue ?? arrayValue?.values.map(plain) ?? Number(intValue)
const attributesOf = ({ attributes }: Pick<SpanJson, 'attributes'>) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]))

/** Stands in for a collector: keeps the requests to /v1/traces, as they came. */
async function startCollector() {
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    expect([request.method, request.url]).toEqual(['POST', '/v1/traces'])
    expect(request.headers['content-type']).toBe('application/json')
    bodies.push((await request.toArray()).join(''))
    response.setHeader('Content-Type', 'application/json').end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const parsed = () => bodies.flatMap(body => (JSON.parse(body) as Request).resourceSpans)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    text: () => bodies.join('\n'),
    spans: () => parsed().flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
    service: () => attributesOf(parsed()[0]!.resource)['service.name'],
  }
}

const secretWords = '비밀스러운 질문'
const models = {
  polite: await scriptedModel('안녕하세요!'),
  long: await scriptedModel('가나다라 '.repeat(300)),
  broken: await failingModel(5),
}
const message = { role: 'user', content: secretWords }

async function start(options: Partial<ServeOptions> = {}) {
  const server = await serve({ port: 0, models, log: () => {}, ...options })
  onTestFinished(() => server.stop())
  const post = (path: string, body: object, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(server.url + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal,
    })
  return { server, post }
}

beforeEach(() => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', '')
})
afterEach(() => {
  vi.unstubAllEnvs()
})

describe('with a collector', () => {
  test('every request to a model is a span: who, what, how many tokens, how long, below the client’s; no words', async () => {
    const collector = await startCollector()
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.url)
    vi.stubEnv('OTEL_SERVICE_NAME', 'chat-of-the-office')
    const { server, post } = await start()
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const chat = { model: 'polite', messages: [message], max_tokens: 100 }
    const whole = await post('/v1/chat/completions', { ...chat, n: 2 }, { traceparent })
    const { usage } = (await whole.json()) as { usage: { prompt_tokens: number; completion_tokens: number } }
    await (await post('/v1/messages', { ...chat, stream: true })).text()
    await (await post('/v1/completions', { model: 'polite', prompt: secretWords, max_tokens: 1 })).text()
    await (await post('/v1/responses', { model: 'polite', input: secretWords })).text()
    await fetch(`${server.url}/v1/models`)
    await post('/tokenize', { prompt: secretWords })
    await server.stop()

    expect(collector.service()).toBe('chat-of-the-office')
    const spans = collector.spans()
    expect(spans.map(({ name }) => name).sort()).toEqual([
      'chat polite',
      'chat polite',
      'chat polite',
      'text_completion polite',
    ])
    const first = spans.find(({ traceId }) => traceId === '0af7651916cd43dd8448eb211c80319c')!
    expect(first).toMatchObject({ parentSpanId: 'b7ad6b7169203331', name: 'chat polite', kind: 2 })
    expect(first.status.code ?? 0).toBe(0)
    expect(attributesOf(first)).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'modu',
      'gen_ai.request.model': 'polite',
      'gen_ai.response.model': 'polite',
      'gen_ai.usage.input_tokens': usage.prompt_tokens,
      'gen_ai.usage.output_tokens': usage.completion_tokens,
      'gen_ai.response.finish_reasons': ['stop', 'stop'],
      'http.response.status_code': 200,
      'modu.request.id': whole.headers.get('X-Request-Id'),
    })
    for (const span of spans) {
      const seconds = Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e9
      const toFirst = attributesOf(span)['gen_ai.response.time_to_first_chunk']
      expect(toFirst).toBeGreaterThan(0)
      expect(toFirst).toBeLessThanOrEqual(seconds)
    }
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(4)
    expect(collector.text()).not.toContain('비밀')
    expect(collector.text()).not.toContain('안녕')
  })

  test('what fails is an error of its kind, before an answer, in the middle, and where the client leaves', async () => {
    const collector = await startCollector()
    vi.stubEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', `${collector.url}/v1/traces`)
    const { server, post } = await start()
    await post('/v1/chat/completions', { model: 'polite', messages: 3 })
    await post('/v1/chat/completions', { model: 'nobody', messages: [message] })
    const broken = { model: 'broken', prompt: secretWords, max_tokens: 50, stream: true }
    await (await post('/v1/completions', broken)).text()
    const leave = new AbortController()
    const { body } = await post('/v1/completions', { ...broken, model: 'long', max_tokens: 1000 }, {}, leave.signal)
    await body!.getReader().read()
    leave.abort()
    await server.stop()

    const errors = collector.spans().map(span => [attributesOf(span)['error.type'], span.status.code, span.name])
    expect(errors).toEqual([
      ['invalid_type', 2, 'chat'],
      ['model_not_found', 2, 'chat'],
      ['internal_error', 2, 'text_completion broken'],
      ['client_left', 2, 'text_completion long'],
    ])
    const statuses = collector.spans().map(span => attributesOf(span)['http.response.status_code'])
    expect(statuses).toEqual([400, 404, 200, 200])
  })
})

test('a gateway hands its span on to the server behind, and knows the model and the tokens', async () => {
  const collector = await startCollector()
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.url)
  const behind = await testUpstream(response => sendJson(response, chatAnswer('네')))
  const { chat, server } = await testGateway({ a: behind.config }, { database: await testDatabase() })
  expect((await chat()).status).toBe(200)
  await server.stop()

  const [span, ...others] = collector.spans()
  expect(others).toEqual([])
  expect(span!.name).toBe('chat outer')
  expect(attributesOf(span!)).toMatchObject({
    'gen_ai.request.model': 'outer',
    'gen_ai.usage.input_tokens': 7,
    'gen_ai.usage.output_tokens': 3,
  })
  expect(behind.received[0]!.headers.traceparent).toBe(`00-${span!.traceId}-${span!.spanId}-01`)
})

test('a collector that is not there keeps no answer back, nor the end of the server', async () => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:9')
  vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '500')
  const { server, post } = await start()
  expect((await post('/v1/completions', { model: 'polite', prompt: '바다', max_tokens: 1 })).status).toBe(200)
  await server.stop()
})
