import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { LineFile } from './lineFile.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-lines-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('lines appear under the name only when all are written', () => {
  const path = join(folder, 'new', 'lines.jsonl')
  const lines = Array.from({ length: 3000 }, (_, i) => `${i} ${'가'.repeat(200)}`)
  const file = new LineFile(path)
  for (const line of lines) file.add(line)
  expect(readdirSync(join(folder, 'new'))).not.toContain('lines.jsonl')
  file.finish()
  expect(readdirSync(join(folder, 'new'))).toEqual(['lines.jsonl'])
  expect(readFileSync(path, 'utf8')).toBe(`${lines.join('\n')}\n`)
})

test('an abandoned file leaves nothing', () => {
  const file = new LineFile(join(folder, 'given-up.jsonl'))
  file.add('가')
  file.abandon()
  expect(readdirSync(folder)).not.toContainEqual(expect.stringContaining('given-up'))
})

test('what cannot be written is said with file and remedy', () => {
  const notAFolder = join(folder, 'file')
  writeFileSync(notAFolder, '')
  expect(() => new LineFile(join(notAFolder, 'lines.jsonl'))).toThrow(/lines\.jsonl: a part of the path is a file/)
})
