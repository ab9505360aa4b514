import type { OnBytes, PlacedRecord } from './record.ts'
import { textChunks } from './textFile.ts'

// About a long book. Memory must not grow with the file, so longer ones become several documents.
const longestDocument = 1 << 20

/** Where a text that is too long is best cut: after a paragraph, else a line, else a word. */
function cutAt(text: string): number {
  for (const mark of ['\n\n', '\n', ' ']) {
    const at = text.lastIndexOf(mark, longestDocument - mark.length)
    if (at >= 0) return at + mark.length
  }
  return longestDocument
}

async function* documents(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let text = ''
  for await (const chunk of chunks) {
    text += chunk
    while (text.length > longestDocument) {
      const at = cutAt(text)
      yield text.slice(0, at)
      text = text.slice(at)
    }
  }
  yield text
}

const lineEnds = (text: string): number => text.split('\n').length - 1

/**
 * A text file as one document: an empty line parts paragraphs, not documents, so files that hold many texts are better
 * JSON lines. Only a very long file comes in several, cut between paragraphs. Errors: those of `textChunks`.
 */
export async function* textRecords(path: string, onBytes: OnBytes): AsyncGenerator<PlacedRecord> {
  let line = 1
  for await (const text of documents(textChunks(path, onBytes))) {
    if (text.trim() !== '') yield { place: `${path}:${line}`, record: { text } }
    line += lineEnds(text)
  }
}

/** Splits front matter (YAML between lines of dashes at the very beginning) off; of it only the title stays. */
function withoutFrontMatter(text: string): { text: string; title?: string } {
  const found = /^---[ \t]*\r?\n(?:([\s\S]*?)\r?\n)??(?:---|\.\.\.)[ \t]*(?:\r?\n|$)/.exec(text)
  if (!found) return { text }
  const [whole, matter = ''] = found
  const rest = text.slice(whole.length)
  const title = /^title:[ \t]*(["']?)(.+?)\1[ \t]*\r?$/m.exec(matter)?.[2]
  return title === undefined ? { text: rest } : { text: rest, title }
}

/** A Markdown file: like a text file, but without front matter, whose title stays. */
export async function* markdownRecords(path: string, onBytes: OnBytes): AsyncGenerator<PlacedRecord> {
  let first = true
  for await (const { place, record } of textRecords(path, onBytes)) {
    yield { place, record: first ? withoutFrontMatter(String(record?.text)) : record }
    first = false
  }
}
