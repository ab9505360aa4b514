/**
 * The tables, in words that SQLite and PostgreSQL share. Times are milliseconds since 1970, days and months are UTC.
 *
 * - `keys`: one row a key. `hash` is all that is known of the secret; `prefix` is its visible beginning. `models` is a
 *   JSON array, or null for all. The two levels are those of the buckets of `limits.ts`, as of `filled_at`.
 * - `usage`: one row an accepted request, see `ledger.ts`. `key` may also be that of clients without one.
 * - `months`: the sum of a key's rows in a month, so that a quota need not add them up.
 */
export const tables = [
  `CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    hash TEXT NOT NULL,
    models TEXT,
    admin BIGINT NOT NULL,
    requests_per_minute BIGINT,
    tokens_per_minute BIGINT,
    tokens_per_month BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    request_level DOUBLE PRECISION NOT NULL,
    token_level DOUBLE PRECISION NOT NULL,
    filled_at BIGINT NOT NULL
  )`,
  'CREATE INDEX IF NOT EXISTS keys_by_prefix ON keys (prefix)',
  'CREATE UNIQUE INDEX IF NOT EXISTS keys_by_name ON keys (name) WHERE revoked_at IS NULL',
  `CREATE TABLE IF NOT EXISTS usage (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    model TEXT NOT NULL,
    day TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL
  )`,
  'CREATE INDEX IF NOT EXISTS usage_by_day ON usage (day)',
  `CREATE TABLE IF NOT EXISTS months (
    key TEXT NOT NULL,
    month TEXT NOT NULL,
    tokens BIGINT NOT NULL,
    PRIMARY KEY (key, month)
  )`,
] as const
