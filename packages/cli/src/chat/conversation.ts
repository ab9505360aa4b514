import { setImmediate as eventLoop } from 'node:timers/promises'
import { ModelError } from '@modu/model'
import type { Answerer, Message, Piece } from './answerer.ts'

/** What a conversation tells the terminal while it answers. */
export type Event = Piece | { readonly kind: 'forgot' }

/** The turns so far, the thinking mode, and the answer that may be running. */
export class Conversation {
  readonly #answerer: Answerer
  #messages: readonly Message[] = []
  #running: AbortController | undefined
  thinking: boolean

  constructor(answerer: Answerer, thinking: boolean) {
    this.#answerer = answerer
    this.thinking = thinking
  }

  get messages(): readonly Message[] {
    return this.#messages
  }

  get answering(): boolean {
    return this.#running !== undefined
  }

  /** Begins anew; the thinking mode stays. */
  clear(): void {
    this.#messages = []
  }

  /** Stops the answer that is running; what there is of it stays. */
  stop(): void {
    this.#running?.abort()
  }

  /**
   * Streams the answer to `question` and keeps both. When the conversation has outgrown the model's context, the oldest
   * turns are forgotten (event `forgot`) until it fits; a question that alone is too long throws.
   */
  async *ask(question: string): AsyncGenerator<Event> {
    const running = new AbortController()
    this.#running = running
    let messages: readonly Message[] = [...this.#messages, { role: 'user', content: question }]
    const answer = { thinking: '', text: '' }
    try {
      for (;;) {
        try {
          for await (const piece of this.#answerer.answer(messages, {
            thinking: this.thinking,
            signal: running.signal,
          })) {
            answer[piece.kind] += piece.text
            yield piece
            await eventLoop()
          }
          break
        } catch (error) {
          const full = error instanceof ModelError && error.code === 'context'
          if (!full || messages.length === 1) throw error
          messages = messages.slice(2)
          yield { kind: 'forgot' }
        }
      }
    } finally {
      this.#running = undefined
    }
    const reasoning = answer.thinking.trim()
    this.#messages = [
      ...messages,
      { role: 'assistant', content: answer.text.trim(), ...(reasoning && { reasoning_content: reasoning }) },
    ]
  }
}
