import { existsSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { writeFileAtomic } from '@modu/model'
import { DataError } from '../errors.ts'
import { readDataReport } from '../report/dataReport.ts'
import { collectSource, isRunFolder, type KnownOrigins, membersOf, originsOfRun, readOrigins } from './collect.ts'
import { croissant } from './croissant.ts'
import type { CardSource, DataCard, Origin } from './dataCard.ts'
import { readme } from './readme.ts'

export interface CardOptions {
  /** The folder of a run, folders of data, or data files. */
  readonly inputs: readonly string[]
  /** Where card and data go; data that lies there already stays as it is. */
  readonly out: string
  /** The dataset's name; else that of the folder `out`. */
  readonly name?: string
  readonly description?: string
  /** The licence of sources that no other place tells one for. */
  readonly license?: string
  readonly creator?: string
  /** Where the dataset will be found. */
  readonly url?: string
  /** A file that tells of each source; else the `sources.json` beside the data, if there is one. */
  readonly sources?: string
  /** What `modu data clean --report` wrote; else the `report.json` beside the data, if there is one. */
  readonly report?: string
  readonly date: Date
  onProgress?(bytes: number, totalBytes: number): void
}

/**
 * Makes a folder that can be published: the data, `README.md` (a data card with Hugging Face's front matter) and
 * `croissant.json`. Errors: those of `records`; `missing` for a source without a licence; `format` for files without
 * fields, or a file of sources that is none.
 */
export async function writeDataCard(options: CardOptions): Promise<DataCard> {
  const { inputs, out } = options
  const members = membersOf(inputs, out)
  const bySource = Map.groupBy(members, ({ source }) => source)
  const run = inputs.find(isRunFolder)
  const origins = originsOf([...bySource.keys()], options, run)

  const totalBytes = members.reduce((total, { path }) => total + statSync(path).size, 0)
  let bytes = 0
  const onBytes = (more: number) => {
    bytes += more
    options.onProgress?.(bytes, totalBytes)
  }
  const sources: CardSource[] = []
  for (const [name, files] of bySource) sources.push(await collectSource(name, origins.get(name)!, files, out, onBytes))

  const creators =
    options.creator !== undefined ? [options.creator] : sources.flatMap(({ origin }) => origin.creator ?? [])
  const report = run ?? options.report ?? beside(inputs, 'report.json')
  const card: DataCard = {
    name: options.name ?? basename(resolve(out)),
    ...(options.description !== undefined && { description: options.description }),
    creators: [...new Set(creators)],
    ...(options.url !== undefined && { url: options.url }),
    date: options.date,
    sources,
    ...(report !== undefined && {
      cleaning: { report: await readDataReport(report), command: run === undefined ? 'modu data clean' : 'modu train' },
    }),
  }
  writeFileAtomic(join(out, 'README.md'), readme(card))
  writeFileAtomic(join(out, 'croissant.json'), `${JSON.stringify(croissant(card), undefined, 2)}\n`)
  return card
}

/** A file of that name in the first folder among the inputs that has one. */
const beside = (inputs: readonly string[], name: string): string | undefined =>
  inputs.map(input => join(input, name)).find(existsSync)

/** What is known of each source: the file of sources first, then the run's recipe, then the options. */
function originsOf(names: readonly string[], options: CardOptions, run: string | undefined): Map<string, Origin> {
  const file = options.sources ?? beside(options.inputs, 'sources.json')
  const told: KnownOrigins = file === undefined ? {} : readOrigins(file)
  const unknown = Object.keys(told).find(name => !names.includes(name))
  if (unknown !== undefined) {
    throw new DataError(
      'format',
      `${file} tells of "${unknown}", but the sources are ${names.join(', ')}: correct the name`,
    )
  }
  const ofRun = run === undefined ? {} : originsOfRun(run)
  return new Map(
    names.map(name => {
      const { license = ofRun[name]?.license ?? options.license, ...rest } = told[name] ?? {}
      if (license !== undefined) return [name, { ...ofRun[name], ...rest, license } as Origin]
      throw new DataError(
        'missing',
        `the licence of "${name}" is not known: give --license for all sources, or write sources.json: {"${name}": {"license": "CC-BY-4.0"}}`,
      )
    }),
  )
}
