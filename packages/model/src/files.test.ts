import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ModelError } from './errors.ts'
import { readJson, writeFileAtomic } from './files.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-files-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const thrown = (run: () => unknown): ModelError => {
  try {
    run()
  } catch (error) {
    if (error instanceof ModelError) return error
    throw error
  }
  throw new Error('expected an error')
}

describe('writeFileAtomic', () => {
  test('writes strings, bytes and streams, and makes folders', () => {
    writeFileAtomic(join(folder, 'a/b/text'), '가나')
    writeFileAtomic(join(folder, 'bytes'), Uint8Array.of(1, 2))
    writeFileAtomic(
      join(folder, 'stream'),
      (function* () {
        yield Uint8Array.of(1)
        yield Uint8Array.of(2, 3)
      })(),
    )
    expect(readFileSync(join(folder, 'a/b/text'), 'utf8')).toBe('가나')
    expect([...readFileSync(join(folder, 'bytes'))]).toEqual([1, 2])
    expect([...readFileSync(join(folder, 'stream'))]).toEqual([1, 2, 3])
  })

  test('a failure half-way leaves the old file and no temporary one', () => {
    const path = join(folder, 'x')
    writeFileAtomic(path, 'old')
    const broken = function* (): Generator<Uint8Array> {
      yield Uint8Array.of(1)
      throw new Error('power cut')
    }
    expect(() => writeFileAtomic(path, broken())).toThrow('power cut')
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(readdirSync(folder)).toEqual(['x'])
  })

  test('a full disk is said plainly and leaves nothing behind', () => {
    const path = join(folder, 'x')
    const full = function* (): Generator<Uint8Array> {
      yield Uint8Array.of(1)
      throw Object.assign(new Error('write'), { code: 'ENOSPC' })
    }
    const error = thrown(() => writeFileAtomic(path, full()))
    expect(error.code).toBe('file')
    expect(error.message).toContain(path)
    expect(error.message).toContain('disk is full')
    expect(readdirSync(folder)).toEqual([])
  })

  test('a file in the place of a folder is named', () => {
    writeFileSync(join(folder, 'file'), '')
    expect(thrown(() => writeFileAtomic(join(folder, 'file/x'), '')).code).toBe('file')
    expect(existsSync(join(folder, 'file/x'))).toBe(false)
  })
})

describe('readJson', () => {
  test('a missing file and a broken one are named', () => {
    expect(thrown(() => readJson(join(folder, 'none.json')))).toMatchObject({ code: 'missing' })
    writeFileSync(join(folder, 'bad.json'), '{"a": ')
    const error = thrown(() => readJson(join(folder, 'bad.json')))
    expect(error.code).toBe('format')
    expect(error.message).toContain('bad.json')
  })
})
