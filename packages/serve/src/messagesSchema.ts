import type { ChatMessage } from '@modu/model'
import { z } from 'zod'
import { keepsCalls } from './jsonSchema.ts'
import { integer, number, optional, parse, toolName } from './schema.ts'

/* The requests of Anthropic's Messages API, as far as this server keeps their promises. Other fields are ignored. */

const textBlock = z.object({ type: z.literal('text'), text: z.string() })

/** Text, or blocks of text. */
const text = z
  .union([z.string(), z.array(textBlock)], { error: 'must be a string or an array of text blocks' })
  .transform(value => (typeof value === 'string' ? value : value.map(block => block.text).join('')))

const block = z.discriminatedUnion(
  'type',
  [
    textBlock,
    z.object({ type: z.literal('thinking'), thinking: z.string() }),
    z.object({ type: z.literal('redacted_thinking') }),
    z.object({
      type: z.literal('tool_use'),
      id: z.string(),
      name: z.string(),
      input: z.record(z.string(), z.unknown()),
    }),
    z.object({ type: z.literal('tool_result'), tool_use_id: z.string(), content: optional(text) }),
  ],
  { error: "must be 'text', 'thinking', 'tool_use' or 'tool_result': this server reads text only" },
)

const message = z.object({
  role: z.enum(['user', 'assistant'], { error: "must be 'user' or 'assistant'" }),
  content: z.union([z.string(), z.array(block)], { error: 'must be a string or an array of blocks' }),
})

const tool = z.object({
  type: optional(z.literal('custom', { error: "must be 'custom': this server has no tools of its own" })),
  name: toolName,
  description: optional(z.string()),
  input_schema: z.record(z.string(), z.unknown()),
  /** Whether what cannot be kept of `input_schema` is refused. */
  strict: optional(z.boolean()),
})

const serially = { disable_parallel_tool_use: optional(z.boolean()) }

/** What is read to count the tokens of a request. */
const prompt = {
  model: z.string(),
  messages: z
    .array(message)
    .min(1, 'must have at least one message')
    .refine(messages => messages.at(-1)?.role === 'user', "must end with a message of the 'user'"),
  system: optional(text),
  tools: optional(
    z
      .array(tool)
      .max(128, 'must have at most 128 entries')
      .superRefine(
        keepsCalls(({ input_schema, ...tool }) => ({ ...tool, parameters: input_schema }), ['input_schema']),
      ),
  ),
  tool_choice: optional(
    z.discriminatedUnion(
      'type',
      [
        z.object({ type: z.enum(['auto', 'any']), ...serially }),
        z.object({ type: z.literal('tool'), name: z.string(), ...serially }),
        z.object({ type: z.literal('none') }),
      ],
      { error: "must be 'auto', 'any', 'tool' or 'none'" },
    ),
  ),
  thinking: optional(
    z.discriminatedUnion(
      'type',
      [
        z.object({ type: z.literal('enabled'), budget_tokens: z.number().int().min(1, 'must be at least 1') }),
        z.object({ type: z.enum(['adaptive', 'disabled']) }),
      ],
      { error: "must be 'enabled', 'adaptive' or 'disabled'" },
    ),
  ),
}

export const countTokensRequest = z.object(prompt)

export const messagesRequest = z.object({
  ...prompt,
  max_tokens: z.number().int('must be a whole number').min(1, 'must be at least 1'),
  stop_sequences: optional(
    z.array(z.string().min(1, 'must not be an empty string')).max(16, 'must have at most 16 entries'),
  ),
  stream: optional(z.boolean()),
  temperature: number(0, 1),
  top_p: number(0, 1),
  top_k: integer(0, Number.MAX_SAFE_INTEGER),
})

export type CountTokensRequest = z.infer<typeof countTokensRequest>
export type MessagesRequest = z.infer<typeof messagesRequest>

export const parseMessagesRequest = (body: unknown): MessagesRequest => parse(messagesRequest, body)
export const parseCountTokensRequest = (body: unknown): CountTokensRequest => parse(countTokensRequest, body)

/** The conversation as models read it: what tools returned are messages of their own. */
export function conversationOf({ system, messages }: CountTokensRequest): ChatMessage[] {
  const begin: ChatMessage[] = system ? [{ role: 'system', content: system }] : []
  return [...begin, ...messages.flatMap(({ role, content }) => chatMessages(role, content))]
}

function chatMessages(role: 'user' | 'assistant', content: z.infer<typeof message>['content']): ChatMessage[] {
  if (typeof content === 'string') return [{ role, content }]
  const text = content.flatMap(block => (block.type === 'text' ? [block.text] : [])).join('')
  if (role === 'assistant') {
    const thinking = content.flatMap(block => (block.type === 'thinking' ? [block.thinking] : [])).join('')
    const calls = content.flatMap(block =>
      block.type === 'tool_use'
        ? [{ id: block.id, type: 'function', function: { name: block.name, arguments: block.input } }]
        : [],
    )
    return [{ role, content: text, reasoning_content: thinking || undefined, tool_calls: calls }]
  }
  const results = content.flatMap((block): ChatMessage[] =>
    block.type === 'tool_result'
      ? [{ role: 'tool', content: block.content ?? '', tool_call_id: block.tool_use_id }]
      : [],
  )
  return text === '' && results.length > 0 ? results : [...results, { role, content: text }]
}

/** What may be called, what must be, and whether to think first, in the model package's words. */
export function wishesOf({ tools, tool_choice, thinking }: CountTokensRequest, thinkingByDefault: boolean) {
  const think = {
    enableThinking: thinking ? thinking.type !== 'disabled' : thinkingByDefault,
    thinkingBudget: thinking?.type === 'enabled' ? thinking.budget_tokens : undefined,
  }
  if (tool_choice?.type === 'none') return think
  return {
    ...think,
    tools: tools?.map(({ name, description, input_schema, strict }) => ({
      type: 'function',
      function: { name, description, parameters: input_schema },
      strict,
    })),
    mustCall: tool_choice?.type === 'tool' ? tool_choice.name : tool_choice?.type === 'any',
    endAfterCall: tool_choice?.type === 'tool' || tool_choice?.disable_parallel_tool_use,
  }
}
