import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { type ServeOptions, serve } from '../serve.ts'
import { type GatewayConfigFile, parseGatewayConfig } from './config.ts'

/* For the tests of the gateway: servers that misbehave on purpose, and a gateway in front of some. */

/** A request as it came to a server that misbehaves. */
export interface Received {
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: { readonly [field: string]: unknown }
}

export interface TestUpstream {
  /** How a gateway finds it. */
  readonly config: { readonly baseUrl: string }
  /** Other than health checks. */
  readonly received: Received[]
  /** What it answers to health checks; 0: nothing. */
  health: number
  answer: (response: ServerResponse, request: Received) => unknown
  close(): Promise<void>
}

/** A real server that answers every request as `answer` says; health checks it passes. */
export async function testUpstream(answer: TestUpstream['answer']): Promise<TestUpstream> {
  const server = createServer(async (request, response) => {
    if (request.url === '/health') {
      if (upstream.health !== 0) response.writeHead(upstream.health).end('{}')
      return
    }
    let text = ''
    for await (const piece of request.setEncoding('utf8')) text += piece
    const received = { url: request.url!, headers: request.headers, body: JSON.parse(text) }
    upstream.received.push(received)
    await upstream.answer(response, received)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const upstream: TestUpstream = {
    config: { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` },
    received: [],
    health: 200,
    answer,
    close: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  onTestFinished(() => upstream.close())
  return upstream
}

export const sendJson = (response: ServerResponse, body: object, status = 200): void => {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}

/** A whole chat answer. */
export const chatAnswer = (content: string) => ({
  object: 'chat.completion',
  model: 'inner',
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
})

/** An event of a stream of a chat answer. */
export const chatEvent = (content: string): string =>
  `data: ${JSON.stringify({ object: 'chat.completion.chunk', model: 'inner', choices: [{ index: 0, delta: { content } }] })}\n\n`

/** What a stream ends with when all is well. */
export const chatEnd = `data: ${JSON.stringify({ model: 'inner', choices: [], usage: chatAnswer('').usage })}\n\ndata: [DONE]\n\n`

export const beginStream = (response: ServerResponse, text: string): void => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(text)
}

type UpstreamFields = Partial<GatewayConfigFile['upstreams'][string]> & { baseUrl: string }

/** A gateway that calls the upstreams' model 'inner' 'outer'. */
export async function testGateway(
  upstreams: Readonly<Record<string, UpstreamFields>>,
  { retries, ...options }: Partial<ServeOptions> & { retries?: number } = {},
) {
  // Health checks that a busy machine does not fail.
  const usual = { models: { outer: 'inner' }, health: { timeout: 30 } }
  const config = {
    upstreams: Object.fromEntries(Object.entries(upstreams).map(([name, fields]) => [name, { ...usual, ...fields }])),
    retries,
  }
  const lines: string[] = []
  const server = await serve({
    port: 0,
    gateway: parseGatewayConfig(config),
    log: line => lines.push(line),
    patience: 0,
    ...options,
  })
  onTestFinished(() => server.stop())
  const post = (path: string, body: object, init: RequestInit = {}) =>
    fetch(server.url + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      ...init,
    })
  const chat = (fields: object = {}, init: RequestInit = {}) =>
    post('/v1/chat/completions', { model: 'outer', messages: [{ role: 'user', content: '안녕?' }], ...fields }, init)
  /** A value that Prometheus is told. */
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`${server.url}/metrics`)).text()
    const line = text.split('\n').find(each => each.startsWith(`modu_upstream_${name} `))
    return Number(line?.split(' ').at(-1) ?? 0)
  }
  return { server, url: server.url, lines, post, chat, metric }
}

/** The error of an answer. */
export async function errorOf(response: Response) {
  const { error } = (await response.json()) as { error: { message: string; code: string; param: string | null } }
  return { status: response.status, ...error }
}

/** Waits until it is so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(resolve => setTimeout(resolve, 5))
}
