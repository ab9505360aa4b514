import {
  type ChatEvent,
  ModelError,
  type ModelErrorCode,
  type TokenizerConfigJson,
  type TokenizerJson,
  type Usage,
} from '@modu/model'
import { ApiError } from '../errors.ts'
import type { ServedModel } from '../servedModel.ts'
import type { Load } from './engine.ts'
import type { EngineLimits } from './localEngine.ts'

/*
 * What the HTTP side and the engine's thread say to each other. Seats go by numbers that the HTTP side gives, and a seat's
 * answers by their place among them.
 */

/** A module that makes the models, in the thread that runs them: its `loadModels` is called with `data`. */
export interface ModelSource {
  readonly module: string
  readonly data: unknown
}

/** What the thread is started with. */
export interface ThreadStart {
  readonly source: ModelSource
  readonly limits: EngineLimits
}

/** Of a model's methods those that answer. */
export type Method = 'chat' | 'complete' | 'promptLogprobs' | 'embed'

/** What a seat is to do. `args` are the method's, whose complaints about them come before the line. */
export type Order =
  | { readonly type: 'sit'; readonly key: string }
  | {
      readonly type: 'ask'
      readonly answer: number
      readonly model: string
      readonly method: Method
      readonly args: readonly unknown[]
    }
  | { readonly type: 'enter' }
  | { readonly type: 'leave' }

export type Command = (Order & { readonly seat: number }) | { readonly type: 'close' }

/** What has happened at a seat. */
export type Happening =
  | { readonly type: 'entered' }
  | { readonly type: 'refused'; readonly error: PackedError }
  /** The prompt is being read. */
  | { readonly type: 'begun'; readonly answer: number; readonly usage: Usage }
  /** An answer's next events, packed, each with the tokens up to it: `counts` has those of all, one after the other. */
  | { readonly type: 'events'; readonly answer: number; readonly events: unknown[]; readonly counts: number[] }
  /** What a method returned that gives no events. */
  | { readonly type: 'value'; readonly answer: number; readonly value: unknown }
  | { readonly type: 'end'; readonly answer: number }
  | { readonly type: 'failed'; readonly answer: number; readonly error: PackedError }

export type News = Happening & { readonly seat: number }
export type EventNews = Extract<News, { type: 'events' }>

/** A usage in numbers, which are cheaper to send than an object. */
export const countsOf = (usage: Usage): number[] => [
  usage.promptTokens,
  usage.cachedTokens,
  usage.completionTokens,
  usage.reasoningTokens,
]

/** Makes `usage` that of event `index`, as `counts` of several events have it. */
export function setUsage(usage: Usage, counts: readonly number[], index: number): void {
  const at = 4 * index
  usage.promptTokens = counts[at]!
  usage.cachedTokens = counts[at + 1]!
  usage.completionTokens = counts[at + 2]!
  usage.reasoningTokens = counts[at + 3]!
}

/** An event as it crosses: most are nothing but text. */
export const packEvent = (event: ChatEvent): unknown =>
  event.type === 'text' && event.logprobs === undefined ? event.text : event

export const unpackEvent = (packed: unknown): unknown =>
  typeof packed === 'string' ? { type: 'text', text: packed } : packed

/** What the other side needs to know of a model without asking. */
export interface ModelCard {
  readonly name: string
  readonly contextLength: number
  readonly tokenizer: { readonly json: TokenizerJson; readonly config: TokenizerConfigJson }
  readonly template: string | undefined
}

export type Report =
  /** First of all: the models are there. */
  | { readonly type: 'ready'; readonly models: readonly ModelCard[] }
  /** Instead of it: why they are not. */
  | { readonly type: 'broken'; readonly error: PackedError }
  /** What happened in one or some steps of the engine, for each seat in order. */
  | { readonly type: 'step'; readonly news: readonly News[]; readonly load: Load }

/** An error as it crosses between threads, where classes get lost: those that clients are told of keep theirs. */
export type PackedError =
  | ({ readonly type: 'api'; readonly message: string } & Pick<ApiError, 'status' | 'code' | 'param' | 'headers'>)
  | { readonly type: 'model'; readonly message: string; readonly code: ModelErrorCode }
  /** `fields`: name, stack, and code if it has one. */
  | { readonly type: 'other'; readonly message: string; readonly fields: object }

export function packError(error: unknown): PackedError {
  if (error instanceof ApiError) {
    const { message, status, code, param, headers } = error
    return { type: 'api', message, status, code, param, headers }
  }
  if (error instanceof ModelError) return { type: 'model', message: error.message, code: error.code }
  if (!(error instanceof Error)) return packError(new Error(String(error)))
  const { message, name, stack } = error
  return { type: 'other', message, fields: 'code' in error ? { name, stack, code: error.code } : { name, stack } }
}

export function unpackError(packed: PackedError): Error {
  if (packed.type === 'api') return new ApiError(packed.status, packed.code, packed.message, packed)
  if (packed.type === 'model') return new ModelError(packed.code, packed.message)
  return Object.assign(new Error(packed.message), packed.fields)
}

export const cardOf = (name: string, { contextLength, tokenizer, template }: ServedModel): ModelCard => ({
  name,
  contextLength,
  tokenizer: { json: tokenizer.json, config: tokenizer.config },
  template: template?.source,
})
