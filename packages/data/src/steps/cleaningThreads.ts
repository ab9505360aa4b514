import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { WorkerAnswer, WorkerStart } from './cleaningWorker.ts'
import type { Shard } from './cleanShard.ts'

/** Of the process's own flags threads need only these; `--input-type`, for example, would stop them. */
const warningFlags = process.execArgv.filter(flag => /^--(no-warnings|disable-warning)/.test(flag))

/**
 * Has shards cleaned by `count` threads, each of which takes the next when it is done with one; `onDone` is told of each
 * shard whose files are written. After an error in one thread the others finish what they have; then it is thrown.
 */
export async function cleanOnThreads(
  shards: AsyncGenerator<Shard>,
  count: number,
  start: WorkerStart,
  onDone: (shard: Shard) => void,
): Promise<void> {
  const thread = async () => {
    let worker: Worker | undefined
    try {
      for (;;) {
        // A generator answers those who ask at the same time one after another.
        const { value: shard, done } = await shards.next()
        if (done) return
        worker ??= new Worker(new URL('./cleaningWorker.ts', import.meta.url), {
          workerData: start,
          execArgv: warningFlags,
        })
        worker.postMessage(shard)
        const [answer] = (await once(worker, 'message')) as [WorkerAnswer]
        if (answer) throw Object.assign(answer.error as Error, answer.code !== undefined && { code: answer.code })
        onDone(shard)
      }
    } finally {
      await shards.return(undefined)
      await worker?.terminate()
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: count }, thread))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}
