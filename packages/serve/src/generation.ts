import { type ChatEvent, ModelError } from '@modu/model'
import type { Context } from 'hono'
import type { Engine } from './engine/engine.ts'
import { ApiError, stopping, tooLate } from './errors.ts'
import { toApiError } from './modelErrors.ts'
import type { Hooks } from './servedModel.ts'
import { EventStream, endConnection } from './sse.ts'

/** How a stream is written, where it is not as in OpenAI's older APIs. */
export interface StreamFormat {
  /** Events have names: the `type` of what is sent. There is no `[DONE]`. */
  readonly isNamed: boolean
  /** The last events of a stream that broke. */
  failed(error: ApiError): unknown[]
}

/** One request's answers: how each is generated, and how they are put into words for the client. */
export interface Reply {
  /** The field that holds the model's input. */
  readonly prompt: 'messages' | 'prompt' | 'input'
  readonly format?: StreamFormat
  /** One function an answer, of which there may be several (`n`, or several prompts). */
  readonly answers: ((hooks: Hooks) => AsyncIterable<ChatEvent>)[]
  /** Takes the next event of answer `index` into the whole and returns what to stream for it. */
  receive(index: number, event: ChatEvent): unknown[]
  /** The last chunks of a stream. */
  closing(): unknown[]
  /** The body of an answer that is not streamed. */
  whole(): unknown
}

/** What the endpoints need to know of the server they belong to. */
export interface Desk {
  readonly engine: Engine
  /** How long an answer may take, waiting included, in milliseconds. */
  readonly deadline: number
  /** Fires when running answers are to be broken off. */
  readonly closing: AbortSignal
  readonly log: (line: string) => void
}

/** Generates `reply` and answers with it, as server-sent events or as one JSON object. */
export async function answer(c: Context, desk: Desk, reply: Reply, streaming: boolean): Promise<Response> {
  const overdue = new AbortController()
  const clock = setTimeout(() => overdue.abort(tooLate(desk.deadline)), desk.deadline).unref()
  const signal = AbortSignal.any([c.req.raw.signal, desk.closing, overdue.signal])
  const generateFor = (send: (chunks: unknown[]) => void) =>
    generate(desk.engine, reply, signal, c.get('key'), send).finally(() => clearTimeout(clock))
  if (!streaming) {
    await generateFor(() => {})
    return c.json(reply.whole() as object)
  }
  // The status is sent with the first event, so that what goes wrong before it still gets a status of its own.
  const stream = new EventStream(reply.format?.isNamed)
  const begun = Promise.withResolvers<void>()
  let streamed = false
  const send = (chunks: unknown[]) => {
    for (const chunk of chunks) stream.send(chunk)
    streamed = true
    begun.resolve()
  }
  generateFor(send).then(
    () => {
      send(reply.closing())
      stream.finish()
    },
    error => {
      if (streamed) {
        const told = describeFailure(c, desk, error)
        for (const event of reply.format?.failed(told) ?? [told.body]) stream.send(event)
      }
      endConnection(c)
      stream.close()
      begun.reject(error)
    },
  )
  await begun.promise
  return stream.respond(c)
}

/** Runs the answers of a request on one seat, one after the other, so that it gets no more of the model than others. */
async function generate(
  engine: Engine,
  reply: Reply,
  signal: AbortSignal,
  key: string,
  send: (chunks: unknown[]) => void,
): Promise<void> {
  const seat = engine.seat(key, signal)
  const start = (index: number) => reply.answers[index]({ seat, signal })
  try {
    // The model looks at its input here, so that nobody waits in line to hear that it is too long.
    const first = start(0)
    await seat.enter()
    for (let index = 0; index < reply.answers.length; index++) {
      for await (const event of index === 0 ? first : start(index)) {
        signal.throwIfAborted()
        send(reply.receive(index, event))
      }
    }
  } catch (error) {
    throw error instanceof ModelError ? toApiError(error, reply.prompt) : error
  } finally {
    seat.leave()
  }
}

/** The error as the client is told; what the client is not to blame for is logged with the request's id. */
export function describeFailure(c: Context, desk: Pick<Desk, 'closing' | 'log'>, error: unknown): ApiError {
  const told = inClientsWords(c, desk, error)
  c.set('failure', told)
  return told
}

function inClientsWords(c: Context, desk: Pick<Desk, 'closing' | 'log'>, error: unknown): ApiError {
  const told = toApiError(error)
  if (desk.closing.aborted) return stopping()
  if (told.status === 500 && !c.req.raw.signal.aborted) {
    desk.log(`[${c.get('requestId')}] ${c.req.method} ${c.req.path}: ${(error as Error)?.stack ?? error}`)
    return new ApiError(
      500,
      'internal_error',
      `Something failed in the server. Its log has the details under ${c.get('requestId')}.`,
    )
  }
  return told
}
