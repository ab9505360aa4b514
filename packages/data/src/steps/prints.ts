import { closeSync, openSync, readSync } from 'node:fs'
import { writeFileAtomic } from '@modu/model/files'
import { fingerprint, lettersOf } from './exactDuplicates.ts'
import { bandKeys, bands, minHash, signatureLength } from './nearDuplicates.ts'

/** What duplicates are told by, of one document: 304 bytes with its place and length, whatever the text. */
export interface Print {
  /** Line, item or row in its file. */
  readonly number: number
  readonly characters: number
  readonly fingerprint: readonly [high: number, low: number]
  readonly signature: Uint16Array
}

/** Without a signature (all zeros) where near duplicates are not looked for, for it takes most of the time. */
export function printOf(text: string, number: number, withSignature: boolean): Print {
  const letters = lettersOf(text)
  const signature = withSignature ? minHash(letters) : new Uint16Array(signatureLength)
  return { number, characters: text.length, fingerprint: fingerprint(letters), signature }
}

/** Bytes a document in each column of a file of prints, in order: columns, so that one of them can be read alone. */
const widths = { numbers: 4, characters: 4, fingerprints: 8, bands: 8 * bands, signatures: 2 * signatureLength }

function columnStart(column: keyof typeof widths, count: number): number {
  let start = 0
  for (const [name, width] of Object.entries(widths)) {
    if (name === column) break
    start += width * count
  }
  return start
}

const bytesOf = (array: Uint32Array | Uint16Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** Writes the prints of a shard, a column behind the other; of the bands, too, a column each. */
export function writePrints(path: string, prints: readonly Print[]): void {
  const count = prints.length
  const keys = new Uint32Array(2 * bands * count)
  const signatures = new Uint16Array(signatureLength * count)
  for (const [document, { signature }] of prints.entries()) {
    signatures.set(signature, document * signatureLength)
    for (const [place, word] of bandKeys(signature).entries()) {
      keys[2 * ((place >> 1) * count + document) + (place & 1)] = word
    }
  }
  writeFileAtomic(path, [
    bytesOf(Uint32Array.from(prints, print => print.number)),
    bytesOf(Uint32Array.from(prints, print => print.characters)),
    bytesOf(Uint32Array.from(prints.flatMap(print => print.fingerprint))),
    bytesOf(keys),
    bytesOf(signatures),
  ])
}

/** A file of `count` prints. */
export class PrintsFile {
  readonly count: number
  private readonly path: string

  constructor(path: string, count: number) {
    this.path = path
    this.count = count
  }

  numbers(): Uint32Array {
    return new Uint32Array(this.read(columnStart('numbers', this.count), 4 * this.count))
  }

  characters(): Uint32Array {
    return new Uint32Array(this.read(columnStart('characters', this.count), 4 * this.count))
  }

  /** Two words a document. */
  fingerprints(): Uint32Array {
    return new Uint32Array(this.read(columnStart('fingerprints', this.count), 8 * this.count))
  }

  /** The keys of one band, two words a document. */
  band(band: number): Uint32Array {
    return new Uint32Array(this.read(columnStart('bands', this.count) + 8 * this.count * band, 8 * this.count))
  }

  signature(document: number): Uint16Array {
    const start = columnStart('signatures', this.count) + widths.signatures * document
    return new Uint16Array(this.read(start, widths.signatures))
  }

  private read(start: number, length: number): ArrayBuffer {
    const bytes = new Uint8Array(length)
    const descriptor = openSync(this.path, 'r')
    try {
      for (let done = 0; done < length; ) {
        const more = readSync(descriptor, bytes, done, length - done, start + done)
        if (more === 0) throw new Error(`${this.path} is shorter than its ${this.count} prints`)
        done += more
      }
    } finally {
      closeSync(descriptor)
    }
    return bytes.buffer
  }
}
