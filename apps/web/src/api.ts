import { EventSourceParserStream } from 'eventsource-parser/stream'
import { getApiKey } from './apiKey.ts'
import type { Failure } from './conversation.ts'

/** A request that gave no answer, or not all of it. */
export class ApiError extends Error {
  readonly code: Failure['kind']

  constructor(code: Failure['kind'], message: string) {
    super(message)
    this.name = 'ApiError'
    this.code = code
  }

  get failure(): Failure {
    return { kind: this.code, detail: this.message }
  }
}

export interface ChatRequest {
  readonly model: string
  readonly messages: readonly { role: 'user' | 'assistant'; content: string }[]
  readonly thinking: boolean
}

/** One step of a streamed answer. */
export type ChatPart =
  | { readonly type: 'reasoning' | 'content'; readonly text: string }
  | { readonly type: 'finish'; readonly reason: string }
  | { readonly type: 'usage'; readonly completionTokens: number }

/** The parts of an OpenAI chunk that this page reads. */
interface Chunk {
  choices?: { delta?: { content?: string | null; reasoning_content?: string | null }; finish_reason?: string | null }[]
  usage?: { completion_tokens?: number } | null
  error?: { message?: string; code?: string | null } | null
}

/** The models that the server offers, by id. Throws ApiError. */
export async function listModels(signal?: AbortSignal): Promise<string[]> {
  const response = await request('/v1/models', { signal })
  const body = (await response.json()) as { data: { id: string }[] }
  return body.data.map(model => model.id)
}

/** Asks and yields the answer as it comes. Aborting `signal` ends it with an AbortError; everything else throws ApiError. */
export async function* streamChat(
  { model, messages, thinking }: ChatRequest,
  signal: AbortSignal,
): AsyncGenerator<ChatPart> {
  const response = await request('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
      chat_template_kwargs: { enable_thinking: thinking },
    }),
    signal,
  })
  if (!response.body) throw new ApiError('server', 'The answer has no body')
  const events = response.body
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .pipeThrough(new EventSourceParserStream())
    .getReader()
  try {
    while (true) {
      const { done, value } = await events.read()
      if (done) throw new ApiError('offline', 'The connection ended before the answer did')
      if (value.data === '[DONE]') return
      yield* partsOf(JSON.parse(value.data) as Chunk)
    }
  } catch (error) {
    throw asApiError(error, signal)
  } finally {
    // Also when the reader of this generator leaves early: the server sees the connection close and stops.
    events.cancel().catch(() => {})
  }
}

function* partsOf(chunk: Chunk): Generator<ChatPart> {
  if (chunk.error) throw new ApiError(kindOf(500, chunk.error.code), chunk.error.message ?? 'The server gave up')
  const choice = chunk.choices?.[0]
  if (choice?.delta?.reasoning_content) yield { type: 'reasoning', text: choice.delta.reasoning_content }
  if (choice?.delta?.content) yield { type: 'content', text: choice.delta.content }
  if (choice?.finish_reason) yield { type: 'finish', reason: choice.finish_reason }
  if (chunk.usage?.completion_tokens) yield { type: 'usage', completionTokens: chunk.usage.completion_tokens }
}

async function request(path: string, init: RequestInit): Promise<Response> {
  const key = getApiKey()
  // What is no key at all must fit into a header, too, to be refused.
  const headers = { ...init.headers, ...(key !== '' && { authorization: `Bearer ${encodeURI(key)}` }) }
  let response: Response
  try {
    response = await fetch(path, { ...init, headers })
  } catch (error) {
    throw asApiError(error, init.signal)
  }
  if (response.ok) return response
  const body = (await response.json().catch(() => null)) as Chunk | null
  // A proxy in front of a server that is gone answers 502 or 504, without an OpenAI-shaped error.
  if (!body?.error && [502, 504].includes(response.status)) throw new ApiError('offline', `HTTP ${response.status}`)
  throw new ApiError(kindOf(response.status, body?.error?.code), body?.error?.message ?? `HTTP ${response.status}`)
}

function kindOf(status: number, code?: string | null): Failure['kind'] {
  if (code === 'context_length_exceeded') return 'context'
  if (code === 'model_not_found' || code === 'model_not_allowed') return 'model'
  if (code === 'insufficient_quota') return 'quota'
  if (code === 'server_stopping') return 'offline'
  if (status === 401) return 'key'
  if (status === 429 || status === 503) return 'busy'
  return status >= 500 ? 'server' : 'request'
}

function asApiError(error: unknown, signal?: AbortSignal | null): unknown {
  if (signal?.aborted || error instanceof ApiError) return error
  // fetch and its stream throw TypeError when the connection fails.
  if (error instanceof TypeError) return new ApiError('offline', error.message)
  return new ApiError('server', error instanceof Error ? error.message : String(error))
}
