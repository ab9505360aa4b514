/** One turn of a conversation, in the shape of OpenAI's chat API. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
  /** What the assistant thought before it answered. */
  readonly reasoning_content?: string
}

/** A piece of an answer as it appears, in whole characters. */
export interface Piece {
  readonly kind: 'thinking' | 'text'
  readonly text: string
}

/** Whoever answers in the terminal: the model in this process. */
export interface Answerer {
  /** What the model is called. */
  readonly name: string
  /**
   * Streams the answer to the last message. Lets the event loop run between two tokens, and ends early, without an
   * error, when `signal` fires. A ModelError `context` says that the conversation leaves no room for an answer.
   */
  answer(
    messages: readonly Message[],
    options: { readonly thinking: boolean; readonly signal: AbortSignal },
  ): AsyncIterable<Piece>
}
