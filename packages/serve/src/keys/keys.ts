import { randomBytes } from 'node:crypto'
import type { Database, Query } from '../store/database.ts'
import { fill, fillTime } from './limits.ts'
import { matches, newSecret, prefixOf } from './secret.ts'

/** What a key's owner may do. Null: without a limit. */
export interface KeyTerms {
  /** For people; no two keys in use share one. */
  readonly name: string
  /** The models it may use. */
  readonly models: readonly string[] | null
  /** Whether it may make and revoke keys and see everybody's usage. */
  readonly admin: boolean
  readonly requestsPerMinute: number | null
  /** Tokens of prompts and answers together. */
  readonly tokensPerMinute: number | null
  /** In a calendar month, UTC. */
  readonly tokensPerMonth: number | null
  /** Milliseconds since 1970. */
  readonly expiresAt: number | null
}

export interface Key extends KeyTerms {
  readonly id: string
  /** The beginning of the secret. */
  readonly prefix: string
  readonly createdAt: number
  readonly revokedAt: number | null
}

/** A key with its secret, which is known at this moment only. */
export interface NewKey {
  readonly key: Key
  readonly secret: string
}

/** How a key stands against one of its limits a minute. */
export interface Level {
  readonly limit: number
  readonly remaining: number
  /** Milliseconds until all of it is there again. */
  readonly reset: number
}

/** Whether a request may come in, and how the key stands after it. */
export interface Admission {
  readonly refused?: { readonly limit: 'requests' | 'tokens' | 'month'; readonly retryAfter: number }
  readonly requests?: Level
  readonly tokens?: Level
}

/** A key cannot be made or found. */
export class KeyError extends Error {
  readonly code: 'key-exists' | 'key-missing'

  constructor(code: KeyError['code'], message: string) {
    super(message)
    this.name = 'KeyError'
    this.code = code
  }
}

interface KeyRow {
  readonly id: string
  readonly name: string
  readonly prefix: string
  readonly hash: string
  readonly models: string | null
  readonly admin: number
  readonly requests_per_minute: number | null
  readonly tokens_per_minute: number | null
  readonly tokens_per_month: number | null
  readonly created_at: number
  readonly expires_at: number | null
  readonly revoked_at: number | null
  readonly request_level: number
  readonly token_level: number
  readonly filled_at: number
}

/** The keys of a database. Keys are revoked, never deleted: their usage stays theirs. */
export class Keys {
  readonly #database: Database
  #any = false

  constructor(database: Database) {
    this.#database = database
  }

  /** Whether there has ever been a key: from then on nobody comes in without one. */
  async any(): Promise<boolean> {
    this.#any ||= await this.#database.transaction(
      async query => (await query('SELECT id FROM keys LIMIT 1')).length > 0,
    )
    return this.#any
  }

  /** Errors: `key-exists`. */
  create(terms: KeyTerms): Promise<NewKey> {
    const id = `key_${randomBytes(6).toString('hex')}`
    const { text, prefix, hash } = newSecret()
    return this.#database.transaction(async (query, now) => {
      const taken = await query('SELECT id FROM keys WHERE name = $1 AND revoked_at IS NULL', terms.name)
      if (taken.length > 0) {
        throw new KeyError(
          'key-exists',
          `There is a key named '${terms.name}'. Choose another name, or revoke that key.`,
        )
      }
      const [row] = await query<KeyRow>(
        `INSERT INTO keys (id, name, prefix, hash, models, admin, requests_per_minute, tokens_per_minute,
           tokens_per_month, created_at, expires_at, request_level, token_level, filled_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING *`,
        id,
        terms.name,
        prefix,
        hash,
        terms.models && JSON.stringify(terms.models),
        terms.admin ? 1 : 0,
        terms.requestsPerMinute,
        terms.tokensPerMinute,
        terms.tokensPerMonth,
        now,
        terms.expiresAt,
        terms.requestsPerMinute ?? 0,
        terms.tokensPerMinute ?? 0,
        now,
      )
      return { key: keyOf(row), secret: text }
    })
  }

  /** All keys, the oldest first. */
  list(): Promise<Key[]> {
    return this.#database.transaction(async query =>
      (await query<KeyRow>('SELECT * FROM keys ORDER BY created_at, id')).map(keyOf),
    )
  }

  /** From now on nobody comes in with the key named so, by its id or name. Errors: `key-missing`. */
  revoke(named: string): Promise<Key> {
    return this.#database.transaction(async (query, now) => {
      const { id } = await inUse(query, named)
      const [row] = await query<KeyRow>('UPDATE keys SET revoked_at = $2 WHERE id = $1 RETURNING *', id, now)
      return keyOf(row)
    })
  }

  /** A new secret for a key, with its terms and usage; the old secret is good for nothing. Errors: `key-missing`. */
  rotate(named: string): Promise<NewKey> {
    const { text, prefix, hash } = newSecret()
    return this.#database.transaction(async query => {
      const { id } = await inUse(query, named)
      const [row] = await query<KeyRow>(
        'UPDATE keys SET prefix = $2, hash = $3 WHERE id = $1 RETURNING *',
        id,
        prefix,
        hash,
      )
      return { key: keyOf(row), secret: text }
    })
  }

  /** The key whose secret this is, whatever its state. */
  find(secret: string): Promise<Key | undefined> {
    return this.#database.transaction(async query => {
      const rows = await query<KeyRow>('SELECT * FROM keys WHERE prefix = $1', prefixOf(secret))
      const row = rows.find(({ hash }) => matches(secret, hash))
      return row && keyOf(row)
    })
  }

  /** Counts a request against the key's limits, if they leave room for it. */
  admit(id: string): Promise<Admission> {
    return this.#database.transaction(async (query, now) => {
      // Changing the row first keeps other processes away from it until the end of the transaction.
      const [row] = await query<KeyRow>('UPDATE keys SET id = id WHERE id = $1 RETURNING *', id)
      const { requests_per_minute: rpm, tokens_per_minute: tpm, tokens_per_month: quota } = row
      const requests = rpm === null ? undefined : fill({ level: row.request_level, filledAt: row.filled_at }, rpm, now)
      const tokens = tpm === null ? undefined : fill({ level: row.token_level, filledAt: row.filled_at }, tpm, now)
      const refused = await refusal()
      const requestLevel = (requests?.level ?? 0) - (requests && !refused ? 1 : 0)
      await query(
        'UPDATE keys SET request_level = $2, token_level = $3, filled_at = $4 WHERE id = $1',
        id,
        requestLevel,
        tokens?.level ?? 0,
        (requests ?? tokens)?.filledAt ?? now,
      )
      const level = (limit: number | null, level = 0): Level | undefined =>
        limit === null
          ? undefined
          : {
              limit,
              remaining: Math.max(0, Math.floor(level)),
              reset: fillTime({ level, filledAt: now }, limit, limit),
            }
      return { refused, requests: level(rpm, requestLevel), tokens: level(tpm, tokens?.level) }

      async function refusal(): Promise<Admission['refused']> {
        if (requests && requests.level < 1) return { limit: 'requests', retryAfter: fillTime(requests, rpm!, 1) }
        if (tokens && tokens.level < 1) return { limit: 'tokens', retryAfter: fillTime(tokens, tpm!, 1) }
        if (quota !== null && (await monthsTokens(query, id, now)) >= quota) {
          return { limit: 'month', retryAfter: nextMonth(now) - now }
        }
      }
    })
  }
}

/** The month of a time, UTC, as `2026-11`. */
export const monthOf = (time: number): string => new Date(time).toISOString().slice(0, 7)

function nextMonth(time: number): number {
  const date = new Date(time)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)
}

async function monthsTokens(query: Query, key: string, now: number): Promise<number> {
  const [row] = await query<{ tokens: number }>(
    'SELECT tokens FROM months WHERE key = $1 AND month = $2',
    key,
    monthOf(now),
  )
  return row?.tokens ?? 0
}

async function inUse(query: Query, named: string): Promise<KeyRow> {
  const [row] = await query<KeyRow>('SELECT * FROM keys WHERE (id = $1 OR name = $1) AND revoked_at IS NULL', named)
  if (!row) throw new KeyError('key-missing', `There is no key '${named}' in use. modu keys list shows all.`)
  return row
}

const keyOf = (row: KeyRow): Key => ({
  id: row.id,
  name: row.name,
  prefix: row.prefix,
  models: row.models === null ? null : (JSON.parse(row.models) as string[]),
  admin: row.admin === 1,
  requestsPerMinute: row.requests_per_minute,
  tokensPerMinute: row.tokens_per_minute,
  tokensPerMonth: row.tokens_per_month,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  revokedAt: row.revoked_at,
})
