import type { OnBytes } from './record.ts'
import { textChunks } from './textFile.ts'

/** A line without its end, and its number from 1. */
export interface Line {
  readonly number: number
  readonly text: string
}

/** The lines of a text file that are not blank, in groups: a step of a generator costs more than a line. Errors: those of `textChunks`. */
export async function* lineGroups(path: string, onBytes?: OnBytes): AsyncGenerator<Line[]> {
  let rest = ''
  let number = 0
  const numbered = (texts: readonly string[]): Line[] => {
    const lines: Line[] = []
    for (const text of texts) {
      number++
      if (text.trim() !== '') lines.push({ number, text: text.endsWith('\r') ? text.slice(0, -1) : text })
    }
    return lines
  }
  for await (const chunk of textChunks(path, onBytes)) {
    const split = chunk.split('\n')
    split[0] = rest + split[0]
    rest = split.pop() ?? ''
    yield numbered(split)
  }
  yield numbered([rest])
}
