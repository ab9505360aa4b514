import { mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { documentBatches, windowBatch, windowCount } from './batch.ts'
import { buildShard, readShard, withoutLongDocuments, writeShard } from './shard.ts'

const document = (ids: number[], counted: number[] = ids) => ({ ids, counted: ids.map(id => counted.includes(id)) })
const shard = buildShard([document([1, 2, 3, 4]), document([5, 6, 7]), document([8, 9])], 100)

test('a shard comes back as written, and damage is seen', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modu-shard-'))
  writeShard(folder, 'a', shard)
  expect(readShard(folder, 'a', 100)).toEqual(shard)
  const large = buildShard([document([70_000, 1])], 100_000)
  writeShard(folder, 'b', large)
  expect(readShard(folder, 'b', 100_000)).toEqual(large)
  truncateSync(join(folder, 'a.ids'), 6)
  expect(() => readShard(folder, 'a', 100)).toThrow(/damaged/)
  rmSync(folder, { recursive: true })
})

test('windows cover the stream and wrap round', () => {
  expect(windowCount(shard, 4)).toBe(3)
  const draws = [0, 1, 2].map(item => ({ source: 0, item, epoch: 0 }))
  const batch = windowBatch([shard], draws, 4)
  expect([...batch.ids]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3])
  expect(batch.labels).toEqual(batch.ids)
  expect(batch.counted).toBe(9)
  const later = windowBatch(
    [shard],
    draws.map(d => ({ ...d, epoch: 1 })),
    4,
  )
  expect(later).toEqual(
    windowBatch(
      [shard],
      draws.map(d => ({ ...d, epoch: 1 })),
      4,
    ),
  )
})

test('documents of similar length share a micro-batch', () => {
  const answers = buildShard(
    [document([1, 2, 3, 4], [3, 4]), document([5, 6, 7], [7]), document([8, 9, 10], [9, 10])],
    100,
  )
  const draws = [1, 0, 2].map(item => ({ source: 0, item, epoch: 0 }))
  const batches = documentBatches([answers], draws, 8, 0, 2)
  expect(batches.map(b => [b.rows, b.length, b.counted])).toEqual([
    [2, 4, 3],
    [1, 4, 2],
  ])
  expect([...batches[0]!.ids]).toEqual([1, 2, 3, 4, 5, 6, 7, 0])
  expect([...batches[0]!.labels]).toEqual([-100, -100, 3, 4, -100, -100, 7, -100])
  expect([...batches[1]!.labels]).toEqual([-100, 9, 10, -100])
})

test('little is padded where lengths differ much', () => {
  const lengths = [400, 300, ...Array.from({ length: 30 }, (_, i) => 20 + (i % 7) * 8)]
  const mixed = buildShard(
    lengths.map(length => document(Array.from({ length }, (_, i) => i % 90))),
    100,
  )
  const draws = lengths.map((_, item) => ({ source: 0, item, epoch: 0 }))
  const batches = documentBatches([mixed], draws, 1024, 0)
  const padded = batches.reduce((sum, batch) => sum + batch.ids.length, 0)
  expect(padded).toBeLessThan(1.25 * mixed.ids.length)
  expect(batches.reduce((sum, batch) => sum + batch.rows, 0)).toBe(lengths.length)
  expect(Math.max(...batches.map(batch => batch.ids.length))).toBeLessThanOrEqual(1024)
})

test('a document longer than a micro-batch gets one of its own', () => {
  const batches = documentBatches([shard], [{ source: 0, item: 0, epoch: 0 }], 2, 0, 1)
  expect(batches.map(b => [b.rows, b.length])).toEqual([[1, 4]])
})

test('long documents can be left out', () => {
  const { ids, counted, starts } = withoutLongDocuments(shard, 3)
  expect([...ids]).toEqual([5, 6, 7, 8, 9])
  expect([...counted]).toEqual([1, 1, 1, 1, 1])
  expect([...starts]).toEqual([0, 3, 5])
})
