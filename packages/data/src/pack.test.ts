import { execFileSync } from 'node:child_process'
import { createWriteStream, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type PackOptions, packCorpus } from './pack.ts'
import type { Shard } from './shard.ts'
import type { CorpusDocument } from './source.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-pack-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const idsOf = (shard: Shard) => Array.from(shard.ids(0, shard.tokens))

test('packs in the order of the corpus, holds out by hash, and uses what is there', async () => {
  const documents = Array.from({ length: 400 }, (_, i) => ({
    id: `c-${i}`,
    messages: [{ role: 'user', content: `${i}` }],
  }))
  writeFileSync(join(folder, 'chats.jsonl'), documents.map(d => JSON.stringify(d)).join('\n'))
  let encoded = 0
  const encode = (document: CorpusDocument) => {
    encoded++
    const n = Number('id' in document ? document.id.slice(2) : Number.NaN)
    return [{ ids: [n, 1000], counted: [false, true] }]
  }
  const options: PackOptions = {
    corpus: folder,
    sources: ['chats'],
    folder: join(folder, 'shards'),
    vocabSize: 2000,
    key: 'one',
    encode,
  }
  const packed = await packCorpus(options)
  const { documents: train, heldOutDocuments } = packed.sources.chats!
  expect(train + heldOutDocuments).toBe(400)
  expect(heldOutDocuments).toBeGreaterThan(5)
  expect(heldOutDocuments).toBeLessThan(45)
  const numbers = idsOf(packed.train.chats!).filter(id => id !== 1000)
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  const held = idsOf(packed.heldOut.chats!).filter(id => id !== 1000)
  expect([...numbers, ...held].sort((a, b) => a - b)).toEqual(documents.map((_, i) => i))

  const again = await packCorpus(options)
  expect(encoded).toBe(400)
  expect(again.sources).toEqual(packed.sources)
  expect(idsOf(again.train.chats!)).toEqual(idsOf(packed.train.chats!))
  await packCorpus({ ...options, key: 'two' })
  expect(encoded).toBe(800)

  const fails = () => {
    throw new Error('cannot encode')
  }
  await expect(packCorpus({ ...options, key: 'three', encode: fails })).rejects.toThrow('cannot encode')
  expect(existsSync(join(folder, 'shards', 'manifest.json'))).toBe(false)
})

/** Packs NAME.jsonl with a token for each character; prints the most memory that was in use, and what windows hold. */
const packing = `
import { packCorpus } from '${pathToFileURL(join(import.meta.dirname, 'pack.ts')).href}'
import { windowBatch, windowCount } from '${pathToFileURL(join(import.meta.dirname, 'batch.ts')).href}'
const folder = process.argv[1]
const inUse = () => {
  // The second waits for what the first leaves to another thread: giving up buffers.
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
const before = inUse()
let most = before
let documents = 0
const encode = ({ text }) => {
  if (documents++ % 50_000 === 49_999) most = Math.max(most, inUse())
  const ids = Array.from(text, character => character.charCodeAt(0))
  return [{ ids, counted: ids.map(() => true) }]
}
const corpus = await packCorpus({ corpus: folder, sources: ['texts'], folder: folder + '/shards', vocabSize: 65536, key: 'k', encode })
most = Math.max(most, inUse())
const shard = corpus.train.texts
const draws = Array.from({ length: 1000 }, (_, i) => ({ source: 0, item: Math.floor((i * windowCount(shard, 256)) / 1000), epoch: 0 }))
let counted = 0
for (const draw of draws) counted += windowBatch([shard], [draw], 256).counted
most = Math.max(most, inUse())
console.log(JSON.stringify({ grown: most - before, counted, ...corpus.sources.texts }))
`

test('memory does not grow with the corpus: 200,000 documents in 64 MB', { timeout: 120_000 }, async () => {
  const file = createWriteStream(join(folder, 'texts.jsonl'))
  let tokens = 0
  for (let i = 0; i < 200_000; i += 1000) {
    const texts = Array.from({ length: 1000 }, (_, k) => `${i + k}번째 문서는 ${'가나다라마바사 '.repeat((i + k) % 5)}`)
    tokens += texts.reduce((sum, text) => sum + text.length, 0)
    await new Promise(resolve => file.write(texts.map(text => `${JSON.stringify({ text })}\n`).join(''), resolve))
  }
  await new Promise<void>(resolve => file.end(resolve))
  const node = ['--max-old-space-size=64', '--expose-gc', '--input-type=module', '-e', packing, folder]
  const result = JSON.parse(execFileSync(process.execPath, node).toString())
  expect(result.documents + result.heldOutDocuments).toBe(200_000)
  expect(result.tokens + result.heldOutTokens).toBe(tokens)
  // In memory the tokens alone would take 16 bits for the id and a byte for whether it counts.
  expect(tokens * 3).toBeGreaterThan(14e6)
  expect(result.grown).toBeLessThan(5e6)
  expect(result.counted).toBeGreaterThan(200_000)
})
