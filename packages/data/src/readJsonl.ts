import { createReadStream, existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'
import { DataError } from './errors.ts'

/** A line of a JSON-lines file: its number, from 1, and its object, or undefined where the line is not a JSON object. */
export interface JsonLine {
  readonly line: number
  readonly record: Record<string, unknown> | undefined
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/**
 * Reads a `.jsonl` or `.jsonl.gz` file line by line, never the whole of it. Empty lines are passed over; a line that is
 * not a JSON object comes with `record: undefined`, for the caller to count. Errors: `missing`, `format` (broken gzip).
 */
export async function* readJsonl(path: string): AsyncGenerator<JsonLine> {
  if (!existsSync(path)) {
    throw new DataError(
      'missing',
      `no data file ${path}: check the path in the recipe, or name the data folder (--data)`,
    )
  }
  const file = createReadStream(path)
  const input = path.endsWith('.gz') ? file.pipe(createGunzip()) : file
  file.on('error', error => input.destroy(error))
  let line = 0
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      line++
      if (text.trim() !== '') yield { line, record: parseObject(text) }
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new DataError('format', `${path} breaks off after line ${line} (${why}): copy it again`)
  } finally {
    file.destroy()
    input.destroy()
  }
}
