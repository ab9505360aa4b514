import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Database, Query } from './database.ts'
import { SqliteDatabase } from './sqlite.ts'

/** The path of a database that is deleted when the test is over. */
export function databasePath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'modu-store-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'serve.db')
}

/** A database of the test's own. */
export async function testDatabase(path = databasePath()): Promise<Database> {
  const database = await SqliteDatabase.open(path)
  onTestFinished(() => database.close())
  return database
}

/** The database with its clock in the test's hands. */
export const withClock = (database: Database, clock: { now: number }): Database => ({
  transaction: work => database.transaction((query: Query) => work(query, clock.now)),
  close: () => database.close(),
})
