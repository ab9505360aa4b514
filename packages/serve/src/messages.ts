import { randomUUID } from 'node:crypto'
import { encodeChat } from '@modu/model'
import { ApiError } from './errors.ts'
import type { Reply } from './generation.ts'
import { type CountTokensRequest, conversationOf, type MessagesRequest, wishesOf } from './messagesSchema.ts'
import { toApiError } from './modelErrors.ts'
import { givenTo, type Part, Parts, type Step } from './parts.ts'
import type { Hooks, ServedModel } from './servedModel.ts'
import { emptyUsage, requireRoom } from './wire.ts'

/** `POST /v1/messages`: the next turn of a conversation, in the shape of Anthropic's API. */
export function messagesReply(model: ServedModel, request: MessagesRequest, thinkingByDefault: boolean): Reply {
  requireRoom(model.contextLength, 'max_tokens', request.max_tokens)
  const parts = new Parts('toolu_')
  let usage = emptyUsage()
  let stopReason: string | null = null
  let stopSequence: string | null = null
  let begun = false
  const usageBody = () => ({
    // Here, what was in the cache is not part of the input.
    input_tokens: usage.promptTokens - usage.cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cachedTokens,
    output_tokens: usage.completionTokens,
  })
  const id = `msg_${randomUUID().replaceAll('-', '')}`
  const message = (content: unknown[]) => ({
    id,
    type: 'message',
    role: 'assistant',
    model: request.model,
    content,
    stop_reason: stopReason,
    stop_sequence: stopSequence,
    usage: usageBody(),
  })

  return {
    prompt: 'messages',
    format: messagesFormat,
    answers: [
      (hooks: Hooks) => {
        usage = hooks.usage ?? usage
        return model.chat(conversationOf(request), {
          ...wishesOf(request, thinkingByDefault),
          maxTokens: request.max_tokens,
          stop: request.stop_sequences,
          sampling: {
            temperature: request.temperature,
            topP: request.top_p === 0 ? Number.EPSILON : request.top_p,
            topK: request.top_k,
          },
          ...hooks,
          usage,
        })
      },
    ],

    receive(_, event) {
      const chunks: unknown[] = begun ? [] : [{ type: 'message_start', message: message([]) }]
      begun = true
      for (const step of parts.receive(event)) chunks.push(eventOf(step))
      if (event.type === 'finish') {
        stopSequence = event.stop ?? null
        const called = parts.all.some(part => part.type === 'toolCall')
        stopReason =
          called && event.reason === 'stop' ? 'tool_use' : stopReasons[event.stop === undefined ? event.reason : 'text']
        const delta = { stop_reason: stopReason, stop_sequence: stopSequence }
        chunks.push({ type: 'message_delta', delta, usage: usageBody() }, { type: 'message_stop' })
      }
      return chunks
    },

    closing: () => [],
    whole: () => message(parts.all.map(blockOf)),
  }
}

const stopReasons = { stop: 'end_turn', length: 'max_tokens', text: 'stop_sequence' } as const

function blockOf(part: Part) {
  if (part.type === 'text') return { type: 'text', text: part.text, citations: null }
  // What signs thoughts elsewhere protects them on their way back; this server reads them as they come.
  if (part.type === 'reasoning') return { type: 'thinking', thinking: part.text, signature: '' }
  return { type: 'tool_use', id: part.id, name: part.name, input: givenTo(part) ?? {} }
}

function eventOf(step: Step) {
  const { index, part } = step
  if (step.type === 'begin') return { type: 'content_block_start', index, content_block: blockOf(part) }
  if (step.type === 'end') return { type: 'content_block_stop', index }
  return { type: 'content_block_delta', index, delta: deltaOf(part.type, step.text) }
}

function deltaOf(type: Part['type'], text: string) {
  if (type === 'text') return { type: 'text_delta', text }
  if (type === 'reasoning') return { type: 'thinking_delta', thinking: text }
  return { type: 'input_json_delta', partial_json: text }
}

/** The answer to `POST /v1/messages/count_tokens`. */
export function countTokens(model: ServedModel, request: CountTokensRequest, thinkingByDefault: boolean) {
  const { tokenizer, template } = model
  if (!template) throw new ApiError(400, 'invalid_value', 'This model has no chat template.', { param: 'model' })
  try {
    const options = { ...wishesOf(request, thinkingByDefault), addGenerationPrompt: true }
    return { input_tokens: encodeChat(tokenizer, template, conversationOf(request), options).length }
  } catch (error) {
    throw toApiError(error, 'messages')
  }
}

const errorTypes: Record<number, string> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  503: 'overloaded_error',
}

/** An error as Anthropic's API has it; also the last event of a stream that broke. */
export const messagesError = ({ status, message }: ApiError) => ({
  type: 'error',
  error: { type: errorTypes[status] ?? (status > 500 ? 'api_error' : 'invalid_request_error'), message },
})

/** Events have names, and the last one is `message_stop`. */
const messagesFormat = { isNamed: true, failed: (error: ApiError): unknown[] => [messagesError(error)] }
