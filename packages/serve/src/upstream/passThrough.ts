import { ReadableStream } from 'node:stream/web'
import type { Context, MiddlewareHandler } from 'hono'
import type { Accounts } from '../accounts.ts'
import { readJsonBody } from '../body.ts'
import { ApiError, stopping } from '../errors.ts'
import { type Desk, describeFailure } from '../generation.ts'
import { requireModel } from '../keys/requireKey.ts'
import { endConnection, eventStreamHeaders } from '../sse.ts'
import { traceHeaders, traceModel } from '../tracing.ts'
import { emptyUsage } from '../wire.ts'
import { type Passed, relay } from './relay.ts'
import type { Upstreams } from './upstreams.ts'
import { type Body, errorEvent, routes } from './wording.ts'

/** The server that requests come through. */
type Gateway = Pick<Desk, 'deadline' | 'closing' | 'log'> & {
  readonly accounts?: Accounts
  readonly isReady: () => boolean
}

/** Answers requests for the models of upstreams; all others go on to what comes behind. */
export const passThrough =
  (upstreams: Upstreams, gateway: Gateway): MiddlewareHandler =>
  async (c, next) => {
    const { path } = c.req
    if (c.req.method !== 'POST' || !routes.includes(path)) return next()
    const body = (await readJsonBody(c)) as Body | null
    const model = body?.model
    if (!body || typeof model !== 'string' || !upstreams.has(model)) return next()
    requireModel(c, model)
    traceModel(c, model)
    if (path === '/v1/responses') requireNoState(body)
    if (!gateway.isReady()) throw stopping()

    const { deadline, accounts } = gateway
    const log = (line: string) => gateway.log(`[${c.get('requestId')}] ${c.req.method} ${path}: ${line}`)
    const isStream = body.stream === true && path !== '/v1/embeddings'
    const order = { path, body, isStream, model, headers: headersFor(c), deadline, log }
    const signal = AbortSignal.any([c.req.raw.signal, gateway.closing])
    const isCounted = accounts && path !== '/v1/messages/count_tokens'
    const entry = isCounted ? accounts.ledger.entry(c.get('key'), model) : undefined
    c.set('entry', entry)
    const answer = entry
      ? entry.record(usage => relay(upstreams, order, usage, signal), true)
      : relay(upstreams, order, emptyUsage(), signal)
    return isStream ? await streamed(c, gateway, answer) : await whole(c, answer)
  }

async function whole(c: Context, answer: AsyncIterable<Passed>): Promise<Response> {
  let body = ''
  for await (const { text } of answer) body += text
  return c.body(body, 200, { 'Content-Type': 'application/json' })
}

/** What comes is read no faster than the client reads. The status waits for the first piece, to say what goes wrong before. */
async function streamed(c: Context, gateway: Gateway, answer: AsyncIterable<Passed>): Promise<Response> {
  const pieces = answer[Symbol.asyncIterator]()
  const first = await pieces.next()
  const encoder = new TextEncoder()
  async function* body(): AsyncGenerator<Uint8Array> {
    let before = ''
    try {
      for (let next = first; !next.done; next = await pieces.next()) {
        if (next.value.text === '') continue
        before = next.value.text
        yield encoder.encode(before)
      }
    } catch (error) {
      endConnection(c)
      const told = describeFailure(c, gateway, error)
      yield encoder.encode(errorEvent(c.req.path, told, before))
    } finally {
      await pieces.return?.()
    }
  }
  return new Response(ReadableStream.from(body()) as ConstructorParameters<typeof Response>[0], {
    headers: eventStreamHeaders,
  })
}

/** Of the client's headers, those that change the answer; and the id, under which the upstream's log has the request. */
function headersFor(c: Context): Record<string, string> {
  const headers: Record<string, string> = { 'x-request-id': c.get('requestId'), ...traceHeaders(c) }
  for (const name of ['anthropic-version', 'anthropic-beta']) {
    const value = c.req.header(name)
    if (value !== undefined) headers[name] = value
  }
  return headers
}

/** What an upstream stores is on one server only, and open to everybody who comes through us. */
function requireNoState(body: Body): void {
  const remedies = {
    previous_response_id: "send the conversation in 'input'",
    conversation: "send the conversation in 'input'",
    background: 'ask for a stream',
  }
  for (const [param, remedy] of Object.entries(remedies)) {
    if (!body[param]) continue
    const message = `'${param}' does not work with this model, which runs on several servers; ${remedy}.`
    throw new ApiError(400, 'unsupported_parameter', message, { param })
  }
}
