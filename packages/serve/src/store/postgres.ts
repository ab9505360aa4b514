import pg from 'pg'
import { type Database, type Query, StoreError, type Value } from './database.ts'
import { tables } from './tables.ts'

/** Whole numbers of 64 bits, sums and times among them, stay below 2⁵³ here. */
const types = {
  getTypeParser: ((oid: number, format?: 'text') =>
    oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
}

/** Any number, the same for all of us: who makes the tables first holds it. */
const makingTables = 6_045_117

/**
 * A PostgreSQL database, for processes on any number of machines. Its clock is the one that counts. Transactions run
 * as READ COMMITTED; they change the rows that they depend on first, which keeps others away from these.
 */
export class PostgresDatabase implements Database {
  readonly #pool: pg.Pool
  /** Without a password, for messages. */
  readonly #name: string

  private constructor(pool: pg.Pool, name: string) {
    this.#pool = pool
    this.#name = name
  }

  /** Connects, e.g. to `postgres://user:password@host:5432/modu`, and makes the tables where they are missing. Errors: StoreError. */
  static async open(url: string): Promise<PostgresDatabase> {
    const pool = new pg.Pool({ connectionString: url, types, max: 8, connectionTimeoutMillis: 5000 })
    // A connection that breaks while nobody uses it: the next transaction takes another.
    pool.on('error', () => {})
    const database = new PostgresDatabase(pool, nameOf(url))
    try {
      await database.transaction(async query => {
        // CREATE … IF NOT EXISTS of two processes at the same time fails in one of them.
        await query('SELECT pg_advisory_xact_lock($1)', makingTables)
        for (const table of tables) await query(table)
      })
    } catch (error) {
      await pool.end()
      throw error
    }
    return database
  }

  async transaction<T>(work: (query: Query, now: number) => Promise<T>): Promise<T> {
    let client: pg.PoolClient
    try {
      client = await this.#pool.connect()
    } catch (error) {
      throw this.#inOurWords(error, 'store-unreachable')
    }
    let broken: Error | undefined
    const breaks = (error: Error) => {
      broken = error
    }
    client.on('error', breaks)
    const query: Query = async <Row>(sql: string, ...values: readonly Value[]) =>
      (await client.query(sql, [...values])).rows as Row[]
    try {
      await query('BEGIN')
      const [{ now }] = await query<{ now: number }>(
        'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now',
      )
      const result = await work(query, now)
      await query('COMMIT')
      return result
    } catch (error) {
      await query('ROLLBACK').catch(breaks)
      throw this.#inOurWords(error, broken ? 'store-unreachable' : 'store-failed')
    } finally {
      client.off('error', breaks)
      client.release(broken)
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  #inOurWords(error: unknown, code: StoreError['code']): unknown {
    const state = error instanceof pg.DatabaseError ? error.code : undefined
    // 53100: disk_full.
    if (state === '53100') {
      return new StoreError('store-full', `${this.#name}: the disk is full. Make room on it.`, { cause: error })
    }
    const message = error instanceof Error ? error.message : String(error)
    if (code === 'store-unreachable') {
      const remedy = 'Check DATABASE_URL, and that PostgreSQL runs and lets this machine in.'
      return new StoreError(code, `${this.#name} cannot be reached: ${message || 'no answer'}. ${remedy}`, {
        cause: error,
      })
    }
    if (state === undefined) return error
    return new StoreError(code, `${this.#name}: ${message}. Check the rights of the user in DATABASE_URL.`, {
      cause: error,
    })
  }
}

function nameOf(url: string): string {
  const { host, pathname } = new URL(url)
  return `PostgreSQL at ${host}${pathname}`
}
