import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '@modu/model'
import { DataError } from './errors.ts'

/** Encoded documents of one source, one behind the other. */
export interface Shard {
  /** Token ids; 16 bits where the vocabulary allows it. */
  readonly ids: Uint16Array | Uint32Array
  /** 1 where the token is to be predicted when fine-tuning (the assistant's), else 0; same length as `ids`. */
  readonly counted: Uint8Array
  /** Document d is `ids[starts[d] … starts[d + 1])`; one entry more than documents. */
  readonly starts: Uint32Array
}

/** An encoded document before it goes into a shard. */
export interface EncodedDocument {
  readonly ids: readonly number[]
  readonly counted: readonly boolean[]
}

export const documentCount = (shard: Shard): number => shard.starts.length - 1

/** Puts documents one behind the other. `vocabSize` decides the width of an id. */
export function buildShard(documents: readonly EncodedDocument[], vocabSize: number): Shard {
  const total = documents.reduce((sum, d) => sum + d.ids.length, 0)
  const ids = vocabSize <= 65536 ? new Uint16Array(total) : new Uint32Array(total)
  const counted = new Uint8Array(total)
  const starts = new Uint32Array(documents.length + 1)
  let place = 0
  documents.forEach((document, d) => {
    ids.set(document.ids, place)
    counted.set(document.counted.map(Number), place)
    place += document.ids.length
    starts[d + 1] = place
  })
  return { ids, counted, starts }
}

const bytesOf = (array: Uint8Array | Uint16Array | Uint32Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** Three files, little-endian and bare: NAME.ids, NAME.counted, NAME.starts. */
export function writeShard(folder: string, name: string, shard: Shard): void {
  writeFileAtomic(join(folder, `${name}.ids`), bytesOf(shard.ids))
  writeFileAtomic(join(folder, `${name}.counted`), shard.counted)
  writeFileAtomic(join(folder, `${name}.starts`), bytesOf(shard.starts))
}

/** Reads what `writeShard` wrote. A `format` error if the files do not fit each other. */
export function readShard(folder: string, name: string, vocabSize: number): Shard {
  const read = (part: string): ArrayBuffer => {
    const bytes = readFileSync(join(folder, `${name}.${part}`))
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  }
  const ids = vocabSize <= 65536 ? new Uint16Array(read('ids')) : new Uint32Array(read('ids'))
  const shard = { ids, counted: new Uint8Array(read('counted')), starts: new Uint32Array(read('starts')) }
  if (shard.counted.length !== ids.length || shard.starts.at(-1) !== ids.length) {
    throw new DataError(
      'format',
      `the shard ${join(folder, name)} is damaged: delete the folder ${folder} and run again`,
    )
  }
  return shard
}

/** The shard without its documents of more than `most` tokens. */
export function withoutLongDocuments(shard: Shard, most: number): Shard {
  const { ids, counted, starts } = shard
  const kept = Array.from({ length: documentCount(shard) }, (_, d) => [starts[d]!, starts[d + 1]!] as const).filter(
    ([from, to]) => to - from <= most,
  )
  const total = kept.reduce((sum, [from, to]) => sum + to - from, 0)
  const result = {
    ids: ids instanceof Uint16Array ? new Uint16Array(total) : new Uint32Array(total),
    counted: new Uint8Array(total),
    starts: new Uint32Array(kept.length + 1),
  }
  kept.forEach(([from, to], d) => {
    const place = result.starts[d]!
    result.ids.set(ids.subarray(from, to), place)
    result.counted.set(counted.subarray(from, to), place)
    result.starts[d + 1] = place + to - from
  })
  return result
}
