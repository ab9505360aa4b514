import type { WorkerAnswer, WorkerStart } from './cleaningWorker.ts'
import type { Shard } from './cleanShard.ts'
import { Threads } from './threads.ts'

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
  const threads = new Threads<Shard, WorkerAnswer>(new URL('./cleaningWorker.ts', import.meta.url), start, count)
  const oneAfterAnother = async () => {
    try {
      for (;;) {
        // A generator answers those who ask at the same time one after another.
        const { value: shard, done } = await shards.next()
        if (done) return
        const answer = await threads.ask(shard)
        if (answer) throw Object.assign(answer.error as Error, answer.code !== undefined && { code: answer.code })
        onDone(shard)
      }
    } finally {
      await shards.return(undefined)
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: count }, oneAfterAnother))
  await threads.close()
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}
