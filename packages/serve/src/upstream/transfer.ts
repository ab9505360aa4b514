import { ApiError } from '../errors.ts'
import type { Outcome } from './circuit.ts'
import { broken, describe, refusal, tooSlow, UpstreamFailure, unreachable } from './failure.ts'
import type { Upstream } from './upstream.ts'

/** What is sent to an upstream. */
export interface UpstreamRequest {
  /** Under the base URL, such as `/chat/completions`. */
  readonly path: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly isStream: boolean
}

/**
 * Sends a request to an upstream and yields what `read` makes of the text that comes back, as it comes: the next piece is
 * read when the one before has been taken. Whoever stops taking, or `signal`, ends the request there.
 * Errors: UpstreamFailure; ApiError if the request is at fault; the signal's reason.
 */
export async function* transfer<T>(
  upstream: Upstream,
  request: UpstreamRequest,
  signal: AbortSignal,
  read: (pieces: AsyncIterable<string>) => AsyncIterable<T>,
): AsyncGenerator<T> {
  const passage = upstream.circuit.enter()
  const stop = new AbortController()
  let outcome: Outcome = 'unknown'
  upstream.outstanding++
  try {
    for await (const piece of read(receive(upstream, request, AbortSignal.any([signal, stop.signal])))) {
      passage.begun()
      yield piece
    }
    outcome = 'success'
  } catch (error) {
    if (signal.aborted) throw signal.reason
    const failure =
      error instanceof ApiError || error instanceof UpstreamFailure ? error : broken(describe(error), error)
    outcome = failure instanceof UpstreamFailure ? failure.outcome : 'success'
    throw failure
  } finally {
    upstream.outstanding--
    passage.ended(outcome)
    stop.abort()
  }
}

/** The text of the answer, piece by piece. */
async function* receive(
  upstream: Upstream,
  { path, body, headers, isStream }: UpstreamRequest,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const { firstByte, idle, whole } = upstream.config.timeouts
  const began = performance.now()
  const within = <T>(seconds: number, what: string, promise: Promise<T>): Promise<T> =>
    inTime(promise, seconds * 1000, () => tooSlow(`${what} within ${seconds} s`))
  const untilFirst = <T>(promise: Promise<T>) => {
    const limit = isStream ? firstByte : whole
    return inTime(promise, limit * 1000 - (performance.now() - began), () => tooSlow(`no answer within ${limit} s`))
  }

  const response = await untilFirst(
    upstream.post(path, body, headers, signal).catch(error => {
      throw unreachable(error)
    }),
  )
  if (response.statusCode >= 300) {
    const text = await within(idle, 'no whole error', response.body.text())
    throw refusal(response.statusCode, headerOf(response.headers['retry-after']), text)
  }
  const decoder = new TextDecoder()
  const pieces = response.body[Symbol.asyncIterator]()
  let hasBegun = false
  for (;;) {
    const next = pieces.next()
    const { done, value } = await (isStream && hasBegun ? within(idle, 'nothing more', next) : untilFirst(next))
    if (done) return
    hasBegun = true
    yield decoder.decode(value, { stream: true })
  }
}

/** What a promise resolves to, or, if that takes longer, the rejection with `late`. */
function inTime<T>(promise: Promise<T>, milliseconds: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), Math.max(0, milliseconds))
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

const headerOf = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value)
