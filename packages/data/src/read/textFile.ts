import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { DataError } from '../errors.ts'
import type { OnBytes } from './record.ts'

const lineEnd = 10

function countLines(bytes: Buffer): number {
  let lines = 0
  for (let at = bytes.indexOf(lineEnd); at >= 0; at = bytes.indexOf(lineEnd, at + 1)) lines++
  return lines
}

/** Refuses what is no UTF-8 text, judging by the beginning: a picture, say, or Korean in EUC-KR. */
function requireText(path: string, beginning: Buffer): void {
  if (beginning.includes(0)) {
    throw new DataError(
      'format',
      `${path} is a binary file, not text: take it out of "files", or give it its right extension`,
    )
  }
  try {
    // As a stream: the beginning may end inside a character.
    new TextDecoder('utf-8', { fatal: true }).decode(beginning, { stream: true })
  } catch {
    throw new DataError(
      'format',
      `${path} is not UTF-8 text: convert it, for Korean in the old encoding by iconv -f CP949 -t UTF-8`,
    )
  }
}

/**
 * The text of a UTF-8 file in chunks, unpacked where its name ends in `.gz`; the byte order mark is left out. Errors:
 * `empty`, `format` (binary, another encoding, broken gzip: after which line).
 */
export async function* textChunks(path: string, onBytes: OnBytes = () => {}): AsyncGenerator<string> {
  const file = createReadStream(path)
  const input = path.endsWith('.gz') ? file.pipe(createGunzip()) : file
  file.on('error', error => input.destroy(error))
  const decoder = new TextDecoder()
  let lines = 0
  let begun = false
  let told = 0
  try {
    for await (const bytes of input as AsyncIterable<Buffer>) {
      if (!begun) requireText(path, bytes)
      begun = true
      lines += countLines(bytes)
      onBytes(file.bytesRead - told)
      told = file.bytesRead
      yield decoder.decode(bytes, { stream: true })
    }
  } catch (error) {
    if (error instanceof DataError) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new DataError('format', `${path} breaks off after line ${lines} (${why}): copy it again`)
  } finally {
    file.destroy()
    input.destroy()
  }
  if (!begun) throw new DataError('empty', `${path} is empty: take it out of "files", or copy it again`)
  yield decoder.decode()
}
