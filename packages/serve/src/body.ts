import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { ApiError } from './errors.ts'

/**
 * Refuses a larger body with 413: at its announced length, or where it passes the limit. The HTTP adapter drops what still
 * comes, for half a second at most: a connection that is closed while its client sends may cost it the answer.
 */
export const limitBody = (bytes: number): MiddlewareHandler =>
  bodyLimit({
    maxSize: bytes,
    onError: () => {
      throw new ApiError(
        413,
        'request_too_large',
        `The body of the request is larger than ${bytes} bytes. Send a shorter conversation.`,
      )
    },
  })

/** No request has a reason to nest deeper, and what looks through a body may call itself at every level. */
const mostLevels = 100

/** What has been parsed: a gateway reads a body for its model, and what answers here reads it again. */
const bodies = new WeakMap<Request, Promise<unknown>>()

/** The request's body as JSON, whatever its fields. Who reads it must not change it: others get the same. */
export function readJsonBody(c: Context): Promise<unknown> {
  const known = bodies.get(c.req.raw)
  if (known) return known
  const body = parseBody(c)
  bodies.set(c.req.raw, body)
  return body
}

async function parseBody(c: Context): Promise<unknown> {
  const type = c.req.header('Content-Type') ?? ''
  // Also what keeps foreign web pages out: a form cannot send this type, and a script would have to ask first (CORS).
  if (!/^application\/json\s*(;|$)/i.test(type.trim())) {
    throw new ApiError(
      415,
      'unsupported_media_type',
      `The body must be sent as 'Content-Type: application/json', but came as ${type ? `'${type}'` : 'no type'}.`,
    )
  }
  const bytes = new Uint8Array(await c.req.arrayBuffer())
  // Before it is parsed: a few million brackets become a few hundred megabytes of arrays.
  if (isDeeper(bytes, mostLevels)) {
    throw new ApiError(400, 'invalid_json', `The body nests deeper than ${mostLevels} levels. Make it flatter.`)
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    // What does not decode is a TypeError.
    const what = error instanceof SyntaxError ? `valid JSON: ${error.message}` : 'UTF-8, as JSON must be'
    throw new ApiError(400, 'invalid_json', `The body is not ${what}.`, { cause: error })
  }
}

/** Whether JSON, as UTF-8, has more than so many brackets or braces open at once. */
function isDeeper(json: Uint8Array, levels: number): boolean {
  const [quote, backslash, bracket, bracketEnd, brace, braceEnd] = Buffer.from('"\\[]{}')
  let open = 0
  let inString = false
  for (let i = 0; i < json.length; i++) {
    const byte = json[i]
    if (inString) {
      if (byte === backslash) i++
      else if (byte === quote) inString = false
    } else if (byte === quote) inString = true
    else if (byte === bracket || byte === brace) {
      if (++open > levels) return true
    } else if (byte === bracketEnd || byte === braceEnd) open--
  }
  return false
}
