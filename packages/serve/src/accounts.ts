import { Keys } from './keys/keys.ts'
import type { Database } from './store/database.ts'
import { StoreError } from './store/database.ts'
import { Ledger } from './usage/ledger.ts'

/** Who may use the server, and who used how much. */
export interface Accounts {
  readonly database: Database
  readonly keys: Keys
  readonly ledger: Ledger
}

/** The accounts in a database. Clients hear little of its failures, so `log` has them. */
export function accountsIn(database: Database, log: (line: string) => void): Accounts {
  const logged: Database = {
    transaction: work =>
      database.transaction(work).catch(error => {
        if (error instanceof StoreError) log(error.message)
        throw error
      }),
    close: () => database.close(),
  }
  return { database: logged, keys: new Keys(logged), ledger: new Ledger(logged) }
}
