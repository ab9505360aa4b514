import { existsSync, statSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { AtomicFile, readJson } from '@modu/model'
import { z } from 'zod'
import type { Sources } from '../corpus.ts'
import { DataError } from '../errors.ts'
import { hashFile } from '../hashFile.ts'
import type { OnBytes } from '../read/record.ts'
import { dataFiles, records } from '../read/records.ts'
import { addDocument, emptyCounts } from '../steps/report.ts'
import type { CardFile, CardSource, Origin } from './dataCard.ts'
import { Shape } from './shape.ts'

/** A data file, the source it belongs to, and its path in the card's folder. */
export interface Member {
  readonly source: string
  readonly path: string
  readonly target: string
}

/** What a file of sources (`sources.json`) says: of each source, by name, where it comes from. */
const sourcesSchema = z.record(
  z.string(),
  z.strictObject({
    license: z.string().optional(),
    creator: z.string().optional(),
    url: z.url().optional(),
    description: z.string().optional(),
  }),
)
export type KnownOrigins = z.infer<typeof sourcesSchema>

/** Reads a file of sources. Errors: `missing`, `format`. */
export function readOrigins(path: string): KnownOrigins {
  if (!existsSync(path)) throw new DataError('missing', `there is no file of sources ${path}: check the path`)
  const { success, data, error } = sourcesSchema.safeParse(readJson(path))
  if (success) return data
  const [issue] = error.issues
  throw new DataError(
    'format',
    `${path}: "${issue!.path.join('.')}": ${issue!.message}; it holds {"SOURCE": {"license", "creator", "url", "description"}}`,
  )
}

/** The files that Croissant and Hugging Face both read record by record. */
const endings = ['.jsonl', '.jsonl.gz', '.parquet'] as const

/** What lies beside data and tells of it. */
const companions = /^(?:README|LICEN[CS]E|sources|report|croissant)(?:\.\w+)?$/i

export const isRunFolder = (path: string): boolean =>
  existsSync(join(path, 'recipe.json')) && existsSync(join(path, 'corpus', 'report.json'))

/**
 * The data files of the inputs: the cleaned corpus of a run folder, all below another folder, or a file itself. Those
 * that lie in `out` stay where they are, others go to `data/` in it. A source is a file's name without its ending and the
 * number of its part (`-00001-of-00010`). Errors: those of `dataFiles`; `format` for files of other kinds than
 * `endings`, or of both (Hugging Face reads but one), or two that would have one name.
 */
export function membersOf(inputs: readonly string[], out: string): Member[] {
  const members = inputs.flatMap(input => {
    const root = isRunFolder(input) ? join(input, 'corpus') : input
    const named = [...dataFiles(root)].map(path => ({ path, name: relative(root, path) || basename(path) }))
    return named.filter(({ name }) => !companions.test(name)).map(({ path, name }) => member(path, name, out))
  })
  const targets = new Map<string, string>()
  for (const { target, path } of members) {
    const other = targets.get(target)
    if (other !== undefined) throw new DataError('format', `${other} and ${path} have one name: rename one of them`)
    targets.set(target, path)
  }
  const table = members.find(({ path }) => path.endsWith('.parquet'))
  const lines = members.find(({ path }) => !path.endsWith('.parquet'))
  if (table && lines) {
    throw new DataError('format', `${table.path} is a table and ${lines.path} is not: publish them as two datasets`)
  }
  return members
}

function member(path: string, name: string, out: string): Member {
  const ending = endings.find(ending => path.endsWith(ending))
  if (!ending) {
    throw new DataError(
      'format',
      `${path} is none of ${endings.join(', ')}, which can be published: write it with modu data clean ${path} --out FILE.jsonl`,
    )
  }
  const inside = relative(resolve(out), resolve(path))
  const source = name
    .replace(/^data\//, '')
    .slice(0, -ending.length)
    .replace(/[-.]\d+(?:-of-\d+)?$/, '')
    .replace(/[^\p{L}\p{N}._-]+/gu, '-')
  return { source, path, target: inside.startsWith('..') ? join('data', name) : inside }
}

/** What a run's recipe says of its sources. */
export function originsOfRun(run: string): Record<string, Origin> {
  const { sources } = readJson(join(run, 'recipe.json')) as { sources: Sources }
  return Object.fromEntries(
    Object.entries(sources).map(([name, { license, files, format }]) => [
      name,
      { license, madeFrom: files, synthetic: format === 'exercises' },
    ]),
  )
}

/** Puts the files of one source into `out` and reads them through. `onBytes` is told of what has been read. */
export async function collectSource(
  name: string,
  origin: Origin,
  members: readonly Member[],
  out: string,
  onBytes: OnBytes,
): Promise<CardSource> {
  const shape = new Shape()
  const counts = emptyCounts()
  const files: CardFile[] = []
  let letters = 0
  let hangul = 0
  for (const { path, target } of members) {
    files.push(await place(path, join(out, target), target))
    for await (const { place, record } of records(join(out, target), onBytes)) {
      if (!record) throw new DataError('format', `${place}: no record: clean the data first with modu data clean`)
      shape.add(record)
      const text = proseOf(record)
      addDocument(counts, text.length)
      letters += text.match(/\p{L}/gu)?.length ?? 0
      hangul += text.match(/[가-힣]/g)?.length ?? 0
    }
  }
  const { documents, characters, lengths } = counts
  if (documents === 0) throw new DataError('empty', `the source "${name}" holds no records: leave its files out`)
  const fields = shape.fields()
  return { name, origin, files, records: documents, characters, hangul: hangul / Math.max(1, letters), lengths, fields }
}

/** Copies a file, unless it is there already, and says what it holds. */
async function place(from: string, to: string, path: string): Promise<CardFile> {
  if (resolve(from) === resolve(to)) return { path, bytes: statSync(to).size, sha256: await hashFile(to) }
  const copy = new AtomicFile(to)
  try {
    const sha256 = await hashFile(from, chunk => copy.write(chunk))
    copy.finish()
    return { path, bytes: statSync(to).size, sha256 }
  } catch (error) {
    copy.abandon()
    throw error
  }
}

/** What people read in a record: its text, or its messages, or all its texts. */
function proseOf(record: Readonly<Record<string, unknown>>): string {
  if (typeof record.text === 'string') return record.text
  if (Array.isArray(record.messages)) return record.messages.map(message => message?.content ?? '').join('\n')
  return Object.values(record)
    .filter(value => typeof value === 'string')
    .join('\n')
}
