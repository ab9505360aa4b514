import type { ChatMessage, JsonSchema } from '@modu/model'
import type { ApiError } from './errors.ts'
import type { Reply } from './generation.ts'
import { givenTo, newCallId, type Part, Parts, type Step } from './parts.ts'
import type { StoredResponse } from './responseStore.ts'
import { messagesOf, type ResponsesRequest } from './responsesSchema.ts'
import type { Hooks, ServedModel } from './servedModel.ts'
import { emptyUsage, requireRoom } from './wire.ts'

export interface ResponsesContext {
  /** The conversation that the request goes on with. */
  readonly before: readonly ChatMessage[]
  readonly thinkingByDefault: boolean
  /** Called with the complete response if the client wants it kept. */
  readonly keep: (id: string, response: StoredResponse) => void
}

/** `POST /v1/responses`: the next turn of a conversation as a list of items, whole or as events. */
export function responsesReply(model: ServedModel, request: ResponsesRequest, context: ResponsesContext): Reply {
  const { instructions, max_output_tokens: maxTokens, tool_choice: toolChoice = 'auto' } = request
  if (maxTokens !== undefined) requireRoom(model.contextLength, 'max_output_tokens', maxTokens)
  const messages = [...context.before, ...messagesOf(request.input)]
  const id = newCallId('resp_')
  const created = Math.floor(Date.now() / 1000)
  const parts = new Parts('call_')
  const ids: string[] = []
  let usage = emptyUsage()
  let status: 'in_progress' | 'completed' | 'incomplete' | 'failed' = 'in_progress'
  let failure: ApiError | undefined
  let events = 0

  const numbered = (type: string, fields: object) => ({ type, ...fields, sequence_number: events++ })
  const idOf = (index: number, part: Part) => (ids[index] ??= newCallId(idPrefixes[part.type]))
  const itemOf = (part: Part, index: number) => {
    const isCut = (status === 'incomplete' || status === 'failed') && index === parts.all.length - 1
    return outputItem(part, idOf(index, part), isCut ? 'incomplete' : 'completed')
  }
  const body = () => ({
    id,
    object: 'response',
    created_at: created,
    status,
    error: failure ? { code: 'server_error', message: failure.message } : null,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    instructions: instructions ?? null,
    max_output_tokens: maxTokens ?? null,
    metadata: request.metadata ?? {},
    model: request.model,
    output: parts.all.map(itemOf),
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    previous_response_id: request.previous_response_id ?? null,
    reasoning: { effort: request.reasoning?.effort ?? null, summary: null },
    store: request.store ?? true,
    temperature: request.temperature ?? null,
    text: { format: request.text?.format ?? { type: 'text' } },
    tool_choice: toolChoice,
    tools: request.tools?.map(tool => ({ ...tool, strict: tool.strict ?? false })) ?? [],
    top_p: request.top_p ?? null,
    truncation: 'disabled',
    usage: status === 'in_progress' ? null : usageBody(),
  })
  const usageBody = () => ({
    input_tokens: usage.promptTokens,
    input_tokens_details: { cached_tokens: usage.cachedTokens },
    output_tokens: usage.completionTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.promptTokens + usage.completionTokens,
  })

  return {
    prompt: 'input',
    format: {
      isNamed: true,
      failed(error) {
        failure = error
        status = 'failed'
        return [numbered('response.failed', { response: body() })]
      },
    },
    answers: [
      (hooks: Hooks) => {
        usage = hooks.usage ?? usage
        return model.chat(
          [...(instructions ? [{ role: 'system' as const, content: instructions }] : []), ...messages],
          {
            ...toolsOf(request),
            schema: schemaOf(request),
            maxTokens,
            enableThinking: request.reasoning?.effort ? request.reasoning.effort !== 'none' : context.thinkingByDefault,
            sampling: { temperature: request.temperature, topP: request.top_p === 0 ? Number.EPSILON : request.top_p },
            ...hooks,
            usage,
          },
        )
      },
    ],

    receive(_, event) {
      const chunks: unknown[] = []
      if (events === 0) {
        chunks.push(numbered('response.created', { response: body() }))
        chunks.push(numbered('response.in_progress', { response: body() }))
      }
      if (event.type === 'finish') status = event.reason === 'length' ? 'incomplete' : 'completed'
      for (const step of parts.receive(event)) {
        const item_id = idOf(step.index, step.part)
        const item = step.type === 'begin' ? begunItem(step.part, item_id) : itemOf(step.part, step.index)
        for (const [type, fields] of eventsOf(step, item_id, item)) chunks.push(numbered(type, fields))
      }
      if (event.type !== 'finish') return chunks
      const response = body()
      chunks.push(numbered(`response.${status}`, { response }))
      if (request.store !== false) {
        context.keep(id, { body: response, messages: [...messages, messageOf(parts.all)] })
      }
      return chunks
    },

    closing: () => [],
    whole: body,
  }
}

const idPrefixes = { reasoning: 'rs_', text: 'msg_', toolCall: 'fc_' } as const

type ItemStatus = 'in_progress' | 'completed' | 'incomplete'

const contentPart = (type: 'reasoning' | 'text', text: string) =>
  type === 'text' ? { type: 'output_text', text, annotations: [], logprobs: [] } : { type: 'reasoning_text', text }

function outputItem(part: Part, id: string, status: ItemStatus) {
  if (part.type === 'toolCall') {
    return { type: 'function_call', id, call_id: part.id, name: part.name, arguments: part.arguments, status }
  }
  const content = part.text === '' ? [] : [contentPart(part.type, part.text)]
  if (part.type === 'reasoning') return { type: 'reasoning', id, summary: [], content, status }
  return { type: 'message', id, role: 'assistant', content, status }
}

const begunItem = (part: Part, id: string) => outputItem(part, id, 'in_progress')

/** The events that tell of one step: names, and fields without the sequence number. */
function eventsOf(step: Step, item_id: string, item: object): [string, object][] {
  const { index, part } = step
  const place = { item_id, output_index: index }
  const inContent = { ...place, content_index: 0 }
  if (step.type === 'begin') {
    const added: [string, object] = ['response.output_item.added', { output_index: index, item }]
    if (part.type === 'toolCall') return [added]
    return [added, ['response.content_part.added', { ...inContent, part: contentPart(part.type, '') }]]
  }
  const names = { reasoning: 'reasoning_text', text: 'output_text', toolCall: 'function_call_arguments' }
  const name = `response.${names[part.type]}`
  const logprobs = part.type === 'text' ? { logprobs: [] } : {}
  if (step.type === 'more') {
    const where = part.type === 'toolCall' ? place : inContent
    return [[`${name}.delta`, { ...where, delta: step.text, ...logprobs }]]
  }
  const done: [string, object] = ['response.output_item.done', { output_index: index, item }]
  if (part.type === 'toolCall') {
    return [[`${name}.done`, { ...place, name: part.name, arguments: part.arguments }], done]
  }
  return [
    [`${name}.done`, { ...inContent, text: part.text, ...logprobs }],
    ['response.content_part.done', { ...inContent, part: contentPart(part.type, part.text) }],
    done,
  ]
}

/** What was said, as a message of the conversation that goes on. */
function messageOf(parts: readonly Part[]): ChatMessage {
  const textOf = (type: Part['type']) =>
    parts.map(part => (part.type === type && 'text' in part ? part.text : '')).join('')
  return {
    role: 'assistant',
    content: textOf('text'),
    reasoning_content: textOf('reasoning') || undefined,
    tool_calls: parts.flatMap(part =>
      part.type === 'toolCall' && givenTo(part)
        ? [{ id: part.id, type: 'function', function: { name: part.name, arguments: part.arguments } }]
        : [],
    ),
  }
}

/** The schema of an answer that is to be JSON. */
function schemaOf({ text }: ResponsesRequest): JsonSchema | undefined {
  if (text?.format?.type === 'json_schema') return text.format.schema
  return text?.format?.type === 'json_object' ? { type: 'object' } : undefined
}

/** What may be called, and what must be. */
function toolsOf({ tools, tool_choice, parallel_tool_calls }: ResponsesRequest) {
  if (tool_choice === 'none') return {}
  return {
    tools: tools?.map(({ name, description, parameters, strict }) => ({
      type: 'function',
      function: { name, description, parameters },
      strict,
    })),
    mustCall: typeof tool_choice === 'object' ? tool_choice.name : tool_choice === 'required',
    endAfterCall: parallel_tool_calls === false || typeof tool_choice === 'object',
  }
}
