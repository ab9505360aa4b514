/** Runs one statement, with `$1`, `$2`, … for `values`, and returns its rows. */
export type Query = <Row = unknown>(sql: string, ...values: readonly Value[]) => Promise<Row[]>

export type Value = string | number | null

/**
 * Where keys, limits and the usage ledger live. All that they ask of a database is this: SQL that SQLite and PostgreSQL
 * both understand, run in transactions that see and change the tables as if each were alone, also among several
 * processes.
 */
export interface Database {
  /**
   * Runs `work` in a transaction: all of it happens, or, if it throws, nothing. `now` is the database's clock in
   * milliseconds since 1970, one clock for all processes. Errors: those of `work`, and StoreError.
   */
  transaction<T>(work: (query: Query, now: number) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** The database cannot do what it should. */
export class StoreError extends Error {
  readonly code: 'store-full' | 'store-busy' | 'store-unreachable' | 'store-failed'

  constructor(code: StoreError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
    this.code = code
  }
}
