import type { Usage } from '@modu/model'
import { ApiError } from './errors.ts'
import type { ChatRequest, CompletionRequest } from './schema.ts'

/** The drawing of tokens in the model package's words. */
export function samplingOf(request: ChatRequest | CompletionRequest) {
  return {
    stop: request.stop,
    logitBias: request.logit_bias,
    sampling: {
      temperature: request.temperature,
      // No share of the probability at all still leaves the most likely token.
      topP: request.top_p === 0 ? Number.EPSILON : request.top_p,
      topK: request.top_k === -1 ? 0 : request.top_k,
      minP: request.min_p,
      presencePenalty: request.presence_penalty,
      frequencyPenalty: request.frequency_penalty,
      repetitionPenalty: request.repetition_penalty,
    },
  }
}

/** The count of an answer that has not begun. */
export const emptyUsage = (): Usage => ({ promptTokens: 0, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 })

/** Tokens of a whole request: every prompt counts once, however many answers it got. */
export function usageBody(prompts: { usage: Usage | undefined }[][]) {
  const sum = (numbers: number[]) => numbers.reduce((total, n) => total + n, 0)
  const all = prompts.flat()
  const first = (count: 'promptTokens' | 'cachedTokens') => sum(prompts.map(([answer]) => answer.usage?.[count] ?? 0))
  const prompt_tokens = first('promptTokens')
  const completion_tokens = sum(all.map(({ usage }) => usage?.completionTokens ?? 0))
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    prompt_tokens_details: { cached_tokens: first('cachedTokens') },
    completion_tokens_details: { reasoning_tokens: sum(all.map(({ usage }) => usage?.reasoningTokens ?? 0)) },
  }
}

/** Refuses at once what no prompt could leave room for, naming the field. */
export function requireRoom(
  context: number,
  param: `max_${'' | 'completion_' | 'output_'}tokens`,
  tokens: number,
): void {
  if (tokens <= context) return
  const message = `'${param}' is ${tokens}, but the model's context holds ${context} tokens, prompt included. Ask for fewer.`
  throw new ApiError(400, 'context_length_exceeded', message, { param })
}
