import { Hono } from 'hono'
import { z } from 'zod'
import type { Accounts } from '../accounts.ts'
import { readJsonBody } from '../body.ts'
import { ApiError } from '../errors.ts'
import { parse } from '../schema.ts'
import { usageCsv, usageReport } from '../usage/report.ts'
import { type Key, KeyError, type NewKey } from './keys.ts'
import { requireKey } from './requireKey.ts'

const limit = z
  .number()
  .refine(value => Number.isSafeInteger(value) && value >= 1, 'must be a whole number of 1 or more')
  .nullish()
  .transform(value => value ?? null)

const terms = z.object({
  name: z.string().trim().min(1, 'must not be empty').max(100, 'must have at most 100 characters'),
  models: z
    .array(z.string())
    .nullish()
    .transform(value => value ?? null),
  admin: z.boolean().default(false),
  requests_per_minute: limit,
  tokens_per_minute: limit,
  tokens_per_month: limit,
  expires_at: z
    .string()
    .refine(text => !Number.isNaN(Date.parse(text)), 'must be a time such as 2027-01-31T00:00:00Z')
    .transform(text => Date.parse(text))
    .nullish()
    .transform(value => value ?? null),
})

const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a day such as 2026-11-26')
const period = z.object({ from: day.optional(), to: day.optional(), format: z.enum(['json', 'csv']).default('json') })

/** `/admin`: keys and usage, for keys with the scope `admin`; never without a key. */
export function adminApi({ keys, database }: Accounts): Hono {
  const app = new Hono()
  app.use(requireKey(keys, true))
  app.use(async (c, next) => {
    if (!c.get('terms')!.admin) {
      throw new ApiError(403, 'admin_required', 'This needs a key with the scope admin: modu keys create NAME --admin.')
    }
    await next()
  })

  app.get('/keys', async c => c.json({ object: 'list', data: (await keys.list()).map(keyBody) }))
  app.post('/keys', async c => {
    const given = parse(terms, await readJsonBody(c))
    const made = await told(
      keys.create({
        name: given.name,
        models: given.models,
        admin: given.admin,
        requestsPerMinute: given.requests_per_minute,
        tokensPerMinute: given.tokens_per_minute,
        tokensPerMonth: given.tokens_per_month,
        expiresAt: given.expires_at,
      }),
    )
    return c.json(newKeyBody(made), 201)
  })
  app.delete('/keys/:id', async c => c.json(keyBody(await told(keys.revoke(c.req.param('id'))))))
  app.post('/keys/:id/rotate', async c => c.json(newKeyBody(await told(keys.rotate(c.req.param('id'))))))

  app.get('/usage', async c => {
    const { format, ...days } = parse(period, c.req.query())
    const rows = await usageReport(database, days)
    if (format === 'csv') return c.body(usageCsv(rows), 200, { 'Content-Type': 'text/csv; charset=utf-8' })
    return c.json({ object: 'list', data: rows })
  })
  return app
}

/** A KeyError as the client is told it. */
async function told<T>(result: Promise<T>): Promise<T> {
  try {
    return await result
  } catch (error) {
    if (!(error instanceof KeyError)) throw error
    const status = error.code === 'key-missing' ? 404 : 409
    throw new ApiError(status, error.code.replace('-', '_'), error.message, { cause: error })
  }
}

const time = (milliseconds: number | null) => (milliseconds === null ? null : new Date(milliseconds).toISOString())

/** A key in the words of the API. */
export const keyBody = (key: Key) => ({
  id: key.id,
  object: 'key',
  name: key.name,
  prefix: key.prefix,
  models: key.models,
  admin: key.admin,
  requests_per_minute: key.requestsPerMinute,
  tokens_per_minute: key.tokensPerMinute,
  tokens_per_month: key.tokensPerMonth,
  created_at: time(key.createdAt),
  expires_at: time(key.expiresAt),
  revoked_at: time(key.revokedAt),
})

export const newKeyBody = ({ key, secret }: NewKey) => ({ ...keyBody(key), secret })
