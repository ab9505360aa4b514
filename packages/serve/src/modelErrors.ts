import { ModelError, type ModelErrorCode } from '@modu/model'
import { ApiError } from './errors.ts'
import { StoreError } from './store/database.ts'

/** Any error as a client is told it. `prompt` is the field that a complaint of the model's about its input means. */
export function toApiError(error: unknown, prompt: string | null = null): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof StoreError) {
    const message = 'The server cannot keep its books at the moment, so it answers nothing. Try again later.'
    return new ApiError(503, 'store_unavailable', message, { headers: { 'Retry-After': '10' }, cause: error })
  }
  const code = error instanceof ModelError ? clientsFaults[error.code] : undefined
  if (code) {
    const { message } = error as ModelError
    // The model package begins with the name of what is wrong where it knows it.
    const param = /^(messages\[\S+|max_tokens|tool_choice|logit_bias) /.exec(message)?.[1] ?? prompt
    return new ApiError(400, code, message, { param, cause: error })
  }
  return new ApiError(500, 'internal_error', 'Something failed in the server.', { cause: error })
}

/** What of the model package's complaints is about the request, and OpenAI's word for it. */
const clientsFaults: Partial<Record<ModelErrorCode, string>> = {
  context: 'context_length_exceeded',
  option: 'invalid_value',
  token: 'invalid_value',
  template: 'invalid_value',
}
