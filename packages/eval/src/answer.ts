import type { ChatModel, CompletionOptions } from '@modu/model'

/** What a model replied to a prompt. */
export interface Reply {
  readonly reasoning: string
  readonly answer: string
  /** Whether the reply ended by itself and not at the limit of tokens. */
  readonly ended: boolean
}

export interface AskOptions extends Pick<CompletionOptions, 'sampling' | 'seed'> {
  readonly maxTokens: number
  readonly thinking: boolean
}

/**
 * Has the model answer a single question. Models without a chat template go on with its text instead. At most half the
 * context is left to the reply.
 */
export async function ask(chat: ChatModel, prompt: string, { thinking, ...options }: AskOptions): Promise<Reply> {
  const settings = { ...options, maxTokens: Math.min(options.maxTokens, Math.floor(chat.contextLength / 2)) }
  const events = chat.template
    ? chat.chat([{ role: 'user', content: prompt }], { ...settings, enableThinking: thinking })
    : chat.complete(prompt, settings)
  let reasoning = ''
  let answer = ''
  let ended = false
  for await (const event of events) {
    if (event.type === 'reasoning') reasoning += event.text
    if (event.type === 'text') answer += event.text
    if (event.type === 'finish') ended = event.reason === 'stop'
  }
  return { reasoning, answer, ended }
}
