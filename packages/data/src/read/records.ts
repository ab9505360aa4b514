import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { DataError } from '../errors.ts'
import { htmlRecords } from './html.ts'
import { jsonRecords } from './json.ts'
import { jsonlRecords } from './jsonl.ts'
import { parquetRecords } from './parquet.ts'
import type { OnBytes, PlacedRecord } from './record.ts'
import { markdownRecords, textRecords } from './text.ts'
import { tsvRecords } from './tsv.ts'

type Reader = (path: string, onBytes: OnBytes) => AsyncGenerator<PlacedRecord>

const textReaders: Readonly<Record<string, Reader>> = {
  '.jsonl': jsonlRecords,
  '.json': jsonRecords,
  '.tsv': tsvRecords,
  '.txt': textRecords,
  '.md': markdownRecords,
  '.html': htmlRecords,
}

const readers: ReadonlyMap<string, Reader> = new Map([
  ...Object.entries(textReaders),
  ...Object.entries(textReaders).map(([extension, reader]): [string, Reader] => [`${extension}.gz`, reader]),
  ['.parquet', parquetRecords],
])

/** `.html`, or `.html.gz`. */
function extension(path: string): string {
  const name = basename(path).toLowerCase()
  const packed = extname(name) === '.gz' ? '.gz' : ''
  return extname(packed ? name.slice(0, -packed.length) : name) + packed
}

const knownExtensions = `${Object.keys(textReaders).join(', ')} (each also with .gz) and .parquet`

const isFolder = (path: string): boolean => statSync(path).isDirectory()

// By code unit, so that the order is the same on every machine.
const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function* filesBelow(folder: string): Generator<string> {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(entry => !entry.name.startsWith('.'))
  for (const entry of entries.sort((a, b) => byName(a.name, b.name))) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* filesBelow(path)
    else if (readers.has(extension(path))) yield path
  }
}

/**
 * The data files at a path: the file itself, or all below a folder whose extension is known, sorted by name; hidden ones
 * are passed over. Errors: `missing`, `format` (a file of another kind), `empty` (no such files in the folder).
 */
export function* dataFiles(path: string): Generator<string> {
  if (!existsSync(path)) {
    throw new DataError(
      'missing',
      `there is no file ${path}: check the path; those of a recipe begin in its data folder (--data)`,
    )
  }
  if (isFolder(path)) {
    let some = false
    for (const file of filesBelow(path)) {
      some = true
      yield file
    }
    if (!some) throw new DataError('empty', `the folder ${path} holds no data files: known are ${knownExtensions}`)
  } else if (readers.has(extension(path))) yield path
  else {
    const kind = extension(path) ? `the extension ${extension(path)}` : 'a name without extension'
    throw new DataError('format', `${path} has ${kind}: known are ${knownExtensions}`)
  }
}

/**
 * Reads the records of a data file by its extension, or of all files below a folder. Records come one after another, so
 * memory does not grow with the file. An empty file among those of a folder comes as `record: undefined`, for the caller
 * to count. Errors: those of `dataFiles`; `empty` for a file named itself; `format` for one that is broken, with the place.
 */
export async function* records(path: string, onBytes: OnBytes = () => {}): AsyncGenerator<PlacedRecord> {
  for (const file of dataFiles(path)) {
    const read = readers.get(extension(file)) as Reader
    try {
      yield* read(file, onBytes)
    } catch (error) {
      if (file === path || !(error instanceof DataError) || error.code !== 'empty') throw error
      yield { place: file, record: undefined }
    }
  }
}
