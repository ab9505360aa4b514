import { setTimeout } from 'node:timers/promises'
import { type ServeOptions, serve } from '../serve.ts'
import { SqliteDatabase } from '../store/sqlite.ts'
import { scriptedModel } from '../testModels.ts'
import type { Memory } from './victim.ts'

/* The process behind `victim.ts`. It tells its parent its address, and its memory when asked. */

export interface Options extends Omit<ServeOptions, 'models' | 'port' | 'database'> {
  /** What the model `said` answers to everything. */
  readonly says: string
  /** Path of a database for keys and usage; none without. */
  readonly database?: string
}

const { says, database, ...options } = JSON.parse(process.argv[2]!) as Options
const server = await serve({
  ...options,
  port: 0,
  models: { said: await scriptedModel(says) },
  database: database === undefined ? undefined : await SqliteDatabase.open(database),
})

process.on('message', async () => {
  // Streams and sockets are let go over several turns of the event loop.
  for (let i = 0; i < 3; i++) {
    await setTimeout(50)
    globalThis.gc!()
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  process.send!({ live: heapUsed + external, resident: rss } satisfies Memory)
})
process.send!(server.url)
