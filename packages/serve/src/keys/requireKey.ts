import type { Context, MiddlewareHandler } from 'hono'
import { ApiError } from '../errors.ts'
import type { Admission, Key, Keys, Level } from './keys.ts'

declare module 'hono' {
  interface ContextVariableMap {
    /** Who asks: the key's id, or `local` for clients of a server without keys. */
    key: string
    /** The key and its terms; undefined on a server without keys. */
    terms: Key | undefined
  }
}

/** Who asks where no key is needed. */
export const local = 'local'

/**
 * Lets in who has a key: `Authorization: Bearer …`, or `x-api-key: …`. Unless keys are `always` needed, everybody comes
 * in as long as there has never been one.
 */
export const requireKey =
  (keys: Keys, always: boolean): MiddlewareHandler =>
  async (c, next) => {
    if (always || (await keys.any())) {
      const key = await presentedKey(c, keys)
      c.set('key', key.id)
      c.set('terms', key)
    } else c.set('key', local)
    await next()
  }

/** The key of a request, if it is good. Errors: ApiError 401. */
async function presentedKey(c: Context, keys: Keys): Promise<Key> {
  const secret = /^Bearer +(\S+)\s*$/i.exec(c.req.header('Authorization') ?? '')?.[1] ?? c.req.header('x-api-key')
  if (!secret) {
    throw unauthorized(
      'missing_api_key',
      "This server needs a key: send 'Authorization: Bearer KEY' or 'x-api-key: KEY'.",
    )
  }
  const key = await keys.find(secret)
  if (!key) throw unauthorized('invalid_api_key', 'The key is not one of this server. Ask its administrator for one.')
  if (key.revokedAt !== null) {
    throw unauthorized(
      'revoked_api_key',
      `The key ${key.prefix}… has been revoked. Ask the administrator for a new one.`,
    )
  }
  if (key.expiresAt !== null && key.expiresAt <= Date.now()) {
    const when = new Date(key.expiresAt).toISOString()
    throw unauthorized(
      'expired_api_key',
      `The key ${key.prefix}… expired at ${when}. Ask the administrator for a new one.`,
    )
  }
  return key
}

const unauthorized = (code: string, message: string) =>
  new ApiError(401, code, message, { headers: { 'WWW-Authenticate': 'Bearer' } })

/** Counts the request against its key's limits, and says in the answer's headers how the key stands. */
export const limitRate =
  (keys: Keys): MiddlewareHandler =>
  async (c, next) => {
    const terms = c.get('terms')
    if (!terms) return next()
    const admission = await keys.admit(terms.id)
    const headers = rateHeaders(admission)
    if (admission.refused) throw tooMuch(terms, admission.refused, headers)
    await next()
    for (const [name, value] of Object.entries(headers)) c.header(name, value)
  }

function tooMuch(
  terms: Key,
  { limit, retryAfter }: NonNullable<Admission['refused']>,
  headers: Record<string, string>,
): ApiError {
  const seconds = Math.max(1, Math.ceil(retryAfter / 1000))
  const told = { headers: { ...headers, 'Retry-After': String(seconds) } }
  if (limit === 'month') {
    const message = `The ${terms.tokensPerMonth} tokens of the key ${terms.prefix}… for this month are used up.`
    return new ApiError(429, 'insufficient_quota', message, told)
  }
  const rate = limit === 'requests' ? terms.requestsPerMinute : terms.tokensPerMinute
  const message = `The key ${terms.prefix}… has ${rate} ${limit} a minute. Try again in ${seconds} s.`
  return new ApiError(429, 'rate_limit_exceeded', message, told)
}

/** OpenAI's headers. */
function rateHeaders({ requests, tokens }: Admission): Record<string, string> {
  const of = (name: string, level: Level | undefined): Record<string, string> =>
    level
      ? {
          [`x-ratelimit-limit-${name}`]: String(level.limit),
          [`x-ratelimit-remaining-${name}`]: String(level.remaining),
          [`x-ratelimit-reset-${name}`]: `${level.reset / 1000}s`,
        }
      : {}
  return { ...of('requests', requests), ...of('tokens', tokens) }
}

/** Whether who asks may use the model. */
export function mayUse(c: Context, model: string): boolean {
  const models = c.get('terms')?.models ?? null
  return models === null || models.includes(model)
}

/** Errors: ApiError 403 if who asks may not use the model. */
export function requireModel(c: Context, model: string): void {
  if (mayUse(c, model)) return
  const { models, prefix } = c.get('terms')!
  const allowed = models!.map(name => `'${name}'`).join(', ') || 'none'
  throw new ApiError(403, 'model_not_allowed', `The key ${prefix}… may not use '${model}', only: ${allowed}.`, {
    param: 'model',
  })
}
