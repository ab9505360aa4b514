import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random } from '@modu/model'
import { afterAll, expect, test } from 'vitest'
import { documentBatches, type MicroBatch, windowBatch, windowCount } from './batch.ts'
import { type EncodedDocument, openShard, type Shard, ShardWriter } from './shard.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-batch-'))
afterAll(() => rmSync(folder, { recursive: true }))
let shards = 0

/** A shard on the disk. */
function shardOf(documents: readonly EncodedDocument[]): Shard {
  const name = `shard-${shards++}`
  const writer = new ShardWriter(folder, name, 100)
  for (const each of documents) writer.add(each)
  writer.finish()
  return openShard(folder, name, 100, writer)
}

const document = (ids: number[], counted: number[] = ids) => ({ ids, counted: ids.map(id => counted.includes(id)) })
const shard = shardOf([document([1, 2, 3, 4]), document([5, 6, 7]), document([8, 9])])

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
  const gaps = shardOf([[], [1], [], [], [2, 3, 4], [5], []].map(ids => document(ids)))
  const windows = [0, 1, 2, 3, 4].map(item => sequencesOf(windowBatch([gaps], drawsOf([item]), 1))[0]![0])
  expect(windows).toEqual([[1], [2], [3], [4], [5]])
  expect(sequencesOf(windowBatch([gaps], drawsOf([0]), 7)).map(([ids]) => ids)).toEqual([[1], [2, 3, 4], [5], [1], [2]])
})

test('whole documents fill micro-batches one behind the other', () => {
  const answers = shardOf([document([1, 2, 3, 4], [3, 4]), document([5, 6, 7], [5, 7]), document([8, 9, 10], [9, 10])])
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

test('windows and documents are those of the same documents in memory, whatever their lengths', () => {
  const random = new Random(1)
  // Longer than what is read at once, and shorter, and empty; more of them than starts are read at once.
  const lengths = Array.from({ length: 1500 }, (_, d) =>
    d % 30 === 0 ? [1023, 1024, 1025, 2500][random.integer(4)]! : [0, 1, 2, 7, 40][random.integer(5)]!,
  )
  const documents = lengths.map(length => ({
    ids: Array.from({ length }, () => random.integer(100)),
    counted: Array.from({ length }, () => random.integer(2) === 1),
  }))
  const large = shardOf(documents)
  const stream = documents.flatMap(({ ids }, d) =>
    ids.map((id, t) => ({ id, d, t, counted: documents[d]!.counted[t]! })),
  )
  expect(large.tokens).toBe(stream.length)
  for (const length of [1, 3, 1000, 1024, 4097]) {
    const count = windowCount(large, length)
    const items = [0, count - 1, ...Array.from({ length: 6 }, () => random.integer(count))]
    const batch = windowBatch([large], drawsOf(items), length)
    const expected = items.flatMap(item =>
      Array.from({ length }, (_, i) => {
        const { id, d } = stream[(item * length + i) % stream.length]!
        const before = i === 0 ? undefined : stream[(item * length + i - 1) % stream.length]!
        return { id, label: before?.d === d ? id : -100 }
      }),
    )
    expect([...batch.ids]).toEqual(expected.map(({ id }) => id))
    expect([...batch.labels]).toEqual(expected.map(({ label }) => label))
  }
  const items = Array.from({ length: 50 }, () => random.integer(documents.length))
  expect(documentBatches([large], drawsOf(items), 1).flatMap(sequencesOf)).toEqual(
    items.map(item => {
      const { ids, counted } = documents[item]!
      return [ids, ids.map((id, t) => (t > 0 && counted[t] ? id : -100))]
    }),
  )
})
