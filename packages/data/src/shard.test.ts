import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { documentsUpTo, openShard, type Shard, ShardWriter } from './shard.ts'

const documents = [
  { ids: [1, 2, 3, 4], counted: [false, true, true, false] },
  { ids: [], counted: [] },
  { ids: [5, 99, 7], counted: [true, false, true] },
]
const size = { tokens: 7, documents: 3 }
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-shard-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function write(name: string, vocabSize: number): ShardWriter {
  const writer = new ShardWriter(folder, name, vocabSize)
  for (const document of documents) writer.add(document)
  return writer
}

const contents = (shard: Shard) => ({
  ids: Array.from(shard.ids(0, shard.tokens)),
  counted: Array.from(shard.counted(0, shard.tokens)),
  starts: Array.from({ length: shard.documents + 1 }, (_, d) => shard.start(d)),
})
const expected = { ids: [1, 2, 3, 4, 5, 99, 7], counted: [0, 1, 1, 0, 1, 0, 1], starts: [0, 4, 4, 7] }

test('comes back as written, with ids of 16 and of 32 bits; before it is whole there is nothing', () => {
  for (const vocabSize of [65536, 65537]) {
    const writer = write('a', vocabSize)
    if (vocabSize === 65536) expect(readdirSync(folder).filter(name => !name.endsWith('.tmp'))).toEqual([])
    writer.finish()
    expect(readFileSync(join(folder, 'a.ids')).length).toBe(vocabSize === 65536 ? 14 : 28)
    const shard = openShard(folder, 'a', vocabSize, size)
    expect(contents(shard)).toEqual(expected)
    expect(Array.from(shard.ids(3, 5))).toEqual([4, 5])
  }
  const before = readdirSync(folder)
  write('b', 100).abandon()
  expect(readdirSync(folder)).toEqual(before)
})

test('starts of 32 bits, as earlier versions wrote them, are read', () => {
  write('early', 100).finish()
  writeFileSync(join(folder, 'early.starts'), new Uint8Array(Uint32Array.from(expected.starts).buffer))
  expect(contents(openShard(folder, 'early', 100, size))).toEqual(expected)
})

test('damage is seen', () => {
  write('damaged', 100).finish()
  expect(() => openShard(folder, 'damaged', 100, { ...size, documents: 4 })).toThrow(/damaged/)
  truncateSync(join(folder, 'damaged.ids'), 12)
  expect(() => openShard(folder, 'damaged', 100, size)).toThrow(/damaged: delete the folder/)
})

test('documents by length', () => {
  write('lengths', 100).finish()
  const shard = openShard(folder, 'lengths', 100, size)
  expect([...documentsUpTo(shard, 3)]).toEqual([1, 2])
  expect([...documentsUpTo(shard, 4)]).toEqual([0, 1, 2])
})
