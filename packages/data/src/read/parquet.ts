import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import {
  asyncBufferFromFile,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
} from 'hyparquet'
import { DataError } from '../errors.ts'
import type { OnBytes, PlacedRecord } from './record.ts'

// Node's own are faster than any in JavaScript. hyparquet itself brings snappy.
const compressors: Compressors = {
  GZIP: bytes => gunzipSync(bytes),
  ZSTD: bytes => zstdDecompressSync(bytes),
  BROTLI: bytes => brotliDecompressSync(bytes),
}
const codecs: ReadonlySet<string> = new Set(['UNCOMPRESSED', 'SNAPPY', ...Object.keys(compressors)])

/** A value as JSON would hold it: a null is a field that is not there, and a 64-bit integer a number. */
function plain(value: unknown): unknown {
  if (value === null || value === undefined) return undefined
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== null && field !== undefined)
      .map(([name, field]) => [name, plain(field)]),
  )
}

const broken = (path: string, place: string, error: unknown): DataError => {
  const why = error instanceof Error ? error.message : String(error)
  return new DataError('format', `${path}: ${place} cannot be read as parquet (${why}): copy it again`)
}

/** The first way of packing in a file that we cannot unpack. */
const unknownCodec = ({ row_groups }: FileMetaData): string | undefined =>
  row_groups
    .flatMap(group => group.columns.map(column => column.meta_data?.codec ?? 'UNCOMPRESSED'))
    .find(codec => !codecs.has(codec))

/**
 * The rows of a parquet file, plain or packed by snappy, gzip, zstd or brotli. A row group is in memory at a time.
 * Errors: `empty`, `format` (which row group is broken; packed in another way).
 */
export async function* parquetRecords(path: string, onBytes: OnBytes): AsyncGenerator<PlacedRecord> {
  const file = await asyncBufferFromFile(path)
  if (file.byteLength === 0) {
    throw new DataError('empty', `${path} is empty: take it out of "files", or copy it again`)
  }
  let metadata: FileMetaData
  try {
    metadata = await parquetMetadataAsync(file)
  } catch (error) {
    throw broken(path, 'its footer', error)
  }
  const codec = unknownCodec(metadata)
  if (codec) throw new DataError('format', `${path} is packed by ${codec}: write it with zstd, gzip, snappy or brotli`)
  let row = 0
  for (const [index, group] of metadata.row_groups.entries()) {
    const rowEnd = row + Number(group.num_rows)
    let rows: Record<string, unknown>[]
    try {
      rows = await parquetReadObjects({ file, metadata, compressors, rowStart: row, rowEnd })
    } catch (error) {
      throw broken(path, `row group ${index + 1} (rows ${row + 1} to ${rowEnd})`, error)
    }
    onBytes(file.byteLength * ((rowEnd - row) / Number(metadata.num_rows)))
    for (const record of rows) yield { place: `${path}:${++row}`, record: plain(record) as Record<string, unknown> }
  }
}
