import type {
  ChatEvent,
  ChatMessage,
  ChatRequest,
  ChatTemplate,
  CompletionEvent,
  CompletionOptions,
  Embedding,
  PromptOptions,
  Tokenizer,
  TokenLogprob,
} from '@modu/model'

/** What the server needs of a model: the part of the model package's `ChatModel` that others can offer, too. */
export interface ServedModel {
  /** Tokens of prompt and answer together. */
  readonly contextLength: number
  readonly tokenizer: Tokenizer
  /** Undefined for models that only complete text. */
  readonly template: ChatTemplate | undefined
  /** Complaints about the input (ModelError) come at once; failures come out of the events. */
  chat(messages: readonly ChatMessage[], request: ChatRequest): AsyncIterable<ChatEvent>
  complete(prompt: string | readonly number[], options: CompletionOptions): AsyncIterable<CompletionEvent>
  /** How likely each token of a prompt of `complete` but the first is, with the `top` most likely ones at its place. */
  promptLogprobs(prompt: string | readonly number[], top: number, options: PromptOptions): Promise<TokenLogprob[]>
  /** The direction in which a prompt of `complete` points, 1 long. */
  embed(prompt: string | readonly number[], options: PromptOptions): Promise<Embedding>
}
