import { join } from 'node:path'
import { writeFileAtomic } from '@modu/model/files'
import type { PlacedRecord } from '../read/record.ts'
import type { DocumentStep } from './documentSteps.ts'
import { type Print, printOf, writePrints } from './prints.ts'
import {
  addDocument,
  addTally,
  type CleaningSample,
  type DocumentCounts,
  emptyCounts,
  emptyStep,
  type StepReport,
} from './report.ts'
import { changedSample, droppedSample, SampleDraw, samplesKept } from './samples.ts'
import type { Step } from './step.ts'

/** A stretch of the records of one file, in their order. */
export interface Shard {
  /** The name of its files. */
  readonly name: string
  readonly records: readonly PlacedRecord[]
  /** Bytes of the data file, as it lies on the disk, that were read for it. */
  readonly bytes: number
  /** Whether the file ends with it. */
  readonly last: boolean
}

/** What the steps of single documents did with a shard. */
export interface ShardReport {
  readonly bytes: number
  readonly last: boolean
  records: number
  withoutText: number
  readonly withoutTextPlaces: string[]
  readonly read: DocumentCounts
  /** Documents left: lines of its `.jsonl`, prints of its `.prints`. */
  documents: number
  readonly steps: StepReport[]
}

export interface ShardOptions {
  readonly folder: string
  readonly seed: number
  readonly withSignatures: boolean
}

/** The files of a shard. The report is written last: a shard with a report is finished. */
export const shardFiles = (folder: string, name: string) => ({
  documents: join(folder, `${name}.jsonl`),
  prints: join(folder, `${name}.prints`),
  report: join(folder, `${name}.json`),
})

/** N of `FILE:N`. */
const numberOf = (place: string): number => Number(place.slice(place.lastIndexOf(':') + 1))

/** Takes the documents of a shard through all steps and writes what is left, their prints and a report. */
export function cleanShard(
  shard: Shard,
  steps: readonly (readonly [DocumentStep, Step])[],
  options: ShardOptions,
): void {
  const report: ShardReport = {
    bytes: shard.bytes,
    last: shard.last,
    records: shard.records.length,
    withoutText: 0,
    withoutTextPlaces: [],
    read: emptyCounts(),
    documents: 0,
    steps: steps.map(([name]) => emptyStep(name)),
  }
  const draws = steps.map(([name]) => new SampleDraw<CleaningSample>(options.seed, name))

  /** The text after all steps, or undefined if one drops it. */
  const clean = (text: string, place: string): string | undefined => {
    let now = text
    for (const [index, [, step]] of steps.entries()) {
      const counts = report.steps[index]!
      const draw = draws[index]!
      const before = now
      const outcome = step(before)
      counts.documents++
      counts.characters += before.length
      addTally(counts.found, outcome.found)
      if ('dropped' in outcome) {
        const { dropped, part } = outcome
        counts.dropped++
        counts.charactersDropped += before.length
        addTally(counts.reasons, { [dropped]: 1 })
        draw.offer(place, 'dropped', () => droppedSample(place, dropped, before, part))
        return undefined
      }
      const after = outcome.text
      if (after === before) continue
      counts.changed++
      counts.charactersRemoved += before.length - after.length
      const reason = Object.keys(outcome.found ?? {}).at(-1) ?? ''
      draw.offer(place, 'changed', () => changedSample(place, reason, before, after))
      now = after
    }
    return now
  }

  const lines: string[] = []
  const prints: Print[] = []
  for (const { place, record } of shard.records) {
    if (typeof record?.text !== 'string') {
      report.withoutText++
      if (report.withoutTextPlaces.length < samplesKept) report.withoutTextPlaces.push(place)
      continue
    }
    addDocument(report.read, record.text.length)
    const text = clean(record.text, place)
    if (text === undefined) continue
    lines.push(`${JSON.stringify({ ...record, text })}\n`)
    prints.push(printOf(text, numberOf(place), options.withSignatures))
  }
  report.documents = lines.length
  for (const [index, draw] of draws.entries()) report.steps[index]!.samples.push(...draw.samples)

  const files = shardFiles(options.folder, shard.name)
  writeFileAtomic(files.documents, lines.join(''))
  writePrints(files.prints, prints)
  writeFileAtomic(files.report, JSON.stringify(report))
}
