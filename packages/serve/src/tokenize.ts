import { encodeChat } from '@modu/model'
import { z } from 'zod'
import { ApiError } from './errors.ts'
import { toApiError } from './modelErrors.ts'
import { chatTemplateKwargs, message, optional, parse, tokenIds, tool } from './schema.ts'
import type { ServedModel } from './servedModel.ts'

/* `/tokenize` and `/detokenize`, in vLLM's shape: what a model's tokenizer makes of a text or a conversation. */

/** The server's first model if absent. */
const model = optional(z.string())

export const tokenizeRequest = z.object({
  model,
  /** A text as `/v1/completions` reads it; instead of it, `messages` as `/v1/chat/completions` reads them. */
  prompt: optional(z.string()),
  messages: optional(z.array(message).min(1, 'must have at least one message')),
  tools: optional(z.array(tool)),
  chat_template_kwargs: chatTemplateKwargs,
  /** Whether a text gets the token that begins documents, as a completion's prompt does. Default true. */
  add_special_tokens: optional(z.boolean()),
  /** Whether a conversation ends where the model's turn begins. Default true. */
  add_generation_prompt: optional(z.boolean()),
  /** Whether the answer has the text of each token, too. */
  return_token_strs: optional(z.boolean()),
})

export const detokenizeRequest = z.object({ model, tokens: tokenIds })

type TokenizeRequest = z.infer<typeof tokenizeRequest>

export const parseTokenizeRequest = (body: unknown): TokenizeRequest => parse(tokenizeRequest, body)
export const parseDetokenizeRequest = (body: unknown) => parse(detokenizeRequest, body)

/** The answer to `POST /tokenize`. Nothing that a user wrote becomes a control token, as in the model's own input. */
export function tokenize(model: ServedModel, request: TokenizeRequest) {
  const tokens = tokensOf(model, request)
  return {
    count: tokens.length,
    max_model_len: model.contextLength,
    tokens,
    token_strs: request.return_token_strs ? tokens.map(id => model.tokenizer.decode([id])) : null,
  }
}

/** The answer to `POST /detokenize`. */
export function detokenize(model: ServedModel, { tokens }: z.infer<typeof detokenizeRequest>) {
  const unknown = tokens.findIndex(id => id >= model.tokenizer.vocabularySize)
  if (unknown >= 0) {
    const largest = model.tokenizer.vocabularySize - 1
    const message = `'tokens[${unknown}]' is ${tokens[unknown]}, but the largest token id is ${largest}.`
    throw new ApiError(400, 'invalid_value', message, { param: `tokens[${unknown}]` })
  }
  return { prompt: model.tokenizer.decode(tokens) }
}

/** The answer to `GET /tokenizer_info`: what a client must know to write prompts itself. */
export const tokenizerInfo = ({ tokenizer, template, contextLength }: ServedModel) => ({
  ...tokenizer.config,
  model_max_length: contextLength,
  chat_template: template?.source ?? null,
})

function tokensOf({ tokenizer, template }: ServedModel, request: TokenizeRequest): number[] {
  const { prompt, messages } = request
  if ((prompt === undefined) === (messages === undefined)) {
    throw new ApiError(400, 'invalid_value', "Give either 'prompt' or 'messages'.", { param: 'prompt' })
  }
  if (prompt !== undefined) {
    const begin = request.add_special_tokens === false ? undefined : tokenizer.bosId
    return [...(begin === undefined ? [] : [begin]), ...tokenizer.encodePlain(prompt)]
  }
  if (!template) {
    throw new ApiError(400, 'invalid_value', 'This model has no chat template. Give a prompt.', { param: 'messages' })
  }
  try {
    return encodeChat(tokenizer, template, messages!, {
      tools: request.tools,
      enableThinking: request.chat_template_kwargs?.enable_thinking,
      addGenerationPrompt: request.add_generation_prompt ?? true,
    })
  } catch (error) {
    throw toApiError(error, 'messages')
  }
}
