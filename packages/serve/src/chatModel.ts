/* What the server needs of a chat model. Structural: whatever offers this can be served. */

export interface TokenUsage {
  readonly promptTokens: number
  readonly completionTokens: number
  /** Those of the completion tokens that stood inside the thinking. */
  readonly reasoningTokens?: number
}

export type FinishEvent = { readonly type: 'finish'; readonly reason: 'stop' | 'length'; readonly usage: TokenUsage }
export type CompletionEvent = { readonly type: 'text'; readonly text: string } | FinishEvent
export type ChatEvent =
  | CompletionEvent
  | { readonly type: 'reasoning'; readonly text: string }
  | { readonly type: 'toolCall'; readonly name: string; readonly arguments: unknown }

export interface GenerationOptions {
  readonly maxTokens?: number
  readonly stop?: readonly string[]
  readonly seed?: number
  readonly sampling?: {
    readonly temperature?: number
    readonly topP?: number
    readonly topK?: number
    readonly minP?: number
    readonly presencePenalty?: number
    readonly frequencyPenalty?: number
    readonly repetitionPenalty?: number
  }
  readonly signal?: AbortSignal
  /** Awaited before each step of the model (a chunk of the prompt, or a token), so that several answers can take turns. */
  readonly turn?: () => Promise<void>
}

export interface ChatModel {
  readonly contextLength: number
  readonly tokenizer: { decode(ids: number[]): string }
  chat(
    messages: readonly ChatMessage[],
    options: GenerationOptions & { readonly tools?: readonly object[]; readonly enableThinking?: boolean },
  ): AsyncIterable<ChatEvent>
  complete(prompt: string | number[], options: GenerationOptions): AsyncIterable<CompletionEvent>
}

export interface ChatMessage {
  readonly role: string
  readonly content?: string
}
