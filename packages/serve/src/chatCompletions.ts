import { randomUUID } from 'node:crypto'
import type { JsonSchema, Usage } from '@modu/model'
import type { Reply } from './generation.ts'
import { chatLogprobs } from './logprobs.ts'
import { newCallId } from './parts.ts'
import type { ChatRequest } from './schema.ts'
import type { Hooks, ServedModel } from './servedModel.ts'
import { requireRoom, samplingOf, usageBody } from './wire.ts'

interface ToolCall {
  id: string
  type: 'function'
  function: { name: string; arguments: string }
}

/** What has been said so far of one of the `n` answers. */
interface Choice {
  content: string
  reasoning: string
  toolCalls: ToolCall[]
  logprobs: ReturnType<typeof chatLogprobs>
  finish: string | null
  usage: Usage | undefined
  begun: boolean
}

/** `POST /v1/chat/completions`: a conversation's next turn, whole or in chunks. */
export function chatReply(model: ServedModel, request: ChatRequest, thinkingByDefault: boolean): Reply {
  const head = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: request.model }
  const withUsage = request.stream_options?.include_usage === true
  const choices = Array.from(
    { length: request.n ?? 1 },
    (): Choice => ({
      content: '',
      reasoning: '',
      toolCalls: [],
      logprobs: [],
      finish: null,
      usage: undefined,
      begun: false,
    }),
  )
  const logprobsBody = (content: Choice['logprobs']) => (request.logprobs ? { content, refusal: null } : null)
  const chunk = (
    index: number,
    delta: object,
    finish_reason: string | null = null,
    logprobs: Choice['logprobs'] | undefined = undefined,
  ) => ({
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index, delta, logprobs: logprobs ? logprobsBody(logprobs) : null, finish_reason }],
    ...(withUsage ? { usage: null } : {}),
  })

  const limit = request.max_completion_tokens === undefined ? 'max_tokens' : 'max_completion_tokens'
  const maxTokens = request[limit]
  if (maxTokens !== undefined) requireRoom(model.contextLength, limit, maxTokens)
  const options = {
    ...samplingOf(request),
    maxTokens,
    ...toolsOf(request),
    schema: schemaOf(request.response_format),
    topLogprobs: request.logprobs ? (request.top_logprobs ?? 0) : undefined,
    enableThinking: wantsThinking(request) ?? thinkingByDefault,
    thinkingBudget: request.thinking_token_budget ?? request.chat_template_kwargs?.thinking_budget,
  }

  return {
    prompt: 'messages',
    answers: choices.map((_, index) => (hooks: Hooks) => {
      const seed = request.seed === undefined ? undefined : request.seed + index
      return model.chat(request.messages, { ...options, seed, ...hooks })
    }),

    receive(index, event) {
      const choice = choices[index]
      const chunks: unknown[] = []
      if (!choice.begun) chunks.push(chunk(index, { role: 'assistant', content: '' }))
      choice.begun = true
      switch (event.type) {
        case 'reasoning':
          choice.reasoning += event.text
          chunks.push(chunk(index, { reasoning_content: event.text }))
          break
        case 'text': {
          const logprobs = chatLogprobs(model.tokenizer, event.logprobs ?? [])
          choice.content += event.text
          choice.logprobs.push(...logprobs)
          chunks.push(chunk(index, { content: event.text }, null, logprobs))
          break
        }
        case 'toolCallDelta': {
          if (event.name !== undefined) {
            const named = { name: event.name, arguments: '' }
            choice.toolCalls.push({ id: newCallId('call_'), type: 'function', function: named })
          }
          const at = choice.toolCalls.length - 1
          const call = choice.toolCalls[at]!
          const piece = event.name === undefined ? { function: { arguments: event.arguments } } : structuredClone(call)
          chunks.push(chunk(index, { tool_calls: [{ index: at, ...piece }] }))
          call.function.arguments += event.arguments
          break
        }
        case 'finish': {
          const isCall = event.reason === 'stop' && choice.toolCalls.length > 0
          choice.usage = event.usage
          choice.finish = isCall ? 'tool_calls' : event.reason
          chunks.push(chunk(index, {}, choice.finish))
        }
      }
      return chunks
    },

    closing: () =>
      withUsage ? [{ ...head, object: 'chat.completion.chunk', choices: [], usage: usageBody([choices]) }] : [],

    whole: () => ({
      ...head,
      object: 'chat.completion',
      choices: choices.map(({ content, reasoning, toolCalls, logprobs, finish }, index) => ({
        index,
        message: {
          role: 'assistant',
          content: content === '' && toolCalls.length > 0 ? null : content,
          refusal: null,
          ...(reasoning ? { reasoning_content: reasoning } : {}),
          ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}),
        },
        logprobs: logprobsBody(logprobs),
        finish_reason: finish,
      })),
      usage: usageBody([choices]),
    }),
  }
}

/** As with vLLM by `chat_template_kwargs`, or by OpenAI's `reasoning_effort`; undefined if the request leaves it open. */
function wantsThinking({ chat_template_kwargs, reasoning_effort }: ChatRequest): boolean | undefined {
  return chat_template_kwargs?.enable_thinking ?? (reasoning_effort && reasoning_effort !== 'none')
}

/** The schema of an answer that is to be JSON. */
export function schemaOf(format: ChatRequest['response_format']): JsonSchema | undefined {
  if (format?.type === 'json_schema') return format.json_schema.schema ?? {}
  return format?.type === 'json_object' ? { type: 'object' } : undefined
}

/** What may be called, and what must be. */
function toolsOf({ tools, tool_choice, parallel_tool_calls }: ChatRequest) {
  if (tool_choice === 'none') return {}
  return {
    tools: tools?.map(({ type, function: { strict, ...described } }) => ({ type, function: described, strict })),
    mustCall: typeof tool_choice === 'object' ? tool_choice.function.name : tool_choice === 'required',
    // A tool that is named is called once, as with OpenAI.
    endAfterCall: parallel_tool_calls === false || typeof tool_choice === 'object',
  }
}
