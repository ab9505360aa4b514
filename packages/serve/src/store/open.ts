import { join } from 'node:path'
import { type Database, StoreError } from './database.ts'
import { moduHome } from './home.ts'
import { SqliteDatabase } from './sqlite.ts'

/**
 * The PostgreSQL database that `DATABASE_URL` names (`postgres://…`), which servers on several machines can share; without it
 * `serve.db` in Modu's folder. Errors: StoreError.
 */
export async function openDatabase(environment: NodeJS.ProcessEnv = process.env): Promise<Database> {
  const url = environment.DATABASE_URL
  if (!url) return SqliteDatabase.open(join(moduHome(environment), 'serve.db'))
  if (!/^postgres(ql)?:\/\//.test(url)) {
    const scheme = url.replace(/:.*/s, ':…')
    throw new StoreError('store-failed', `DATABASE_URL is '${scheme}', but must begin with postgres://.`)
  }
  const { PostgresDatabase } = await import('./postgres.ts')
  return PostgresDatabase.open(url)
}
