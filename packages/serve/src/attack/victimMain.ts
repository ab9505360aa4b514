import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { EngineThread } from '../engine/engineThread.ts'
import { type ServeOptions, serve } from '../serve.ts'
import { SqliteDatabase } from '../store/sqlite.ts'
import { liveMemory } from './liveMemory.ts'
import type { Memory } from './victim.ts'

/* The process behind `victim.ts`, made like that of `modu serve`. It tells its parent its address, and its memory when asked. */

export interface Options extends Omit<ServeOptions, 'engine' | 'models' | 'port' | 'database'> {
  /** What the model `said` answers to everything. */
  readonly says: string
  /** Path of a database for keys and usage; none without. */
  readonly database?: string
}

const { says, database, seats, line, cacheBytes, ...options } = JSON.parse(process.argv[2]!) as Options
const engine = await EngineThread.start({
  source: { module: new URL('./victimModels.ts', import.meta.url).href, data: says },
  limits: { seats, line, cacheBytes },
})
const server = await serve({
  ...options,
  engine,
  port: 0,
  database: database === undefined ? undefined : await SqliteDatabase.open(database),
})

const thread = new BroadcastChannel('memory')
process.on('message', async () => {
  // Streams and sockets are let go over several turns of the event loop.
  await setTimeout(100)
  thread.postMessage('how much')
  const [{ data }] = (await once(thread as never, 'message')) as [{ data: number }]
  process.send!({ live: liveMemory() + data, resident: process.memoryUsage().rss } satisfies Memory)
})
process.send!(server.url)
