import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { evaluationTexts } from './evaluationTexts.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-evaluation-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function textsOf(name: string, contents: string): Promise<string[]> {
  const path = join(folder, name)
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(contents) : contents)
  return await Array.fromAsync(evaluationTexts(path))
}

test('cells of tables and strings of records, however deep', async () => {
  expect(await textsOf('a.tsv.gz', 'sentence1\tlabel\n비가 온다\t0\n')).toEqual([
    'sentence1',
    'label',
    '비가 온다',
    '0',
  ])
  expect(await textsOf('b.json', '[{"premise": "비가 온다", "labels": {"n": 1, "names": ["참"]}}]')).toEqual([
    '비가 온다',
    '참',
  ])
  expect(await textsOf('c.jsonl', '{"q": "왜?"}\n{"q": "그냥"}\n')).toEqual(['왜?', '그냥'])
})

test('a file that is not there is an error', async () => {
  await expect(Array.fromAsync(evaluationTexts(join(folder, 'no.jsonl')))).rejects.toThrow('no.jsonl')
})
