import { mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { documentBatches, type MicroBatch, windowBatch, windowCount } from './batch.ts'
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

/** The sequences of a micro-batch, each with its labels. */
const sequencesOf = ({ ids, labels, starts }: MicroBatch) =>
  Array.from(starts.subarray(1), (end, s) => [[...ids.slice(starts[s], end)], [...labels.slice(starts[s], end)]])

const drawsOf = (items: number[], epoch = 0) => items.map(item => ({ source: 0, item, epoch }))

test('windows cover the stream, wrap round, and are cut where documents begin', () => {
  expect(windowCount(shard, 4)).toBe(3)
  const batch = windowBatch([shard], drawsOf([0, 1, 2]), 4)
  expect([...batch.ids]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3])
  expect([...batch.starts]).toEqual([0, 4, 7, 8, 9, 12])
  expect([...batch.labels]).toEqual([-100, 2, 3, 4, -100, 6, 7, -100, -100, -100, 2, 3])
  expect(batch.counted).toBe(7)
  const later = windowBatch([shard], drawsOf([0, 1, 2], 1), 4)
  expect(later).toEqual(windowBatch([shard], drawsOf([0, 1, 2], 1), 4))
  expect(later.ids).not.toEqual(batch.ids)
})

test('a window finds its documents wherever it begins, also among empty ones', () => {
  const gaps = buildShard(
    [[], [1], [], [], [2, 3, 4], [5], []].map(ids => document(ids)),
    100,
  )
  const windows = [0, 1, 2, 3, 4].map(item => sequencesOf(windowBatch([gaps], drawsOf([item]), 1))[0]![0])
  expect(windows).toEqual([[1], [2], [3], [4], [5]])
  expect(sequencesOf(windowBatch([gaps], drawsOf([0]), 7)).map(([ids]) => ids)).toEqual([[1], [2, 3, 4], [5], [1], [2]])
})

test('whole documents fill micro-batches one behind the other', () => {
  const answers = buildShard(
    [document([1, 2, 3, 4], [3, 4]), document([5, 6, 7], [5, 7]), document([8, 9, 10], [9, 10])],
    100,
  )
  const batches = documentBatches([answers], drawsOf([1, 0, 2]), 8)
  expect(batches.map(sequencesOf)).toEqual([
    [
      // Its first token counts, but nothing predicts it.
      [
        [5, 6, 7],
        [-100, -100, 7],
      ],
      [
        [1, 2, 3, 4],
        [-100, -100, 3, 4],
      ],
    ],
    [
      [
        [8, 9, 10],
        [-100, 9, 10],
      ],
    ],
  ])
  expect(batches.map(({ counted }) => counted)).toEqual([3, 2])
})

test('a document longer than a micro-batch gets one of its own', () => {
  const batches = documentBatches([shard], drawsOf([2, 0, 1]), 3)
  expect(batches.map(({ starts }) => [...starts])).toEqual([
    [0, 2],
    [0, 4],
    [0, 3],
  ])
})

test('long documents can be left out', () => {
  const { ids, counted, starts } = withoutLongDocuments(shard, 3)
  expect([...ids]).toEqual([5, 6, 7, 8, 9])
  expect([...counted]).toEqual([1, 1, 1, 1, 1])
  expect([...starts]).toEqual([0, 3, 5])
})
