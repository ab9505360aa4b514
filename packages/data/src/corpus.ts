import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { readJson, writeFileAtomic } from '@modu/model'
import { type CleanedBatch, cleanRecords, type RecordBatch } from './cleanRecord.ts'
import { DataError } from './errors.ts'
import { hashFile } from './hashFile.ts'
import { dataFiles, records } from './read/records.ts'
import { type CorpusCleaning, readSource } from './readSource.ts'
import { type CorpusDocument, emptyReport, type Filter, type Source, type SourceReport, sourcePath } from './source.ts'
import { Contamination, contaminationFinder } from './steps/contamination.ts'
import { evaluationTexts } from './steps/evaluationTexts.ts'
import { Fingerprints } from './steps/fingerprints.ts'
import { LineFile } from './steps/lineFile.ts'
import type { CleaningSample } from './steps/report.ts'
import { droppedSample, SampleDraw } from './steps/samples.ts'
import { Threads } from './steps/threads.ts'

/** Sources by name, as a recipe lists them. */
export type Sources = Readonly<Record<string, Source>>

/** What cleaning did, source by source; `key` names what it was made from. */
export interface CorpusReport {
  readonly key: string
  readonly sources: Readonly<Record<string, SourceReport>>
  /** Of each filter at most five records that it dropped, drawn at random. Reports of earlier versions have none. */
  readonly samples?: Partial<Record<Filter, readonly CleaningSample[]>>
}

/** How far cleaning has come, in bytes of the data files as they lie on the disk. */
export interface CleaningProgress {
  readonly bytes: number
  readonly totalBytes: number
}

// Raise it when cleaning changes, so that run folders clean again.
const cleaningVersion = 4

/** What the data at a path is known by: the contents of a file; of a folder, the names and contents of all data files in it. */
async function hashData(path: string): Promise<string | string[][]> {
  const hashes: string[][] = []
  for (const file of dataFiles(path)) {
    const hash = await hashFile(file)
    if (file === path) return hash
    hashes.push([relative(path, file), hash])
  }
  return hashes
}

/** Bytes of all data files of a source. */
function sourceBytes(source: Source, directory: string): number {
  let bytes = 0
  for (const path of source.files) {
    for (const file of dataFiles(sourcePath(path, directory))) bytes += statSync(file).size
  }
  return bytes
}

/** Bytes of data that are cleaned in less time than threads take to start. */
const fewBytes = 2 ** 20

const documentsFile = (folder: string, name: string): string => join(folder, `${name}.jsonl`)
const reportFile = (folder: string): string => join(folder, 'report.json')

export interface CleanCorpusOptions {
  /** Evaluation sets in the data folder: documents that hold a piece of them are dropped. */
  readonly evaluationFiles?: readonly string[]
  /**
   * Threads that clean records, while this one reads, seeks duplicates and writes; 0 cleans here, too. The result does not
   * depend on them. By default as many as there are cores, and none for data that is cleaned before they have started.
   */
  readonly threads?: number
  readonly onProgress?: (progress: CleaningProgress) => void
}

/**
 * Cleans all sources into `folder`: a file NAME.jsonl of documents each, and `report.json`. What is there already from
 * the same sources is used again. Exact duplicates are dropped over all sources; the first in the recipe's order stays.
 * Errors: `missing` for a file that is not there, `empty` for a source of which nothing is left.
 */
export async function cleanCorpus(
  sources: Sources,
  directory: string,
  folder: string,
  { evaluationFiles = [], threads, onProgress }: CleanCorpusOptions = {},
): Promise<CorpusReport> {
  const hashes: (string | string[][])[] = []
  const hashFiles = async (what: string, files: readonly string[]): Promise<void> => {
    for (const file of files) {
      const path = sourcePath(file, directory)
      if (!existsSync(path)) {
        throw new DataError(
          'missing',
          `${what}: there is no file ${path}; check the recipe, or name the data folder with --data or MODU_DATA`,
        )
      }
      hashes.push(await hashData(path))
    }
  }
  for (const [name, { files }] of Object.entries(sources)) await hashFiles(`source "${name}"`, files)
  await hashFiles('"evaluationFiles"', evaluationFiles)
  const key = createHash('sha256')
    .update(JSON.stringify([cleaningVersion, sources, evaluationFiles, hashes]))
    .digest('hex')

  if (existsSync(reportFile(folder))) {
    const earlier = readJson(reportFile(folder)) as CorpusReport
    if (earlier.key === key) return earlier
  }

  const contamination = new Contamination()
  for (const file of evaluationFiles) {
    for await (const text of evaluationTexts(sourcePath(file, directory))) contamination.add(text)
  }
  const reports: Record<string, SourceReport> = {}
  const sizes = new Map(Object.entries(sources).map(([name, source]) => [name, sourceBytes(source, directory)]))
  const totalBytes = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0)
  const count = threads ?? (totalBytes < fewBytes ? 0 : availableParallelism())
  const shared = contamination.share()
  const findCopied = contaminationFinder(shared)
  const workers = new Threads<RecordBatch, CleanedBatch>(new URL('./recordWorker.ts', import.meta.url), shared, count)
  const draws = new Map<Filter, SampleDraw<CleaningSample>>()
  const cleaning: CorpusCleaning = {
    seen: new Fingerprints(),
    clean: batch => (count === 0 ? cleanRecords(batch, findCopied) : workers.ask(batch)),
    // One that a thread works on, and one that it goes on with while its answer is on the way.
    batchesAhead: 2 * count,
    onDropped(filter, place, prose, part) {
      const draw = draws.get(filter) ?? new SampleDraw(1, filter)
      draws.set(filter, draw)
      draw.offer(place, 'dropped', () => droppedSample(place, filter, prose, part))
    },
  }
  let bytesBefore = 0
  try {
    for (const [name, source] of Object.entries(sources)) {
      const report = emptyReport()
      const documents = new LineFile(documentsFile(folder, name))
      let bytes = bytesBefore
      const onBytes = (more: number) => {
        bytes += more
        onProgress?.({ bytes, totalBytes })
      }
      try {
        for await (const document of readSource(source, directory, cleaning, report, onBytes)) {
          documents.add(JSON.stringify(document))
        }
        if (report.documents === 0) {
          throw new DataError(
            'empty',
            `source "${name}": none of its ${report.read} records is left after cleaning; check "format" and the filters in the recipe`,
          )
        }
      } catch (error) {
        documents.abandon()
        throw error
      }
      documents.finish()
      reports[name] = report
      // Not what was read: a source with a limit leaves the rest.
      bytesBefore += sizes.get(name) ?? 0
    }
  } finally {
    await workers.close()
  }
  const samples = Object.fromEntries(Array.from(draws, ([filter, draw]) => [filter, draw.samples]))
  const report = { key, sources: reports, samples }
  writeFileAtomic(reportFile(folder), `${JSON.stringify(report, null, 2)}\n`)
  return report
}

/** The cleaned documents of one source, in order. */
export async function* readCorpus(folder: string, name: string): AsyncGenerator<CorpusDocument> {
  for await (const { record } of records(documentsFile(folder, name))) yield record as unknown as CorpusDocument
}
