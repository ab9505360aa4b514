import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random } from '@modu/model'
import { afterAll, describe, expect, test } from 'vitest'
import { Duplicates, fates } from './duplicates.ts'
import { lettersOf } from './exactDuplicates.ts'
import { minHash, similarity } from './nearDuplicates.ts'
import { PrintsFile, printOf, writePrints } from './prints.ts'
import { changedWords, inventedWords } from './testTexts.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-near-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Which of the texts are near duplicates of earlier ones. */
function nearDuplicates(texts: readonly string[]): boolean[] {
  const path = join(folder, 'prints')
  writePrints(
    path,
    texts.map((text, i) => printOf(text, i + 1, true)),
  )
  const duplicates = new Duplicates([new PrintsFile(path, texts.length)])
  duplicates.dropNear(() => {})
  return Array.from(duplicates.fate, fate => fate === fates.near)
}

const shingles = (text: string): Set<string> => {
  const letters = text.replaceAll(' ', '')
  return new Set(Array.from({ length: letters.length - 4 }, (_, i) => letters.slice(i, i + 5)))
}

function jaccard(a: string, b: string): number {
  const [x, y] = [shingles(a), shingles(b)]
  const common = x.intersection(y).size
  return common / (x.size + y.size - common)
}

const random = new Random(11)
const pairs = Array.from({ length: 2400 }, () => {
  const words = inventedWords(random, 30 + random.integer(150))
  const pair = [words, changedWords(random, words, random.uniform() * 0.35)].map(list => list.join(' '))
  return { first: pair[0]!, second: pair[1]!, jaccard: jaccard(pair[0]!, pair[1]!) }
})

describe('near duplicates of a generated set', () => {
  // All first texts before all second ones: a pair has to be found among thousands of others.
  const all = nearDuplicates([...pairs.map(({ first }) => first), ...pairs.map(({ second }) => second)])
  const falselyFound = all.slice(0, pairs.length).filter(Boolean)
  const found = all.slice(pairs.length)
  const share = (from: number, to: number): { pairs: number; found: number } => {
    const places = pairs.flatMap((pair, i) => (pair.jaccard >= from && pair.jaccard < to ? [i] : []))
    return { pairs: places.length, found: places.filter(i => found[i]).length / places.length }
  }

  test('95% or more of the pairs above 0.8 are found', () => {
    const above = share(0.8, 1.01)
    expect(above.pairs).toBeGreaterThan(300)
    expect(above.found).toBeGreaterThanOrEqual(0.95)
  })

  test('fewer than 1% of the pairs below 0.4 are taken for such, and no texts that have nothing in common', () => {
    const below = share(0, 0.4)
    expect(below.pairs).toBeGreaterThan(300)
    expect(below.found).toBeLessThan(0.01)
    expect(falselyFound).toEqual([])
  })

  test('signatures estimate the Jaccard similarity', () => {
    const errors = pairs.map(
      pair => similarity(minHash(lettersOf(pair.first)), minHash(lettersOf(pair.second))) - pair.jaccard,
    )
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length
    const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length)
    expect(Math.abs(mean)).toBeLessThan(0.01)
    // √(s(1−s)/80) at the worst.
    expect(deviation).toBeLessThan(0.056)
  })
})

test('texts shorter than a shingle are compared as a whole', () => {
  expect(nearDuplicates(['네', '네 ', '아니', ''])).toEqual([false, true, false, false])
})
