import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random } from '@modu/model'
import { afterAll, describe, expect, test } from 'vitest'
import { Duplicates, fates } from './duplicates.ts'
import { PrintsFile, printOf, writePrints } from './prints.ts'
import { changedWords, inventedWords } from './testTexts.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-duplicates-'))
afterAll(() => rmSync(folder, { recursive: true }))

const { kept, exact, near } = fates
const random = new Random(5)
const texts = Array.from({ length: 6 }, () => inventedWords(random, 60).join(' '))
const nearly = (text: string) => changedWords(random, text.split(' '), 0.03).join(' ')
const [a, b, c, d, e, f] = texts as [string, string, string, string, string, string]

let files = 0
function shard(documents: readonly string[]): PrintsFile {
  const path = join(folder, String(files++))
  writePrints(
    path,
    documents.map((text, i) => printOf(text, i + 1, true)),
  )
  return new PrintsFile(path, documents.length)
}

const shards = [
  shard([a, b, a]),
  shard([]),
  shard([nearly(b), c, `${a} `]),
  shard([]),
  shard([d, nearly(c), e, f, nearly(f)]),
]

describe('duplicates over several shards', () => {
  test.each([1, 2, 3, 100])('with %i documents at once', atOnce => {
    const duplicates = new Duplicates(shards, atOnce)
    const pairs: number[][] = []
    duplicates.dropExact((document, original) => pairs.push([document, original]))
    duplicates.dropNear((document, original) => pairs.push([document, original]))
    expect([...duplicates.fate]).toEqual([kept, kept, exact, near, kept, exact, kept, near, kept, kept, near])
    expect(pairs.toSorted((x, y) => x[0]! - y[0]!)).toEqual([
      [2, 0],
      [3, 1],
      [5, 0],
      [7, 4],
      [10, 9],
    ])
  })
})

test('prints come back as they were written', () => {
  const prints = [printOf('가나다라마바사', 7, true), printOf('아자차카', 9, true)]
  writePrints(join(folder, 'two'), prints)
  const file = new PrintsFile(join(folder, 'two'), 2)
  expect([...file.numbers()]).toEqual([7, 9])
  expect([...file.characters()]).toEqual([7, 4])
  expect([...file.fingerprints()]).toEqual(prints.flatMap(print => print.fingerprint))
  expect(file.signature(1)).toEqual(prints[1]!.signature)
  expect(() => new PrintsFile(join(folder, 'two'), 3).signature(2)).toThrow('shorter')
})
