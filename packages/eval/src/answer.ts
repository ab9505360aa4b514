import type { ChatMessage, ChatModel, CompletionOptions, ToolDefinition } from '@modu/model'

/** A tool that the model calls. */
export interface Call {
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
}

/** What a model replied to a prompt. */
export interface Reply {
  readonly reasoning: string
  readonly answer: string
  readonly calls: readonly Call[]
  /** Whether the reply ended by itself and not at the limit of tokens. */
  readonly ended: boolean
}

export interface AskOptions extends Pick<CompletionOptions, 'sampling' | 'seed'> {
  readonly maxTokens: number
  readonly thinking: boolean
  readonly tools?: readonly ToolDefinition[]
}

/**
 * Has the model answer a conversation. Models without a chat template go on with the text of its last message instead.
 * At most half the context is left to the reply.
 */
export async function ask(
  chat: ChatModel,
  messages: readonly ChatMessage[],
  { thinking, tools, ...options }: AskOptions,
): Promise<Reply> {
  const settings = { ...options, maxTokens: Math.min(options.maxTokens, Math.floor(chat.contextLength / 2)) }
  const events = chat.template
    ? chat.chat(messages, { ...settings, enableThinking: thinking, tools })
    : chat.complete(String(messages.at(-1)?.content), settings)
  let reasoning = ''
  let answer = ''
  let ended = false
  const calls: Call[] = []
  for await (const event of events) {
    if (event.type === 'reasoning') reasoning += event.text
    if (event.type === 'text') answer += event.text
    if (event.type === 'toolCall') calls.push({ name: event.name, arguments: event.arguments })
    if (event.type === 'finish') ended = event.reason === 'stop'
  }
  return { reasoning, answer, calls, ended }
}

/** What the reply says after its reasoning, calls as the model writes them. */
export const saidText = ({ answer, calls }: Pick<Reply, 'answer' | 'calls'>): string =>
  answer + calls.map(call => `<tool_call>${JSON.stringify(call)}</tool_call>`).join('')
