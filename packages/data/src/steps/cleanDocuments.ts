import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { readJson, writeFileAtomic } from '@modu/model/files'
import { DataError } from '../errors.ts'
import { cleanOnThreads } from './cleaningThreads.ts'
import { type Shard, type ShardReport, shardFiles } from './cleanShard.ts'
import { Contamination } from './contamination.ts'
import { cutShards, type InputFile, inputFiles, shardName } from './cutShards.ts'
import type { StepOptions } from './documentSteps.ts'
import { evaluationTexts } from './evaluationTexts.ts'
import { gatherShards } from './gatherShards.ts'
import type { CleaningReport } from './report.ts'

export interface CleaningOptions extends Partial<StepOptions> {
  /** Data files or folders, read in order; of duplicates the first stays. */
  readonly inputs: readonly string[]
  /** The `.jsonl` file of documents kept. */
  readonly out: string
  /** Evaluation files of which nothing may remain in the documents. */
  readonly against?: readonly string[]
  /** A file for the report. */
  readonly report?: string | undefined
  /** Decides which documents are the samples of the report. */
  readonly seed?: number
  /** Threads that clean; the result does not depend on them. */
  readonly threads?: number
  /** Characters of text that are cleaned, and in memory, at once on each thread. */
  readonly shardCharacters?: number
  onProgress?(progress: CleaningDone): void
}

/** How far cleaning has come, in bytes of the inputs as they lie on the disk. */
export interface CleaningDone {
  readonly bytes: number
  readonly totalBytes: number
  /** Of `bytes`, what an earlier run had done. */
  readonly reusedBytes: number
}

// Raise it when a step changes, so that no shards of the earlier one are used.
const cleaningVersion = 1

const stat = (path: string) => {
  const { size, mtimeMs } = statSync(path)
  return [path, size, mtimeMs]
}

/**
 * Takes documents (records with a `text`) through all steps and writes those that are left to `options.out`, with their
 * other fields as they were.
 *
 * First threads take shards, stretches of the inputs, through the steps that need one document at a time, and write
 * what is left of each to the folder OUT.parts; then duplicates are sought among the prints of all of them; then what is
 * left is gathered. Killed at any time, the same call goes on with the first unfinished shard, and what it writes is the
 * same. OUT.parts needs as much room as the documents (unpacked), and 304 bytes more for each; it is removed at the end.
 *
 * Memory: some 400 MB, and up to 100 MB more for each thread with its shard, whatever the inputs; of the evaluation files
 * 16 to 32 bytes a word, once for all threads. With the documents grow a byte for each, and the table of `Duplicates` up
 * to its limit of 200 MB, while no thread works any more. Measured on 100 MB (29,500 documents): 470 MB with two threads,
 * 526 MB with four; 500 MB, with shards twice as large, 526 MB with two. So 100 GB of such documents (30 million) pass through 2 GB.
 *
 * Errors: those of `records`, for inputs and evaluation files; `empty` if no record has a text; `file` if writing fails.
 */
export async function cleanDocuments(options: CleaningOptions): Promise<CleaningReport> {
  const { inputs, out, against = [], seed = 1, threads = availableParallelism(), shardCharacters = 2 ** 21 } = options
  const { minCharacters = 20, minHangul = 0.5 } = options
  // Without evaluation files nothing is compared with them, and the report should not say that it was.
  const skip = [...(options.skip ?? []), ...(against.length === 0 ? (['contamination'] as const) : [])]
  const steps: StepOptions = { skip, minCharacters, minHangul }
  const files = inputFiles(inputs)
  const contamination = new Contamination()
  for (const path of against) for await (const text of evaluationTexts(path)) contamination.add(text)

  // Shards lie under a name that depends on all that decides what is in them.
  const key = createHash('sha256')
    .update(JSON.stringify([cleaningVersion, steps, seed, shardCharacters, files, against.map(stat)]))
    .digest('hex')
  const parts = `${out}.parts`
  const folder = join(parts, key.slice(0, 16))
  mkdirSync(folder, { recursive: true })

  let bytes = 0
  let reusedBytes = 0
  const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const onDone = (shard: { readonly bytes: number }, reused = false) => {
    bytes += shard.bytes
    if (reused) reusedBytes += shard.bytes
    options.onProgress?.({ bytes, totalBytes, reusedBytes })
  }
  const shards = unfinishedShards(files, folder, shardCharacters, shard => onDone(shard, true))
  const withSignatures = !skip.includes('nearDuplicates')
  const start = { options: { ...steps, folder, seed, withSignatures }, contamination: contamination.share() }
  await cleanOnThreads(shards, threads, start, shard => onDone(shard))

  const names = files.map((_, file) => finishedShards(folder, file).names)
  const gathered = join(folder, 'documents.jsonl')
  const report = gatherShards({ files, names, folder, skip, seed, out: gathered })
  if (report.total.read.documents === 0) {
    rmSync(parts, { recursive: true })
    throw new DataError(
      'empty',
      `none of the ${report.total.records} records of ${inputs.join(', ')} has a field "text" of text: name other files, or rename the field`,
    )
  }
  if (options.report !== undefined) writeFileAtomic(options.report, `${JSON.stringify(report, undefined, 2)}\n`)
  mkdirSync(dirname(out), { recursive: true })
  renameSync(gathered, out)
  rmSync(parts, { recursive: true })
  return report
}

/** The shards of file number `file` that have been cleaned, from the first on without a gap, and whether they are all. */
function finishedShards(folder: string, file: number): { readonly names: readonly string[]; readonly all: boolean } {
  const names: string[] = []
  while (existsSync(shardFiles(folder, shardName(file, names.length)).report)) names.push(shardName(file, names.length))
  const last = names.at(-1)
  return { names, all: last !== undefined && (readJson(shardFiles(folder, last).report) as ShardReport).last }
}

/** The shards that have no report yet; `onReused` is told of the others. A file of which all are done is not read. */
async function* unfinishedShards(
  files: readonly InputFile[],
  folder: string,
  size: number,
  onReused: (shard: { readonly bytes: number }) => void,
): AsyncGenerator<Shard> {
  for (const [file, input] of files.entries()) {
    if (finishedShards(folder, file).all) {
      onReused(input)
      continue
    }
    for await (const shard of cutShards(input, file, size)) {
      if (existsSync(shardFiles(folder, shard.name).report)) onReused(shard)
      else yield shard
    }
  }
}
