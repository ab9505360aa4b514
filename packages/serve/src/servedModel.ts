import type {
  ChatEvent,
  ChatMessage,
  ChatRequest,
  ChatTemplate,
  CompletionEvent,
  CompletionOptions,
  Embedding,
  Tokenizer,
  TokenLogprob,
  Usage,
} from '@modu/model'
import type { Seat } from './engine/seat.ts'

/** What an answer gets from the request that it belongs to. */
export interface Hooks {
  /** Where it is computed. */
  readonly seat: Seat
  /** Fires when nobody wants the answer any more. */
  readonly signal: AbortSignal
  /** Where the answer's tokens are counted, if somebody else looks at them. */
  readonly usage?: Usage
}

/** A model as the HTTP side knows it: wherever it is computed, it answers on a seat of the engine. */
export interface ServedModel {
  /** Tokens of prompt and answer together. */
  readonly contextLength: number
  readonly tokenizer: Tokenizer
  /** Undefined for models that only complete text. */
  readonly template: ChatTemplate | undefined
  /** Complaints about the input (ModelError) come at once or when the seat is entered; failures come out of the events. */
  chat(messages: readonly ChatMessage[], request: ChatRequest & Hooks): AsyncIterable<ChatEvent>
  complete(prompt: string | readonly number[], options: CompletionOptions & Hooks): AsyncIterable<CompletionEvent>
  /** How likely each token of a prompt of `complete` but the first is, with the `top` most likely ones at its place. */
  promptLogprobs(prompt: string | readonly number[], top: number, hooks: Hooks): Promise<TokenLogprob[]>
  /** The direction in which a prompt of `complete` points, 1 long. */
  embed(prompt: string | readonly number[], hooks: Hooks): Promise<Embedding>
}
