import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** SHA-256 of a file's contents, in hexadecimal; `onChunk` is given all of it on the way. */
export async function hashFile(path: string, onChunk?: (chunk: Buffer) => void): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    onChunk?.(chunk)
  }
  return hash.digest('hex')
}
