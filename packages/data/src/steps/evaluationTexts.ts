import { lineGroups } from '../read/lines.ts'
import { records } from '../read/records.ts'

/** All strings of a JSON value, however deep. */
function* strings(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value
  else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) yield* strings(inner)
}

/** All cells, whatever the first line is, and of rows that have too many. */
async function* cells(path: string): AsyncGenerator<string> {
  for await (const lines of lineGroups(path)) for (const { text } of lines) yield* text.split('\t')
}

/**
 * The texts of an evaluation file: the cells of a table (`.tsv`, `.tsv.gz`), else every string of every record, whatever
 * its fields are called. Errors: those of `records`.
 */
export async function* evaluationTexts(path: string): AsyncGenerator<string> {
  if (/\.tsv(?:\.gz)?$/i.test(path)) yield* cells(path)
  else for await (const { record } of records(path)) yield* strings(record)
}
