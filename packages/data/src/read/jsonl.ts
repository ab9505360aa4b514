import { type OnBytes, type PlacedRecord, parseObject } from './record.ts'
import { textChunks } from './textFile.ts'

/** The lines that end in each chunk, together: a step of a generator costs more than a line. */
async function* lines(chunks: AsyncIterable<string>): AsyncGenerator<string[]> {
  let rest = ''
  for await (const chunk of chunks) {
    const split = chunk.split('\n')
    split[0] = rest + split[0]
    rest = split.pop() ?? ''
    yield split
  }
  yield [rest]
}

/** The objects of a JSON-lines file, one a line. Empty lines are passed over. Errors: those of `textChunks`. */
export async function* jsonlRecords(path: string, onBytes: OnBytes): AsyncGenerator<PlacedRecord> {
  let line = 0
  for await (const some of lines(textChunks(path, onBytes))) {
    for (const text of some) {
      line++
      if (text.trim() !== '') yield { place: `${path}:${line}`, record: parseObject(text) }
    }
  }
}
