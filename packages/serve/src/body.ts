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
  const text = await c.req.text()
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ApiError(400, 'invalid_json', `The body is not valid JSON: ${(error as Error).message}.`, {
      cause: error,
    })
  }
}
