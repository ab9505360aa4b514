import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { Random, readJson } from '@modu/model'
import { type CorpusReport, readCorpus, type Sources } from '../corpus.ts'
import { DataError } from '../errors.ts'
import { mixSeed } from '../order.ts'
import type { CorpusDocument, SourceReport } from '../source.ts'
import { maskPersonalData } from '../steps/personalData.ts'
import {
  addDocument,
  type CleaningReport,
  type CleaningSample,
  type CleaningStep,
  emptyCounts,
  type Tally,
} from '../steps/report.ts'

/** What became of the data of one source: a file given to `modu data clean`, or a source of a recipe. */
export interface SourceSummary {
  readonly name: string
  readonly license?: string
  /** Documents that came in and that are left, and the characters of their texts. */
  readonly read: number
  readonly kept: number
  readonly charactersRead: number
  readonly charactersKept: number
  /** Tokens, where the data has been encoded. */
  readonly tokens?: number
  /** Documents by length: entry k counts those of 2ᵏ to 2ᵏ⁺¹ − 1 characters. */
  readonly lengthsRead?: readonly number[]
  readonly lengthsKept: readonly number[]
  /** Documents dropped by step, where that is known of each source. */
  readonly dropped?: Tally
  /** A few of the documents that are left; personal data is masked in them. */
  readonly samples: readonly string[]
}

/** Records without the fields of their format, and texts below a recipe's least length, are dropped by steps too. */
export type StepName = CleaningStep | 'format' | 'length'

/** What one step did, in the order of the steps. */
export interface StepSummary {
  readonly name: StepName
  /** Documents that came to it, went on with another text, and went no further. */
  readonly documents: number
  readonly changed: number
  readonly dropped: number
  readonly reasons: Tally
  readonly found: Tally
  readonly samples: readonly CleaningSample[]
}

/** What cleaning did, the same for both commands that clean: `modu data clean` and `modu train`. */
export interface DataReport {
  readonly title: string
  readonly sources: readonly SourceSummary[]
  readonly steps: readonly StepSummary[]
}

/**
 * Reads what cleaning left behind at `path`: the file of `modu data clean --report`, the folder of a training run, or the
 * `corpus` folder in it. Of a corpus all documents are read once, for their lengths. Errors: `missing`, `format`.
 */
export async function readDataReport(path: string): Promise<DataReport> {
  if (!existsSync(path)) throw new DataError('missing', `there is no ${path}: name a report, or the folder of a run`)
  const file = reportFile(path)
  const value = readJson(file) as Partial<CleaningReport & CorpusReport> | null
  if (value?.version === 1 && value.files && value.steps)
    return ofCleaning(join(basename(dirname(resolve(file))), basename(file)), value as CleaningReport)
  if (value?.key && value.sources) return await ofCorpus(dirname(resolve(file)), value as CorpusReport)
  throw new DataError(
    'format',
    `${file} is no report: name what modu data clean --report wrote, or the folder of a run`,
  )
}

function reportFile(path: string): string {
  if (!statSync(path).isDirectory()) return path
  const found = ['report.json', 'corpus/report.json'].map(name => join(path, name)).find(existsSync)
  if (found) return found
  throw new DataError(
    'missing',
    `${path} holds no report.json: name a report of modu data clean, or the folder of a run`,
  )
}

function ofCleaning(title: string, { files, total, steps, withoutTextPlaces }: CleaningReport): DataReport {
  const format: StepSummary = {
    name: 'format',
    documents: total.records,
    changed: 0,
    dropped: total.withoutText,
    reasons: total.withoutText > 0 ? { withoutText: total.withoutText } : {},
    found: {},
    samples: withoutTextPlaces.map(place => ({ place, outcome: 'dropped', reason: 'withoutText', text: '' })),
  }
  const shared = sharedFolder(files.map(({ path }) => path)).length
  return {
    title,
    sources: files.map(({ path, records, read, kept }) => ({
      name: path.slice(shared),
      read: records,
      kept: kept.documents,
      charactersRead: read.characters,
      charactersKept: kept.characters,
      lengthsRead: read.lengths,
      lengthsKept: kept.lengths,
      samples: [],
    })),
    steps: [format, ...steps],
  }
}

/** The folder, with its slash, in which all paths lie. */
function sharedFolder([first = '', ...others]: readonly string[]): string {
  let folder = dirname(first)
  while (folder !== dirname(folder) && !others.every(path => path.startsWith(`${folder}/`))) folder = dirname(folder)
  return first.startsWith(`${folder}/`) ? `${folder}/` : ''
}

/** The filters of a recipe's source in their order, as steps, with the count of each that the report has. */
const corpusSteps = [
  ['format', 'corrupt'],
  ['personalData', 'personal'],
  ['length', 'short'],
  ['language', 'foreign'],
  ['words', 'insulting'],
  ['contamination', 'contaminated'],
  ['exactDuplicates', 'duplicate'],
] as const satisfies readonly (readonly [StepName, keyof SourceReport])[]

async function ofCorpus(folder: string, { sources: reports }: CorpusReport): Promise<DataReport> {
  const run = dirname(folder)
  const beside = (name: string): unknown => (existsSync(join(run, name)) ? readJson(join(run, name)) : undefined)
  const recipe = beside('recipe.json') as
    | { name: string; sources: Sources; evaluationFiles?: readonly string[] }
    | undefined
  const shards = beside('shards/manifest.json') as
    | { sources: Record<string, { tokens: number; heldOutTokens: number }> }
    | undefined
  // Reports of earlier versions lack some counts, and documents are compared only with evaluation sets that are named.
  const done = corpusSteps.filter(
    ([name, count]) =>
      Object.values(reports).every(report => report[count] !== undefined) &&
      (name !== 'contamination' || (recipe?.evaluationFiles ?? []).length > 0),
  )
  const dropping = done.filter(([name]) => name !== 'personalData')
  const sources: SourceSummary[] = []
  for (const [name, report] of Object.entries(reports)) {
    const license = recipe?.sources[name]?.license
    const packed = shards?.sources[name]
    sources.push({
      name,
      ...(license !== undefined && { license }),
      read: report.read,
      kept: report.kept,
      charactersRead: report.charactersRead,
      charactersKept: report.charactersKept,
      ...(packed && { tokens: packed.tokens + packed.heldOutTokens }),
      ...(await lookAt(folder, name)),
      dropped: Object.fromEntries(dropping.map(([step, count]) => [step, report[count]])),
    })
  }
  let left = sources.reduce((sum, { read }) => sum + read, 0)
  const steps = done.map(([name, count]): StepSummary => {
    const touched = Object.values(reports).reduce((sum, report) => sum + report[count], 0)
    const summary = { name, documents: left, changed: 0, dropped: 0, reasons: {}, found: {}, samples: [] }
    // Of masking only the pieces are counted.
    if (name === 'personalData') return { ...summary, found: { masked: touched } }
    const places = name === 'format' ? Object.values(reports).flatMap(report => report.corruptLines) : []
    left -= touched
    return {
      ...summary,
      dropped: touched,
      samples: places.map(place => ({ place, outcome: 'dropped', reason: 'corrupt', text: '' })),
    }
  })
  return { title: recipe?.name ?? basename(folder), sources, steps }
}

const samplesKept = 3
const sampleLength = 160

/** Lengths of a source's documents, and a few of them, each as likely as any other (reservoir sampling). */
async function lookAt(folder: string, name: string): Promise<Pick<SourceSummary, 'lengthsKept' | 'samples'>> {
  const random = new Random(mixSeed('samples', 0, name))
  const counts = emptyCounts()
  const samples: string[] = []
  for await (const document of readCorpus(folder, name)) {
    const text = textOf(document)
    addDocument(counts, text.length)
    const place = counts.documents <= samplesKept ? counts.documents - 1 : random.integer(counts.documents)
    if (place < samplesKept) samples[place] = beginning(text)
  }
  return { lengthsKept: counts.lengths, samples }
}

/** A document as people read it: a conversation with reasoning and calls of tools, a line a part. */
function textOf(document: CorpusDocument): string {
  if ('text' in document) return document.text
  const lines = document.messages.flatMap(({ role, content, reasoning_content, tool_calls = [] }) => [
    ...(reasoning_content ? [`${role} (reasoning): ${reasoning_content}`] : []),
    ...(content ? [`${role}: ${content}`] : []),
    ...tool_calls.map(call => `${role}: ${JSON.stringify(call.function)}`),
  ])
  return lines.join('\n')
}

function beginning(text: string): string {
  const masked = maskPersonalData(text.slice(0, 4 * sampleLength)).text
  return masked.length > sampleLength ? `${masked.slice(0, sampleLength)}…` : masked
}
