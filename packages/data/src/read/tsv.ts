import { lineGroups } from './lines.ts'
import type { OnBytes, PlacedRecord } from './record.ts'

/**
 * The rows of a table: columns stand between tabs, the first line names them, all values are texts, and quotation marks
 * mean nothing (as in KorNLI and KorSTS). A row with more or fewer columns is no record. Errors: those of `textChunks`.
 */
export async function* tsvRecords(path: string, onBytes: OnBytes): AsyncGenerator<PlacedRecord> {
  let names: string[] | undefined
  for await (const lines of lineGroups(path, onBytes)) {
    for (const { number, text } of lines) {
      const values = text.split('\t')
      if (names) {
        const record =
          values.length === names.length ? Object.fromEntries(names.map((name, i) => [name, values[i]])) : undefined
        yield { place: `${path}:${number}`, record }
      } else names = values
    }
  }
}
