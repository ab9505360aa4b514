import { ApiError } from '../errors.ts'
import type { Outcome } from './circuit.ts'

/** Why an upstream did not answer. */
export type FailureReason = 'unreachable' | 'unavailable' | 'timeout' | 'broken' | 'failed' | 'busy' | 'missing'

const faults: readonly FailureReason[] = ['unreachable', 'unavailable', 'timeout', 'broken']

/** An upstream did not answer, or not to the end. Another one may. */
export class UpstreamFailure extends Error {
  readonly reason: FailureReason
  /** What the client is told if no other upstream answers; the message of the error itself is for the log. */
  readonly told: ApiError

  constructor(reason: FailureReason, message: string, told: ApiError, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UpstreamFailure'
    this.reason = reason
    this.told = told
  }

  /** What it says about the server. One that says that it failed may have met a request on which all would. */
  get outcome(): Outcome {
    if (faults.includes(this.reason)) return 'failure'
    return this.reason === 'failed' ? 'unknown' : 'success'
  }
}

const toldFailed = (message: string): ApiError => new ApiError(502, 'upstream_failed', message)

export const unreachable = (error: unknown): UpstreamFailure =>
  new UpstreamFailure(
    'unreachable',
    `could not be reached: ${describe(error)}`,
    toldFailed('The server of this model could not be reached. Try again.'),
    { cause: error },
  )

export const broken = (what: string, cause?: unknown): UpstreamFailure =>
  new UpstreamFailure('broken', what, brokeOff(), { cause })

/** A server says itself that its answer ends here. */
export const failedInStream = (message: string): UpstreamFailure =>
  new UpstreamFailure('failed', `broke off its stream: ${message}`, brokeOff())

const brokeOff = () => toldFailed('The server of this model broke off its answer. Try again.')

export const tooSlow = (what: string): UpstreamFailure =>
  new UpstreamFailure(
    'timeout',
    what,
    new ApiError(504, 'upstream_timeout', 'The server of this model took too long. Try again.'),
  )

/** An answer that is an error. ApiError if the request is at fault, which no other upstream would take either. */
export function refusal(status: number, retryAfter: string | undefined, body: string): UpstreamFailure | ApiError {
  const message = messageIn(body)
  const what = `answered ${status}: ${message}`
  if (status === 429) {
    const headers = { 'Retry-After': retryAfter ?? '1' }
    const told = new ApiError(429, 'server_busy', 'The servers of this model are busy. Try again later.', { headers })
    return new UpstreamFailure('busy', what, told)
  }
  if (status === 404 || status === 405) {
    return new UpstreamFailure('missing', what, new ApiError(404, 'not_found', `The server of this model ${what}`))
  }
  // What is wrong with our own key is nothing that a client could put right.
  if (status < 400 || status >= 500 || status === 401 || status === 403) {
    const reason = status === 500 ? 'failed' : 'unavailable'
    return new UpstreamFailure(reason, what, toldFailed('The server of this model failed. Try again later.'))
  }
  return new ApiError(status === 413 ? 413 : 400, codeIn(body) ?? 'invalid_value', message, { param: paramIn(body) })
}

export const describe = (error: unknown): string => {
  const { code, message } = error as { code?: string; message?: string }
  return [code, message].filter(Boolean).join(' ') || String(error)
}

interface ErrorBody {
  readonly error?: { readonly message?: unknown; readonly code?: unknown; readonly param?: unknown }
  /** Where older vLLM has it. */
  readonly message?: unknown
  /** Where FastAPI has it. */
  readonly detail?: unknown
}

function parsed(body: string): ErrorBody {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** What an error says, in the shapes that OpenAI-compatible servers have for it. */
export function messageIn(body: string): string {
  const { error, message, detail } = parsed(body)
  const told = error?.message ?? message ?? detail ?? body
  return (typeof told === 'string' ? told : JSON.stringify(told)).slice(0, 1000) || 'no message'
}
const codeIn = (body: string): string | undefined => textOf(parsed(body).error?.code)
const paramIn = (body: string): string | undefined => textOf(parsed(body).error?.param)
