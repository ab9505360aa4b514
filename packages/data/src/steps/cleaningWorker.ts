import { parentPort, workerData } from 'node:worker_threads'
import { cleanShard, type Shard, type ShardOptions } from './cleanShard.ts'
import type { SharedContamination } from './contamination.ts'
import { documentSteps, type StepOptions } from './documentSteps.ts'

/* A thread that cleans the shards it is sent, one at a time, and answers each when its files are written. */

export interface WorkerStart {
  readonly options: StepOptions & ShardOptions
  readonly contamination: SharedContamination
}

/** Why a shard could not be cleaned, or undefined. An error would lose its code on the way. */
export type WorkerAnswer = { readonly error: unknown; readonly code: unknown } | undefined

const { options, contamination } = workerData as WorkerStart
const steps = documentSteps(options, contamination)

parentPort!.on('message', (shard: Shard) => {
  let answer: WorkerAnswer
  try {
    cleanShard(shard, steps, options)
  } catch (error) {
    answer = { error, code: (error as { code?: unknown }).code }
  }
  parentPort!.postMessage(answer)
})
