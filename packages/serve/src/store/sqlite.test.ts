import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { moduHome } from './home.ts'
import { SqliteDatabase } from './sqlite.ts'
import { databasePath, testDatabase } from './testDatabase.ts'

const count = `CREATE TABLE IF NOT EXISTS counter (n BIGINT)`

describe('a transaction', () => {
  test('happens as a whole or not at all', async () => {
    const database = await testDatabase()
    await database.transaction(query => query(count))
    const broken = database.transaction(async query => {
      await query('INSERT INTO counter VALUES ($1)', 1)
      throw new Error('changed my mind')
    })
    await expect(broken).rejects.toThrow('changed my mind')
    expect(await database.transaction(query => query('SELECT * FROM counter'))).toEqual([])
  })

  test('is alone, though others begin while it waits', async () => {
    const database = await testDatabase()
    await database.transaction(async query => {
      await query(count)
      await query('INSERT INTO counter VALUES (0)')
    })
    const increment = () =>
      database.transaction(async query => {
        const [{ n }] = await query<{ n: number }>('SELECT n FROM counter')
        await new Promise(setImmediate)
        await query('UPDATE counter SET n = $1', n + 1)
      })
    await Promise.all(Array.from({ length: 20 }, increment))
    expect(await database.transaction(query => query('SELECT n FROM counter'))).toEqual([{ n: 20 }])
  })

  test('of several processes, which also make the file together, is alone', async () => {
    const path = databasePath()
    const code = `
      import { SqliteDatabase } from ${JSON.stringify(new URL('./sqlite.ts', import.meta.url).href)}
      const database = await SqliteDatabase.open(${JSON.stringify(path)})
      await database.transaction(query => query(${JSON.stringify(count)}))
      for (let i = 0; i < 50; i++) {
        await database.transaction(async query => {
          const [row] = await query('SELECT n FROM counter')
          await query(row ? 'UPDATE counter SET n = $1' : 'INSERT INTO counter VALUES ($1)', (row?.n ?? 0) + 1)
        })
      }
      await database.close()
    `
    const processes = Array.from({ length: 3 }, () =>
      spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', 'ignore', 'inherit'] }),
    )
    const ends = await Promise.all(processes.map(child => once(child, 'exit')))
    expect(ends).toEqual([
      [0, null],
      [0, null],
      [0, null],
    ])
    const database = await testDatabase(path)
    expect(await database.transaction(query => query('SELECT n FROM counter'))).toEqual([{ n: 150 }])
  })

  test('waits for another that holds the file, and the event loop turns meanwhile', async () => {
    const path = databasePath()
    const database = await testDatabase(path)
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const waiting = database.transaction(query => query('SELECT 1 AS one'))
    await new Promise(resolve => setTimeout(resolve, 30))
    other.exec('COMMIT')
    other.close()
    expect(await waiting).toEqual([{ one: 1 }])
  })
})

test('a disk without room refuses, changes nothing, and goes on when there is room', async () => {
  const database = await testDatabase()
  await database.transaction(query => query('CREATE TABLE texts (text TEXT)'))
  const pages = (n: number) => database.transaction(query => query(`PRAGMA max_page_count = ${n}`))
  await pages(1) // SQLite takes no less than the file has
  const write = () =>
    database.transaction(async query => {
      for (let i = 0; i < 50; i++) await query('INSERT INTO texts VALUES ($1)', 'a'.repeat(1000))
    })
  await expect(write()).rejects.toMatchObject({ name: 'StoreError', code: 'store-full' })
  expect(await database.transaction(query => query('SELECT COUNT(*) AS n FROM texts'))).toEqual([{ n: 0 }])
  await pages(10_000)
  await write()
  expect(await database.transaction(query => query('SELECT COUNT(*) AS n FROM texts'))).toEqual([{ n: 50 }])
  expect(await database.transaction(query => query('PRAGMA integrity_check'))).toEqual([{ integrity_check: 'ok' }])
})

test('a file that is none of ours is named', async () => {
  const error = await SqliteDatabase.open(import.meta.filename).catch(error => error)
  expect(error).toMatchObject({ name: 'StoreError', code: 'store-failed' })
  expect(error.message).toContain(import.meta.filename)
})

test("Modu's folder is made for its owner alone, where MODU_HOME says", () => {
  const folder = join(databasePath(), '..', 'a', 'home')
  expect(moduHome({ MODU_HOME: folder })).toBe(folder)
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  expect(moduHome({ MODU_HOME: folder })).toBe(folder)
})
