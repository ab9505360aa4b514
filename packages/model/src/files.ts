import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { ModelError } from './errors.ts'

/** The system's error code (`ENOENT`, `ENOSPC`, …), if it is one. */
export const systemCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

let temporaryFiles = 0

/**
 * A file that grows under a temporary name beside `path` and has its own only when it is whole, so that a reader (or a
 * crash) sees either the old contents or the new ones. Missing folders are made. Errors: `file`, which says why writing
 * failed, e.g. that the disk is full; then `abandon` the file.
 */
export class AtomicFile {
  private readonly path: string
  private readonly temporary: string
  private descriptor: number | undefined

  constructor(path: string) {
    this.path = path
    this.temporary = `${path}.${process.pid}.${temporaryFiles++}.tmp`
    try {
      mkdirSync(dirname(path), { recursive: true })
      this.descriptor = openSync(this.temporary, 'w')
    } catch (error) {
      throw writeError(path, error)
    }
  }

  write(chunk: Uint8Array): void {
    try {
      writeFully(this.descriptor!, chunk)
    } catch (error) {
      throw writeError(this.path, error)
    }
  }

  /** Syncs the file and gives it its name. */
  finish(): void {
    try {
      fsyncSync(this.descriptor!)
      this.close()
      renameSync(this.temporary, this.path)
    } catch (error) {
      throw writeError(this.path, error)
    }
    syncFolder(dirname(this.path))
  }

  /** Leaves nothing behind. */
  abandon(): void {
    this.close()
    rmSync(this.temporary, { force: true })
  }

  private close(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor)
    this.descriptor = undefined
  }
}

/**
 * Writes a whole file or nothing, by way of an `AtomicFile`. Chunks may come from a generator, so a file larger than
 * memory can be written. Errors: `file`, and those of the generator.
 */
export function writeFileAtomic(path: string, contents: string | Uint8Array | Iterable<Uint8Array>): void {
  const chunks =
    typeof contents === 'string' ? [Buffer.from(contents)] : contents instanceof Uint8Array ? [contents] : contents
  const file = new AtomicFile(path)
  try {
    for (const chunk of chunks) file.write(chunk)
    file.finish()
  } catch (error) {
    file.abandon()
    throw writeError(path, error)
  }
}

function writeFully(descriptor: number, chunk: Uint8Array): void {
  for (let done = 0; done < chunk.length; ) done += writeSync(descriptor, chunk, done)
}

/** Makes a rename last through a power cut. Some systems cannot open folders; there the rename alone has to do. */
function syncFolder(folder: string): void {
  let descriptor: number | undefined
  try {
    descriptor = openSync(folder, 'r')
    fsyncSync(descriptor)
  } catch {
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

function writeError(path: string, error: unknown): unknown {
  const why: Record<string, string> = {
    ENOSPC: 'the disk is full; free some space and try again',
    EDQUOT: 'the disk quota is used up; free some space and try again',
    EACCES: 'permission denied; choose a folder you may write to',
    EPERM: 'permission denied; choose a folder you may write to',
    EROFS: 'the file system is read-only; choose another folder',
    ENOTDIR: 'a part of the path is a file, not a folder; choose another path',
    EISDIR: 'there is a folder of that name; choose another path',
    EEXIST: 'a part of the path is a file, not a folder; choose another path',
  }
  const reason = why[systemCode(error) ?? '']
  return reason ? new ModelError('file', `cannot write ${path}: ${reason}`, { cause: error }) : error
}

/** A JSON file's value. A `missing` error if there is no such file, a `format` error if it is not JSON. */
export function readJson(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR')
      throw new ModelError('missing', `${path} does not exist; check the path`, { cause: error })
    throw new ModelError('file', `cannot read ${path}: ${(error as Error).message}`, { cause: error })
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ModelError('format', `${path} is not valid JSON (${(error as Error).message}); fetch or write it again`, {
      cause: error,
    })
  }
}
