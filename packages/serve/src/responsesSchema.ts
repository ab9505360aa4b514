import type { ChatMessage } from '@modu/model'
import { z } from 'zod'
import { keepsCalls, keepsSchema } from './jsonSchema.ts'
import { integer, number, optional, parse, reasoningEffort, toolName, unsupported } from './schema.ts'

/* The requests of OpenAI's Responses API, as far as this server keeps their promises. Other fields are ignored. */

const textPart = z.object({
  type: z.enum(['input_text', 'output_text', 'text'], { error: 'must be text: this server reads text only' }),
  text: z.string(),
})

const content = z
  .union([z.string(), z.array(textPart)], { error: 'must be a string or an array of text parts' })
  .transform(value => (typeof value === 'string' ? value : value.map(part => part.text).join('')))

const messageItem = z.object({
  type: optional(z.literal('message')),
  role: z.enum(['user', 'assistant', 'system', 'developer']),
  content,
})

const argumentsText = z.string().refine(text => {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}, 'must be the JSON of an object')

const thoughts = z.array(z.object({ text: z.string() }))

const item = z.union(
  [
    messageItem,
    z.object({ type: z.literal('reasoning'), content: optional(thoughts) }),
    z.object({ type: z.literal('function_call'), call_id: z.string(), name: z.string(), arguments: argumentsText }),
    z.object({ type: z.literal('function_call_output'), call_id: z.string(), output: content }),
  ],
  { error: "must be a message, or have type 'reasoning', 'function_call' or 'function_call_output'" },
)

type Item = z.infer<typeof item>

const tool = z.object({
  type: z.literal('function', { error: "must be 'function': this server has no tools of its own" }),
  name: toolName,
  description: optional(z.string()),
  parameters: optional(z.record(z.string(), z.unknown())),
  /** Whether what cannot be kept of `parameters` is refused. */
  strict: optional(z.boolean()),
})

/** What the answer's text is. */
const textFormat = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.enum(['text', 'json_object']) }),
    z.object({
      type: z.literal('json_schema'),
      name: optional(z.string()),
      description: optional(z.string()),
      schema: z.record(z.string(), z.unknown()).superRefine(keepsSchema),
      strict: optional(z.boolean()),
    }),
  ],
  { error: "must be 'text', 'json_object' or 'json_schema'" },
)

export const responsesRequest = z.object({
  model: z.string(),
  input: z.union([z.string(), z.array(item).min(1, 'must have at least one item')], {
    error: 'must be a string or an array of items',
  }),
  /** What the model is told first. Those of the previous response do not count any more. */
  instructions: optional(z.string()),
  /** The response whose conversation goes on. */
  previous_response_id: optional(z.string()),
  /** Whether this response is kept, so that it can be fetched and gone on with. Default true. */
  store: optional(z.boolean()),
  stream: optional(z.boolean()),
  max_output_tokens: integer(1, Number.MAX_SAFE_INTEGER),
  temperature: number(0, 2),
  top_p: number(0, 1),
  reasoning: optional(z.object({ effort: reasoningEffort })),
  tools: optional(
    z
      .array(tool)
      .max(128, 'must have at most 128 entries')
      .superRefine(keepsCalls(tool => tool, ['parameters'])),
  ),
  tool_choice: optional(
    z.union([z.enum(['auto', 'none', 'required']), z.object({ type: z.literal('function'), name: z.string() })], {
      error: "must be 'auto', 'none', 'required' or a function by its name",
    }),
  ),
  parallel_tool_calls: optional(z.boolean()),
  metadata: optional(z.record(z.string(), z.string())),
  text: optional(z.object({ format: optional(textFormat) })),
  background: unsupported(value => value === false, 'use a stream'),
  conversation: unsupported(() => false, "use 'previous_response_id'"),
  prompt: unsupported(() => false, "use 'instructions'"),
})

export type ResponsesRequest = z.infer<typeof responsesRequest>

export const parseResponsesRequest = (body: unknown): ResponsesRequest => parse(responsesRequest, body)

/**
 * Items as models read them. What the model said is several items (reasoning, text, calls), but one message, up to what
 * somebody else says.
 */
export function messagesOf(input: ResponsesRequest['input']): ChatMessage[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }]
  const messages: ChatMessage[] = []
  for (const item of input) {
    const next = messageOf(item)
    const last = messages.at(-1)
    if (next.role === 'assistant' && last?.role === 'assistant') messages.splice(-1, 1, merged(last, next))
    else messages.push(next)
  }
  return messages
}

function messageOf(item: Item): ChatMessage {
  if ('role' in item) return { role: item.role, content: item.content }
  switch (item.type) {
    case 'reasoning':
      return { role: 'assistant', content: '', reasoning_content: item.content?.map(({ text }) => text).join('') }
    case 'function_call': {
      const { call_id: id, name, arguments: given } = item
      return {
        role: 'assistant',
        content: '',
        tool_calls: [{ id, type: 'function', function: { name, arguments: given } }],
      }
    }
    case 'function_call_output':
      return { role: 'tool', content: item.output, tool_call_id: item.call_id }
  }
}

const merged = (first: ChatMessage, then: ChatMessage): ChatMessage => ({
  role: 'assistant',
  content: `${first.content}${then.content}`,
  reasoning_content: [first, then].map(message => message.reasoning_content ?? '').join('') || undefined,
  tool_calls: [...(first.tool_calls ?? []), ...(then.tool_calls ?? [])],
})
