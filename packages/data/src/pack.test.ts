import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type PackOptions, packCorpus } from './pack.ts'
import type { CorpusDocument } from './source.ts'

test('packs, holds out by hash, shuffles with the seed, and uses what is there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'modu-pack-'))
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
    seed: 1,
    encode,
  }
  const packed = await packCorpus(options)
  const { documents: train, heldOutDocuments } = packed.sources.chats!
  expect(train + heldOutDocuments).toBe(400)
  expect(heldOutDocuments).toBeGreaterThan(5)
  expect(heldOutDocuments).toBeLessThan(45)
  const numbers = [...packed.train.chats!.ids].filter(id => id !== 1000)
  expect(numbers).not.toEqual(numbers.toSorted((a, b) => a - b))
  const held = [...packed.heldOut.chats!.ids].filter(id => id !== 1000)
  expect([...numbers, ...held].sort((a, b) => a - b)).toEqual(documents.map((_, i) => i))

  expect(await packCorpus(options)).toEqual(packed)
  expect(encoded).toBe(400)
  const other = await packCorpus({ ...options, key: 'two', seed: 2 })
  expect(encoded).toBe(800)
  expect(other.heldOut).toEqual(packed.heldOut)
  expect(other.train).not.toEqual(packed.train)
  rmSync(folder, { recursive: true })
})
