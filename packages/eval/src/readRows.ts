import { type PlacedRecord, records } from '@modu/data'
import { Random } from '@modu/model'
import { EvaluationError } from './errors.ts'

/** A row of an evaluation file, and where it stands there, as messages say it. */
export interface Row {
  readonly place: string
  readonly fields: Readonly<Record<string, unknown>>
}

/**
 * All rows of an evaluation file of any kind that `records` reads. Errors: those of `records`; `format` for a row that
 * is none, with its place; `empty`.
 */
export async function readRows(path: string): Promise<Row[]> {
  const rows = await Array.fromAsync(records(path), rowOf)
  if (rows.length === 0) throw new EvaluationError('empty', `${path} has no rows: check that the file was copied whole`)
  return rows
}

/** The lines of a text file that are not blank. Errors as `readRows`. */
export async function readLines(path: string): Promise<string[]> {
  const texts = await Array.fromAsync(records(path), placed => textField(rowOf(placed), ['text']))
  const lines = texts.flatMap(text => text.split(/\r?\n/)).filter(line => line.trim() !== '')
  if (lines.length === 0) throw new EvaluationError('empty', `${path} is empty: write one prompt a line`)
  return lines
}

function rowOf({ place, record }: PlacedRecord): Row {
  if (record) return { place, fields: record }
  throw new EvaluationError(
    'format',
    `${place}: no row: not a JSON object, or not with the columns that the first line of the table names`,
  )
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
export function textField({ place, fields }: Row, names: readonly string[]): string {
  const value = names.map(name => fields[name]).find(each => each !== undefined)
  if (typeof value !== 'string') {
    const problem = value === undefined ? 'is missing' : `is not a text but ${JSON.stringify(value)}`
    throw new EvaluationError('format', `${place}: the field ${names.join(' or ')} ${problem}`)
  }
  return value
}
