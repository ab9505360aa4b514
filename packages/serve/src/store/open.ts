import { join } from 'node:path'
import type { Database } from './database.ts'
import { moduHome } from './home.ts'
import { SqliteDatabase } from './sqlite.ts'

/** The database of this machine: `serve.db` in Modu's folder. Errors: StoreError. */
export const openDatabase = (environment: NodeJS.ProcessEnv = process.env): Promise<Database> =>
  SqliteDatabase.open(join(moduHome(environment), 'serve.db'))
