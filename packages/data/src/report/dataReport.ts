import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { readJson } from '@modu/model'
import type { CorpusReport } from '../corpus.ts'
import { DataError } from '../errors.ts'
import type { CleaningReport, CleaningSample, CleaningStep, KeptSample, Tally } from '../steps/report.ts'
import { ofCleaning } from './ofCleaning.ts'
import { ofCorpus } from './ofCorpus.ts'

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
  /** A few of the documents that are left. */
  readonly samples: readonly KeptSample[]
}

/**
 * Reads what cleaning left behind at `path`: the file of `modu data clean --report`, the folder of a training run, or the
 * `corpus` folder in it. Of a corpus all documents are read once, for their lengths. Errors: `missing`, `format`.
 */
export async function readDataReport(path: string): Promise<DataReport> {
  if (!existsSync(path)) throw new DataError('missing', `there is no ${path}: name a report, or the folder of a run`)
  const file = reportFile(path)
  const value = readJson(file) as Partial<CleaningReport & CorpusReport> | null
  if (value?.version === 1 && value.files && value.steps && value.samples) {
    return ofCleaning(join(basename(dirname(resolve(file))), basename(file)), value as CleaningReport)
  }
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
