import { statSync } from 'node:fs'
import { DataError } from '../errors.ts'
import type { OnBytes, PlacedRecord } from '../read/record.ts'
import { dataFiles, records } from '../read/records.ts'
import type { Shard } from './cleanShard.ts'

/** A data file of the inputs. */
export interface InputFile {
  readonly path: string
  readonly bytes: number
  readonly modified: number
  /** Found in a folder rather than named, so that it may be empty. */
  readonly inFolder: boolean
}

/** The files of all inputs in their order. Errors: those of `dataFiles`. */
export const inputFiles = (inputs: readonly string[]): InputFile[] =>
  inputs.flatMap(input =>
    [...dataFiles(input)].map(path => {
      const { size, mtimeMs } = statSync(path)
      return { path, bytes: size, modified: mtimeMs, inFolder: path !== input }
    }),
  )

/** The name of shard `number` of file `file`, both from 0. */
export const shardName = (file: number, number: number): string => `${file}-${number}`

/** A record takes memory beside its text. */
const charactersOfRecord = 100

/**
 * The shards of file number `file`: each ends with the record with which its texts have `size` characters. The last one
 * may be empty. Errors: those of `records`.
 */
export async function* cutShards(input: InputFile, file: number, size: number): AsyncGenerator<Shard> {
  let waiting: PlacedRecord[] = []
  let characters = 0
  let bytes = 0
  let number = 0
  const cut = (last: boolean): Shard => {
    const shard = { name: shardName(file, number++), records: waiting, bytes, last }
    waiting = []
    characters = 0
    bytes = 0
    return shard
  }
  for await (const placed of recordsOf(input, more => (bytes += more))) {
    if (characters >= size) yield cut(false)
    waiting.push(placed)
    const text = placed.record?.text
    characters += charactersOfRecord + (typeof text === 'string' ? text.length : 0)
  }
  yield cut(true)
}

/** As `records`, for which a file in a folder may be empty. */
async function* recordsOf({ path, inFolder }: InputFile, onBytes: OnBytes): AsyncGenerator<PlacedRecord> {
  try {
    yield* records(path, onBytes)
  } catch (error) {
    if (!inFolder || !(error instanceof DataError) || error.code !== 'empty') throw error
    yield { place: path, record: undefined }
  }
}
