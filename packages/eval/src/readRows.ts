import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { Random } from '@modu/model'
import { EvaluationError } from './errors.ts'

/** A row of an evaluation file, and where it stands there, as messages say it. */
export interface Row {
  readonly where: string
  readonly fields: Readonly<Record<string, unknown>>
}

/**
 * All rows of an evaluation file, which may end in `.gz`: a JSON array of objects, JSON lines, or `.tsv` with the names
 * of its columns in the first line (no quoting, as in KorNLI and KorSTS). Errors: `missing`, `format` (with the line),
 * `empty`.
 */
export function readRows(path: string): Row[] {
  const text = readText(path)
  const rows = /\.tsv(\.gz)?$/.test(path)
    ? tsvRows(path, text)
    : text.trimStart().startsWith('[')
      ? arrayRows(path, text)
      : lineRows(path, text)
  if (rows.length === 0) throw new EvaluationError('empty', `${path} has no rows: check that the file was copied whole`)
  return rows
}

/** The lines of a text file that are not blank. Errors as `readRows`. */
export function readLines(path: string): string[] {
  const lines = numberedLines(path, readText(path))
  if (lines.length === 0) throw new EvaluationError('empty', `${path} is empty: write one prompt a line`)
  return lines.map(line => line.text)
}

/** `most` of the items (0: all) in their order, chosen evenly by the seed. */
export function sample<T>(items: readonly T[], most: number, seed: number): readonly T[] {
  if (most === 0 || items.length <= most) return items
  // Selection sampling (Knuth 3.4.2, algorithm S): each item is taken with the chance that leaves the right number.
  const random = new Random(seed)
  let left = most
  return items.filter((_, i) => random.uniform() * (items.length - i) < left && left-- > 0)
}

/** The text of one of the fields, by the first of `names` that is there. A `format` error names the place. */
export function textField({ where, fields }: Row, names: readonly string[]): string {
  const value = names.map(name => fields[name]).find(each => each !== undefined)
  if (typeof value !== 'string') {
    const problem = value === undefined ? 'is missing' : `is not a text but ${JSON.stringify(value)}`
    throw new EvaluationError('format', `${where}: the field ${names.join(' or ')} ${problem}`)
  }
  return value
}

function readText(path: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new EvaluationError('missing', `cannot read ${path} (${(error as Error).message}): check the path`)
  }
  try {
    if (path.endsWith('.gz')) bytes = gunzipSync(bytes)
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new EvaluationError('format', `${path} is no UTF-8 text (${(error as Error).message}): copy it again`)
  }
}

const numberedLines = (path: string, text: string) =>
  text
    .split(/\r?\n/)
    .map((line, i) => ({ where: `${path} line ${i + 1}`, text: line }))
    .filter(line => line.text.trim() !== '')

function tsvRows(path: string, text: string): Row[] {
  const [header, ...lines] = numberedLines(path, text)
  const names = header?.text.split('\t') ?? []
  return lines.map(({ where, text: line }) => {
    const values = line.split('\t')
    if (values.length !== names.length)
      throw new EvaluationError(
        'format',
        `${where}: ${values.length} columns, but the first line names ${names.length}`,
      )
    return { where, fields: Object.fromEntries(names.map((name, i) => [name, values[i]])) }
  })
}

const lineRows = (path: string, text: string): Row[] =>
  numberedLines(path, text).map(({ where, text: line }) => ({ where, fields: asObject(where, parse(where, line)) }))

function arrayRows(path: string, text: string): Row[] {
  const array = parse(path, text) as unknown[]
  return array.map((value, i) => ({ where: `${path} row ${i + 1}`, fields: asObject(`${path} row ${i + 1}`, value) }))
}

function parse(where: string, json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    throw new EvaluationError('format', `${where}: not valid JSON (${(error as Error).message})`)
  }
}

function asObject(where: string, value: unknown): Row['fields'] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Row['fields']
  throw new EvaluationError('format', `${where}: not a JSON object`)
}
