import { readFileSync } from 'node:fs'
import { AtomicFile, readJson } from '@modu/model/files'
import { type ShardReport, shardFiles } from './cleanShard.ts'
import type { InputFile } from './cutShards.ts'
import { Duplicates, fates } from './duplicates.ts'
import { PrintsFile } from './prints.ts'
import {
  addCounts,
  addDocument,
  addStep,
  addTally,
  type CleaningReport,
  type CleaningSample,
  type CleaningStep,
  emptyCounts,
  emptyStep,
  type FileReport,
  type KeptSample,
  type StepReport,
} from './report.ts'
import { droppedSample, maskedBeginning, SampleDraw, samplesKept } from './samples.ts'

export interface GatherOptions {
  readonly files: readonly InputFile[]
  /** The names of the shards of each file, in order. */
  readonly names: readonly (readonly string[])[]
  /** Where their files lie. */
  readonly folder: string
  readonly skip: readonly CleaningStep[]
  readonly seed: number
  readonly out: string
}

/** The documents left of a shard. */
interface Part {
  readonly file: FileReport
  readonly path: string
  readonly prints: PrintsFile
}

/** A document dropped as a duplicate, as a sample. */
interface DuplicatePair {
  readonly outcome: 'dropped'
  readonly document: number
  readonly original: number
}

/** One of the steps that look at all documents together. */
interface DuplicateStep {
  readonly report: StepReport
  readonly fate: number
  readonly reason: string
  readonly pairs: readonly DuplicatePair[]
}

/** Finds the duplicates among the documents of all shards, writes the others to `out`, and sums the reports up. */
export function gatherShards(options: GatherOptions): CleaningReport {
  const { files, parts, steps, withoutTextPlaces } = sumShards(options)
  const duplicates = new Duplicates(parts.map(({ prints }) => prints))
  const duplicateSteps = dropDuplicates(duplicates, options)
  const samples = writeKept(parts, duplicates.fate, duplicateSteps, options)
  return {
    version: 1,
    files,
    total: sumFiles(files),
    withoutTextPlaces,
    steps: [...steps, ...duplicateSteps.map(({ report }) => report)],
    samples,
  }
}

/** Sums the reports of the shards up, over all and by file. */
function sumShards({ files: inputs, names, folder, seed }: GatherOptions) {
  const files: FileReport[] = []
  const parts: Part[] = []
  const withoutTextPlaces: string[] = []
  const steps = new Map<CleaningStep, { readonly report: StepReport; readonly draw: SampleDraw<CleaningSample> }>()
  for (const [index, { path, bytes }] of inputs.entries()) {
    const file = { path, bytes, records: 0, withoutText: 0, read: emptyCounts(), kept: emptyCounts() }
    files.push(file)
    for (const name of names[index]!) {
      const paths = shardFiles(folder, name)
      const shard = readJson(paths.report) as ShardReport
      file.records += shard.records
      file.withoutText += shard.withoutText
      addCounts(file.read, shard.read)
      withoutTextPlaces.push(...shard.withoutTextPlaces.slice(0, samplesKept - withoutTextPlaces.length))
      parts.push({ file, path: paths.documents, prints: new PrintsFile(paths.prints, shard.documents) })
      for (const step of shard.steps) {
        if (!steps.has(step.name)) {
          steps.set(step.name, { report: emptyStep(step.name), draw: new SampleDraw(seed, step.name) })
        }
        const { report, draw } = steps.get(step.name)!
        addStep(report, step)
        for (const sample of step.samples) draw.offer(sample.place, sample.outcome, () => sample)
      }
    }
  }
  for (const { report, draw } of steps.values()) report.samples.push(...draw.samples)
  return { files, parts, steps: [...steps.values()].map(({ report }) => report), withoutTextPlaces }
}

function sumFiles(files: readonly FileReport[]): CleaningReport['total'] {
  const total = { bytes: 0, records: 0, withoutText: 0, read: emptyCounts(), kept: emptyCounts() }
  for (const file of files) {
    total.bytes += file.bytes
    total.records += file.records
    total.withoutText += file.withoutText
    addCounts(total.read, file.read)
    addCounts(total.kept, file.kept)
  }
  return total
}

/** Decides which documents are duplicates, and draws samples of them. */
function dropDuplicates(duplicates: Duplicates, { skip, seed }: GatherOptions): DuplicateStep[] {
  const draw = (name: CleaningStep) => new SampleDraw<DuplicatePair>(seed, name)
  const steps = [
    { name: 'exactDuplicates', fate: fates.exact, reason: 'same', drop: duplicates.dropExact },
    { name: 'nearDuplicates', fate: fates.near, reason: 'similar', drop: duplicates.dropNear },
  ] as const
  return steps
    .filter(({ name }) => !skip.includes(name))
    .map(({ name, fate, reason, drop }) => {
      const pairs = draw(name)
      drop.call(duplicates, (document, original) =>
        pairs.offer(String(document), 'dropped', () => ({ outcome: 'dropped', document, original })),
      )
      return { report: emptyStep(name), fate, reason, pairs: pairs.samples }
    })
}

/** A document as it lies in the files of its shard. */
interface StoredDocument {
  readonly number: number
  readonly characters: number
  /** With its line end. */
  readonly line: Uint8Array
}

const lineEnd = 10

function* storedDocuments({ path, prints }: Part): Generator<StoredDocument> {
  const lines = readFileSync(path)
  const characters = prints.characters()
  let start = 0
  for (const [i, number] of prints.numbers().entries()) {
    const end = lines.indexOf(lineEnd, start) + 1
    yield { number, characters: characters[i]!, line: lines.subarray(start, end) }
    start = end
  }
}

/**
 * Writes the documents that are kept, counts them by file and draws samples of them; counts the others by step and fills
 * in their samples.
 */
function writeKept(
  parts: readonly Part[],
  fate: Uint8Array,
  steps: readonly DuplicateStep[],
  { out, seed }: GatherOptions,
): KeptSample[] {
  const wanted = new Set(steps.flatMap(({ pairs }) => pairs.flatMap(pair => [pair.document, pair.original])))
  const found = new Map<number, { readonly place: string; readonly text: string }>()
  const draw = new SampleDraw<KeptSample & { readonly outcome: 'kept' }>(seed, 'kept')
  const written = new AtomicFile(out)
  try {
    let document = 0
    for (const part of parts) {
      const kept: Uint8Array[] = []
      for (const { number, characters, line } of storedDocuments(part)) {
        const place = `${part.file.path}:${number}`
        if (wanted.has(document)) found.set(document, { place, text: textOf(line) })
        countDuplicate(steps, fate[document]!, characters)
        if (fate[document++] !== fates.kept) continue
        addDocument(part.file.kept, characters)
        kept.push(line)
        draw.offer(place, 'kept', () => ({ outcome: 'kept', place, text: maskedBeginning(textOf(line)) }))
      }
      written.write(Buffer.concat(kept))
    }
    written.finish()
  } catch (error) {
    written.abandon()
    throw error
  }
  for (const { report, reason, pairs } of steps) {
    for (const pair of pairs) {
      const [document, original] = [found.get(pair.document)!, found.get(pair.original)!]
      report.samples.push({
        ...droppedSample(document.place, reason, document.text),
        original: { place: original.place, text: maskedBeginning(original.text) },
      })
    }
  }
  return draw.samples.map(({ place, text }) => ({ place, text }))
}

const textOf = (line: Uint8Array): string => (JSON.parse(Buffer.from(line).toString()) as { text: string }).text

/** Counts a document in the steps that it came to. */
function countDuplicate(steps: readonly DuplicateStep[], fate: number, characters: number): void {
  for (const step of steps) {
    step.report.documents++
    step.report.characters += characters
    if (fate !== step.fate) continue
    step.report.dropped++
    step.report.charactersDropped += characters
    addTally(step.report.reasons, { [step.reason]: 1 })
    return
  }
}
