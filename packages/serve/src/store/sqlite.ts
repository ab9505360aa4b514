import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { type Database, type Query, StoreError, type Value } from './database.ts'
import { tables } from './tables.ts'

/** SQLite's result codes, the low byte of the extended ones. */
const BUSY = 5
const FULL = 13

/** How long a transaction waits for those of other processes, which take well under a millisecond. */
const patience = 5000

/**
 * A SQLite file, for the processes of one machine. In WAL mode a transaction that was committed survives the death of
 * any process at any moment; one that was not leaves no trace. `synchronous = NORMAL` does not wait for the disk at
 * each commit: when the machine itself loses power, the last transactions may be gone, but the file is whole.
 */
export class SqliteDatabase implements Database {
  readonly #connection: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  /** Transactions of this process go one after the other, as they share the connection. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(connection: DatabaseSync) {
    this.#connection = connection
  }

  /** Opens the file, and makes it and its tables where they are missing. Errors: StoreError. */
  static async open(path: string): Promise<SqliteDatabase> {
    try {
      // Waiting is done by `whenFree`, which leaves the event loop running.
      const connection = new DatabaseSync(path, { timeout: 0 })
      await whenFree(() => connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL'))
      await whenFree(() => connection.exec(tables.join(';')))
      return new SqliteDatabase(connection)
    } catch (error) {
      throw inOurWords(error, path)
    }
  }

  transaction<T>(work: (query: Query, now: number) => Promise<T>): Promise<T> {
    const result = this.#last.then(() => this.#run(work))
    this.#last = result.catch(() => {})
    return result
  }

  async close(): Promise<void> {
    await this.#last
    this.#connection.close()
  }

  async #run<T>(work: (query: Query, now: number) => Promise<T>): Promise<T> {
    const connection = this.#connection
    try {
      // Immediate: takes the right to write at once, so that nothing that was read can change before it is written.
      await whenFree(() => connection.exec('BEGIN IMMEDIATE'))
      const result = await work(this.#query, Date.now())
      connection.exec('COMMIT')
      return result
    } catch (error) {
      if (connection.isTransaction) connection.exec('ROLLBACK')
      throw inOurWords(error, connection.location() ?? 'in memory')
    }
  }

  readonly #query: Query = async <Row>(sql: string, ...values: readonly Value[]) => {
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.#connection.prepare(sql)
      this.#statements.set(sql, statement)
    }
    // `$1` is the name "1" to SQLite.
    return statement.all(Object.fromEntries(values.map((value, i) => [i + 1, value]))) as Row[]
  }
}

/** Tries until no other process is in the way. */
async function whenFree(attempt: () => void): Promise<void> {
  const since = performance.now()
  for (let wait = 1; ; wait = Math.min(2 * wait, 20)) {
    try {
      return attempt()
    } catch (error) {
      if (resultCode(error) !== BUSY || performance.now() - since > patience) throw error
    }
    await setTimeout(wait)
  }
}

/** The result code if `error` is one of SQLite's. */
const resultCode = (error: unknown): number | undefined =>
  error instanceof Error && 'errcode' in error ? (error.errcode as number) & 0xff : undefined

function inOurWords(error: unknown, path: string): unknown {
  switch (resultCode(error)) {
    case undefined:
      return error
    case FULL:
      return new StoreError('store-full', `${path}: the disk is full. Make room on it.`, { cause: error })
    case BUSY:
      return new StoreError(
        'store-busy',
        `${path}: another process has kept it locked for ${patience / 1000} s. Stop the process that holds it.`,
        { cause: error },
      )
    default:
      return new StoreError(
        'store-failed',
        `${path}: ${(error as Error).message}. Check that the file is one of Modu's and that its folder may be written to.`,
        { cause: error },
      )
  }
}
