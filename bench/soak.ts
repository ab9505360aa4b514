import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { EngineThread, serve } from '@modu/serve'
import { option } from './measure.ts'
import { type Result, result } from './report.ts'
import type { Streams } from './soakClients.ts'

/** Streams that get tokens, and streams that are open and wait for theirs. */
const active = 256
const idle = 1000

/**
 * The server with 1,256 streams open for a minute (`--seconds`), from clients in another process. The limit is the
 * memory that the HTTP side has when all are open and have begun; ours is what it has at the end.
 */
export async function soak(args: string[]): Promise<Result> {
  const seconds = Number(option(args, 'seconds', '60'))
  const source = { module: import.meta.resolve('./serverModel.ts'), data: Number(option(args, 'threads', '2')) }
  const engine = await EngineThread.start({ source, limits: { seats: active, line: idle } })
  const running = await serve({ port: 0, engine })
  const clients = fork(join(import.meta.dirname, 'soakClients.ts'), { execArgv: ['--no-warnings'] })
  try {
    clients.send({ url: running.url, streams: active + idle })
    let begun: Streams
    do {
      await setTimeout(500)
      begun = await ask(clients)
    } while (begun.open < active + idle || begun.talking < active)
    const start = memory()
    await setTimeout(1000 * seconds)
    const ended = await ask(clients)
    const end = memory()
    const row = (measure: string, start: number, end: number, unit: string) => ({ measure, start, end, unit })
    const cases = [
      row('streams open', begun.open, ended.open, ''),
      row('streams with tokens', begun.talking, ended.talking, ''),
      row('tokens so far', begun.tokens, ended.tokens, ''),
      row('live memory (heap and buffers)', start.live, end.live, 'MB'),
      row('resident memory', start.resident, end.resident, 'MB'),
    ]
    return result({ name: 'soak', unit: 'MB', lessIsBetter: true, ours: end.live, limit: start.live, cases })
  } finally {
    clients.kill()
    await running.stop()
  }
}

async function ask(clients: ChildProcess): Promise<Streams> {
  clients.send('how many')
  const [streams] = (await once(clients, 'message')) as [Streams]
  return streams
}

/** In megabytes, after garbage collection. */
function memory(): { live: number; resident: number } {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) collect()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { live: (heapUsed + external) / 1e6, resident: rss / 1e6 }
}
