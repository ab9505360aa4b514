import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Random, readJson } from '@modu/model'
import { type CorpusReport, readCorpus, type Sources } from '../corpus.ts'
import { mixSeed } from '../order.ts'
import type { CorpusDocument, SourceReport } from '../source.ts'
import { addDocument, type CleaningSample, emptyCounts, type KeptSample } from '../steps/report.ts'
import { maskedBeginning } from '../steps/samples.ts'
import type { DataReport, SourceSummary, StepName, StepSummary } from './dataReport.ts'

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

/** What cleaning the sources of a recipe into `folder` did. */
export async function ofCorpus(
  folder: string,
  { sources: reports, samples: droppedSamples = {} }: CorpusReport,
): Promise<DataReport> {
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
  const samples: KeptSample[] = []
  for (const [name, report] of Object.entries(reports)) {
    const license = recipe?.sources[name]?.license
    const packed = shards?.sources[name]
    const { lengths, texts } = await lookAt(folder, name)
    samples.push(...texts.map(text => ({ place: name, text })))
    sources.push({
      name,
      ...(license !== undefined && { license }),
      read: report.read,
      kept: report.kept,
      charactersRead: report.charactersRead,
      charactersKept: report.charactersKept,
      ...(packed && { tokens: packed.tokens + packed.heldOutTokens }),
      lengthsKept: lengths,
      dropped: Object.fromEntries(dropping.map(([step, count]) => [step, report[count]])),
    })
  }
  let left = sources.reduce((sum, { read }) => sum + read, 0)
  const steps = done.map(([name, count]): StepSummary => {
    const touched = Object.values(reports).reduce((sum, report) => sum + report[count], 0)
    const summary = { name, documents: left, changed: 0, dropped: 0, reasons: {}, found: {}, samples: [] }
    // Of masking only the pieces are counted.
    if (name === 'personalData') return { ...summary, found: { masked: touched } }
    left -= touched
    if (name !== 'format') return { ...summary, dropped: touched, samples: droppedSamples[count] ?? [] }
    const places = Object.values(reports).flatMap(report => report.corruptLines)
    return { ...summary, dropped: touched, samples: places.map(corruptSample) }
  })
  return { title: recipe?.name ?? basename(folder), sources, steps, samples }
}

const corruptSample = (place: string): CleaningSample => ({ place, outcome: 'dropped', reason: 'corrupt', text: '' })

/** Of each source. */
const samplesKept = 3

/** Lengths of a source's documents, and a few of them, each as likely as any other (reservoir sampling). */
async function lookAt(folder: string, name: string): Promise<{ lengths: readonly number[]; texts: readonly string[] }> {
  const random = new Random(mixSeed('samples', 0, name))
  const counts = emptyCounts()
  const texts: string[] = []
  for await (const document of readCorpus(folder, name)) {
    const text = textOf(document)
    addDocument(counts, text.length)
    const place = counts.documents <= samplesKept ? counts.documents - 1 : random.integer(counts.documents)
    if (place < samplesKept) texts[place] = text
  }
  return { lengths: counts.lengths, texts: texts.map(maskedBeginning) }
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
