import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { ApiError } from './errors.ts'

/** Refuses a larger body with 413: at its announced length, or where it passes the limit, never reading the rest. */
export const limitBody = (bytes: number): MiddlewareHandler =>
  bodyLimit({
    maxSize: bytes,
    onError: () => {
      throw new ApiError(
        413,
        'request_too_large',
        `The body of the request is larger than ${bytes} bytes. Send a shorter conversation.`,
        // The rest of the body is still on its way; this connection is of no further use.
        { headers: { Connection: 'close' } },
      )
    },
  })

/** No request has a reason to nest deeper, and what looks through a body may call itself at every level. */
const mostLevels = 100

/** The request's body as JSON, whatever its fields. */
export async function readJsonBody(c: Context): Promise<unknown> {
  const type = c.req.header('Content-Type') ?? ''
  // Also what keeps foreign web pages out: a form cannot send this type, and a script would have to ask first (CORS).
  if (!/^application\/json\s*(;|$)/i.test(type.trim())) {
    throw new ApiError(
      415,
      'unsupported_media_type',
      `The body must be sent as 'Content-Type: application/json', but came as ${type ? `'${type}'` : 'no type'}.`,
    )
  }
  const bytes = await c.req.arrayBuffer()
  let body: unknown
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    // What does not decode is a TypeError.
    const what = error instanceof SyntaxError ? `valid JSON: ${error.message}` : 'UTF-8, as JSON must be'
    throw new ApiError(400, 'invalid_json', `The body is not ${what}.`, { cause: error })
  }
  if (isDeeper(body, mostLevels)) {
    throw new ApiError(400, 'invalid_json', `The body nests deeper than ${mostLevels} levels. Make it flatter.`)
  }
  return body
}

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some(inner => isDeeper(inner, levels - 1)))
