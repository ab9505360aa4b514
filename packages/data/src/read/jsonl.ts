import { lineGroups } from './lines.ts'
import { type OnBytes, type PlacedRecord, parseObject } from './record.ts'

/** The objects of a JSON-lines file, one a line. Empty lines are passed over. Errors: those of `textChunks`. */
export async function* jsonlRecords(path: string, onBytes: OnBytes): AsyncGenerator<PlacedRecord> {
  for await (const lines of lineGroups(path, onBytes)) {
    for (const { number, text } of lines) yield { place: `${path}:${number}`, record: parseObject(text) }
  }
}
