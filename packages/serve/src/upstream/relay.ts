import type { Usage } from '@modu/model'
import { ApiError, tooLate } from '../errors.ts'
import { emptyUsage } from '../wire.ts'
import { eventSplitter, type ServerEvent, withData } from './events.ts'
import { broken, failedInStream, UpstreamFailure } from './failure.ts'
import { transfer } from './transfer.ts'
import type { Upstream } from './upstream.ts'
import type { Upstreams } from './upstreams.ts'
import {
  type Answer,
  type Body,
  beginningOf,
  count,
  isError,
  isLast,
  nameThoughts,
  rename,
  withNamedThoughts,
} from './wording.ts'

/** A request that upstreams are to answer. */
export interface Order {
  /** The route, such as `/v1/chat/completions`. */
  readonly path: string
  readonly body: Body
  readonly isStream: boolean
  /** The model by the name that the client has for it. */
  readonly model: string
  readonly headers: Readonly<Record<string, string>>
  /** How long the answer may take, in milliseconds. */
  readonly deadline: number
  readonly log: (line: string) => void
}

/** A piece of an answer as the client gets it. Behind the last one all tokens are counted. */
export interface Passed {
  readonly type: 'piece' | 'finish'
  readonly text: string
  readonly usage: Usage
}

/**
 * The answer of an upstream, as it comes; where one fails before anything has come, of another. `usage` is kept up to
 * date. Errors: ApiError; the signal's reason.
 */
export async function* relay(
  upstreams: Upstreams,
  order: Order,
  usage: Usage,
  signal: AbortSignal,
): AsyncGenerator<Passed> {
  const { model, path, isStream } = order
  const overdue = new AbortController()
  const clock = setTimeout(() => overdue.abort(tooLate(order.deadline)), order.deadline)
  const until = AbortSignal.any([signal, overdue.signal])
  const beginning = beginningOf(order.body)
  const tried = new Set<Upstream>()
  /** Those that said that they failed: to blame if another one answers the same request. */
  const suspects: Upstream[] = []
  let failure: UpstreamFailure | undefined
  try {
    while (tried.size <= upstreams.retries) {
      const upstream = upstreams.choose(model, beginning, tried)
      if (!upstream) break
      tried.add(upstream)
      upstreams.metrics.sent(upstream.name, model)
      const request = {
        path: path.slice('/v1'.length),
        body: bodyFor(upstream, order),
        headers: order.headers,
        isStream,
      }
      const read = (pieces: AsyncIterable<string>) =>
        isStream ? streamOf(pieces, model, usage, unaskedUsage(order, upstream)) : wholeOf(pieces, model, usage)
      let hasBegun = false
      try {
        for await (const text of transfer(upstream, request, until, read)) {
          if (text === '') continue
          if (!hasBegun) for (const suspect of suspects) suspect.circuit.blame()
          hasBegun = true
          yield { type: isStream || usage.completionTokens > 0 ? 'piece' : 'finish', text, usage }
        }
        yield { type: 'finish', text: '', usage }
        return
      } catch (error) {
        if (!(error instanceof UpstreamFailure)) throw error
        upstreams.metrics.failed(upstream.name, error.reason)
        order.log(`The upstream '${upstream.name}' ${error.message}`)
        if (hasBegun) throw error.told
        if (error.reason === 'failed') suspects.push(upstream)
        Object.assign(usage, emptyUsage())
        failure = error
      }
    }
    throw failure?.told ?? noneIsUp(model)
  } finally {
    clearTimeout(clock)
  }
}

/** What the upstream is sent: its own name for the model; the usage of streams is asked for in any case. */
function bodyFor({ config }: Upstream, { body, isStream, model, path }: Order): string {
  const asked = { include_usage: true, ...(config.continuousUsage && { continuous_usage_stats: true }) }
  return JSON.stringify({
    ...body,
    model: config.models[model],
    ...(Array.isArray(body.messages) && { messages: body.messages.map(withNamedThoughts) }),
    ...(isStream && hasStreamOptions(path) && { stream_options: { ...streamOptions(body), ...asked } }),
    // What it stores, nobody could ask for.
    ...(path === '/v1/responses' && { store: false }),
  })
}

const hasStreamOptions = (path: string): boolean => path === '/v1/chat/completions' || path === '/v1/completions'

const streamOptions = (body: Body) => (body.stream_options ?? {}) as Readonly<Record<string, unknown>>

/** Tells the usage in a stream that only we asked for from that which the client wants. */
function unaskedUsage({ body, path }: Order, { config }: Upstream): (answer: Answer) => boolean {
  if (!hasStreamOptions(path)) return () => false
  const { include_usage, continuous_usage_stats } = streamOptions(body)
  if (include_usage !== true) return () => true
  const isContinuous = config.continuousUsage && continuous_usage_stats !== true
  return ({ choices }) => isContinuous && choices?.length !== 0
}

/** The events of a stream in the client's terms, those that came together in one text. */
async function* streamOf(
  pieces: AsyncIterable<string>,
  model: string,
  usage: Usage,
  hidesUsage: (answer: Answer) => boolean,
): AsyncGenerator<string> {
  const split = eventSplitter()
  let isComplete = false
  try {
    for await (const piece of pieces) {
      let text = ''
      for (const event of split(piece)) {
        if (isComplete) continue
        const answer = parsed(event)
        if (answer && isError(answer)) {
          if (text !== '') yield text
          throw brokenAs(answer)
        }
        if (answer) count(answer, usage)
        text += inClientsTerms(event, answer, model, hidesUsage)
        isComplete = isLast(event.data, answer)
      }
      yield text
    }
  } catch (error) {
    // The client has all of it; how the connection ends is of no interest.
    if (!isComplete) throw error
  }
  if (!isComplete) throw broken('ended its stream too early')
}

function inClientsTerms(
  event: ServerEvent,
  answer: Answer | undefined,
  model: string,
  hidesUsage: (answer: Answer) => boolean,
): string {
  if (!answer) return `${event.text}\n\n`
  if (answer.usage !== undefined && hidesUsage(answer)) {
    if (answer.choices?.length === 0) return ''
    delete answer.usage
  }
  rename(answer, model)
  nameThoughts(answer)
  return `${withData(event, JSON.stringify(answer))}\n\n`
}

/** The answer in one piece. */
async function* wholeOf(pieces: AsyncIterable<string>, model: string, usage: Usage): AsyncGenerator<string> {
  let text = ''
  for await (const piece of pieces) text += piece
  const answer = parsed({ data: text })
  if (!answer) throw broken('answered something that is no JSON object')
  count(answer, usage)
  rename(answer, model)
  nameThoughts(answer)
  yield JSON.stringify(answer)
}

/** The JSON object of an event; undefined for what is none, such as a comment or `[DONE]`. */
function parsed({ data }: Pick<ServerEvent, 'data'>): Answer | undefined {
  if (!data.startsWith('{')) return undefined
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}

/** An upstream that says itself that its stream broke. */
function brokenAs({ error, message }: Answer): UpstreamFailure {
  return failedInStream(String((error as { message?: unknown } | undefined)?.message ?? message ?? 'no reason'))
}

const noneIsUp = (model: string) =>
  new ApiError(503, 'upstream_unavailable', `No server of the model '${model}' is up at the moment. Try again later.`, {
    headers: { 'Retry-After': '5' },
  })
