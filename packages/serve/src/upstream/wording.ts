import { createHash } from 'node:crypto'
import type { Usage } from '@modu/model'
import type { ApiError } from '../errors.ts'
import { messagesError } from '../messages.ts'

/*
 * What the gateway must understand of the APIs that it passes through: OpenAI's chat completions, completions, embeddings
 * and responses, and Anthropic's messages. Everything else goes through as it is.
 */

export type Body = Readonly<Record<string, unknown>>

/** The routes, which upstreams have under their base URL. */
export const routes: readonly string[] = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
  '/v1/messages',
  '/v1/messages/count_tokens',
]

/** Of a prompt that is no conversation, so many characters are taken for its beginning. */
const promptBeginning = 512

/**
 * A hash of how the conversation begins: all up to the first words of the user, which stays the same in every turn. A
 * server that answered one turn has most of the next one in its cache.
 */
export function beginningOf(body: Body): string {
  const { system, instructions, messages, input, prompt } = body
  const items: unknown = messages ?? input ?? prompt
  const firstUser = Array.isArray(items) ? items.findIndex(item => item?.role === 'user') : -1
  const beginning =
    firstUser < 0 ? JSON.stringify(items)?.slice(0, promptBeginning) : [items].flat().slice(0, firstUser + 1)
  return createHash('sha256')
    .update(JSON.stringify([system, instructions, beginning]))
    .digest('base64')
}

/** An object of an answer, or of one of its events, as far as we look into it. */
export interface Answer {
  type?: string
  model?: unknown
  usage?: UsageBody | null
  choices?: {
    readonly text?: string
    readonly delta?: Record<string, unknown>
    readonly message?: Record<string, unknown>
  }[]
  /** What Anthropic's first event has. */
  message?: Answer | string
  /** What the events of responses have. */
  response?: Answer
  error?: unknown
  [field: string]: unknown
}

interface UsageBody {
  readonly prompt_tokens?: unknown
  readonly completion_tokens?: unknown
  readonly input_tokens?: unknown
  readonly output_tokens?: unknown
  readonly cache_read_input_tokens?: unknown
  readonly cache_creation_input_tokens?: unknown
}

const isObject = (value: unknown): value is Answer => typeof value === 'object' && value !== null

/** Puts `model` wherever the answer says which model it is from. */
export function rename(answer: Answer, model: string): void {
  for (const each of [answer, answer.message, answer.response]) {
    if (isObject(each) && typeof each.model === 'string') each.model = model
  }
}

/*
 * What a model thinks is `reasoning_content` here, as with SGLang; vLLM called it so until 2026, and `reasoning` since.
 * Both servers and clients get it under the name that they know.
 */

/** Puts thoughts under the name that clients of this server know. */
export function nameThoughts({ choices }: Answer): void {
  for (const part of choices?.map(({ delta, message }) => delta ?? message) ?? []) {
    if (typeof part?.reasoning === 'string') part.reasoning_content ??= part.reasoning
  }
}

/** A message of a conversation, with its thoughts also under the name that vLLM knows. */
export const withNamedThoughts = (message: unknown): unknown =>
  isObject(message) ? { reasoning: message.reasoning_content, ...message } : message

/**
 * Counts what the answer or event tells of tokens. Until a stream says how many it has been, each of its pieces of text,
 * thoughts or a call counts as one.
 */
export function count(answer: Answer, usage: Usage): void {
  const pieces = answer.choices?.filter(({ text, delta }) => text || Object.entries(delta ?? {}).some(isPiece)).length
  usage.completionTokens += pieces ?? Number(/^content_block_delta$|\.delta$/.test(answer.type ?? ''))
  const told = [answer, answer.message, answer.response].find(each => isObject(each) && each.usage) as
    | Answer
    | undefined
  if (!told) return
  const { prompt_tokens, completion_tokens, input_tokens, output_tokens, ...cache } = told.usage!
  // Anthropic does not count what came from the cache among the input.
  const input = tokens(input_tokens) + tokens(cache.cache_read_input_tokens) + tokens(cache.cache_creation_input_tokens)
  usage.promptTokens = tokens(prompt_tokens) || input || usage.promptTokens
  usage.completionTokens = tokens(completion_tokens ?? output_tokens, usage.completionTokens)
}

/** A number of tokens as a server told it, or `otherwise`. */
const tokens = (told: unknown, otherwise = 0): number =>
  Number.isSafeInteger(told) && (told as number) >= 0 ? (told as number) : otherwise

const isPiece = ([name, value]: [string, unknown]): boolean =>
  name !== 'role' && (Array.isArray(value) ? value.length > 0 : Boolean(value))

const lastTypes = ['message_stop', 'response.completed', 'response.incomplete', 'response.failed']

/** Whether a stream is complete with this event. */
export const isLast = (data: string, answer: Answer | undefined): boolean =>
  data === '[DONE]' || lastTypes.includes(answer?.type ?? '')

/** Whether the event says that the stream broke. */
export const isError = (answer: Answer): boolean => Boolean(answer.error) || answer.type === 'error'

/** The last event of a stream that broke after `before`, which may be empty. */
export function errorEvent(path: string, error: ApiError, before: string): string {
  if (path === '/v1/messages') return named('error', messagesError(error))
  if (path !== '/v1/responses') return `data: ${JSON.stringify(error.body)}\n\n`
  const { code, message, param } = error
  const last = [...before.matchAll(/"sequence_number":(\d+)/g)].at(-1)
  return named('error', { type: 'error', code, message, param, sequence_number: last ? Number(last[1]) + 1 : 0 })
}

const named = (name: string, data: object): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
