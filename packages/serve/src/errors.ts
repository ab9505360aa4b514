/** What keeps a server from starting. */
export class ServeError extends Error {
  readonly code: 'port-in-use' | 'port-not-allowed' | 'port-invalid' | 'no-models' | 'keys-required' | 'config-invalid'

  constructor(code: ServeError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ServeError'
    this.code = code
  }
}

type Status = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 429 | 500 | 502 | 503 | 504

/** What a client is told, in the shape of OpenAI's API: `{error: {message, type, param, code}}`. */
export class ApiError extends Error {
  readonly status: Status
  readonly type: string
  readonly code: string | null
  readonly param: string | null
  readonly headers: Record<string, string>

  constructor(
    status: Status,
    code: string | null,
    message: string,
    {
      param = null,
      headers = {},
      cause,
    }: { param?: string | null; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message, { cause })
    this.name = 'ApiError'
    this.status = status
    this.type = status === 429 ? 'rate_limit_error' : status >= 500 ? 'server_error' : 'invalid_request_error'
    this.code = code
    this.param = param
    this.headers = headers
  }

  /** The body of the answer, and the last event of a stream that broke. */
  get body() {
    return { error: { message: this.message, type: this.type, param: this.param, code: this.code } }
  }

  /** `body`: where an API has another shape. */
  toResponse(body: object = this.body): Response {
    return Response.json(body, { status: this.status, headers: this.headers })
  }
}

export const stopping = () =>
  new ApiError(503, 'server_stopping', 'The server is stopping. Try again later.', { headers: { Connection: 'close' } })

/** `deadline` in milliseconds. */
export const tooLate = (deadline: number) =>
  new ApiError(
    504,
    'deadline_exceeded',
    `The answer was not complete after ${deadline / 1000} seconds. Ask for fewer tokens, or when fewer people do.`,
  )

export const engineFailed = () =>
  new ApiError(503, 'engine_failed', 'The engine has failed and is being started anew. Try again in a few seconds.', {
    headers: { 'Retry-After': '5' },
  })
