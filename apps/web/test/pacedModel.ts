import { fileURLToPath } from 'node:url'
import { type ChatEvent, Tokenizer } from '@modu/model'

const tokenizer = Tokenizer.load(fileURLToPath(new URL('../../../models/nano', import.meta.url)))

/** What the page asked the model for. */
export interface Asked {
  readonly question: string
  readonly messages: readonly { role: string; content?: string }[]
  readonly thinking: boolean
}

export interface Script {
  readonly reasoning?: string
  readonly text: string
}

interface ChatOptions {
  readonly enableThinking?: boolean
  readonly maxTokens?: number
  readonly signal?: AbortSignal
  readonly turn?: () => Promise<unknown>
}

/**
 * Stands where a language model stands behind the real server, and says what the test wants, word by word, as far as
 * the test lets it: so that a browser can be watched in the middle of an answer without any clock.
 */
export class PacedModel {
  readonly contextLength = 4096
  readonly tokenizer = tokenizer
  readonly template = undefined
  readonly asked: Asked[] = []
  /** How many answers were given up because their reader had left. */
  abandoned = 0
  /** What to say to a question; throw to fail. */
  script: (asked: Asked) => Script = ({ question }) => ({ text: `"${question}"에 답합니다. 하나 둘 셋 넷 다섯 여섯.` })
  #wordsLeft = Number.POSITIVE_INFINITY
  #released = Promise.withResolvers<void>()

  /** Lets `words` more words out, then waits for `release`. */
  hold(words: number): void {
    this.#wordsLeft = words
    this.#released = Promise.withResolvers<void>()
  }

  release(): void {
    this.#wordsLeft = Number.POSITIVE_INFINITY
    this.#released.resolve()
  }

  async *chat(
    messages: readonly { role: string; content?: unknown }[],
    { enableThinking = false, signal, turn }: ChatOptions,
  ): AsyncGenerator<ChatEvent> {
    const said = messages.map(({ role, content }) => ({ role, content: String(content) }))
    const asked = { question: said.at(-1)!.content, messages: said, thinking: enableThinking }
    this.asked.push(asked)
    const { reasoning = '', text } = this.script(asked)
    let completionTokens = 0
    try {
      for (const [type, words] of [['reasoning', enableThinking ? reasoning : ''] as const, ['text', text] as const]) {
        for (const word of words.match(/\S+\s*/g) ?? []) {
          await turn?.()
          if (this.#wordsLeft-- <= 0) await this.#wait(signal)
          signal?.throwIfAborted()
          completionTokens++
          yield { type, text: word }
        }
      }
    } finally {
      if (signal?.aborted) this.abandoned++
    }
    yield {
      type: 'finish',
      reason: 'stop',
      usage: { promptTokens: 1, cachedTokens: 0, completionTokens, reasoningTokens: 0 },
    }
  }

  complete(): AsyncGenerator<never> {
    throw new Error('The page only chats')
  }

  promptLogprobs(): Promise<never> {
    throw new Error('The page only chats')
  }

  embed(): Promise<never> {
    throw new Error('The page only chats')
  }

  async #wait(signal?: AbortSignal): Promise<void> {
    const left = new Promise<void>(resolve => signal?.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([this.#released.promise, left])
  }
}
