import { afterAll, describe, expect, test } from 'vitest'
import { createCpuDevice } from '../device/cpu.ts'
import { createReferenceDevice } from '../device/reference.ts'
import type { Tensor } from '../tensor.ts'
import { randomSource, reals } from '../testing.ts'
import { appendLatents } from './appendLatents.ts'
import { appendRows } from './appendRows.ts'
import { cachedAttention } from './cachedAttention.ts'
import { latentAttention } from './latentAttention.ts'

const cpu = createCpuDevice({ threads: 2 })
afterAll(() => cpu.close())

describe.each([createReferenceDevice(), cpu])('a cache in pages ($name)', device => {
  const random = randomSource(5)
  const [rows, size, count, heads, keyDim, valueDim, rank, ropeDim] = [3, 4, 9, 4, 13, 7, 31, 6]
  const width = rank + ropeDim
  const tensor = (...shape: number[]) => device.from(reals(random, shape).values, shape)
  // The first two pages are shared by two sequences; a zero stands where a sequence has no page yet.
  const tables = [
    [7, 2, 5],
    [3, 0, 0],
    [7, 2, 8],
  ]
  const pages = device.from(tables.flat(), [rows, 3], 'i32')
  const positions = device.from([10, 0, 8], [rows], 'i32')

  /** What row r sees, one token after the other: [3·size, n]. */
  function gathered(cache: Tensor, r: number): Tensor {
    const n = cache.shape[2]!
    const values = tables[r]!.flatMap(page => [...cache.data.subarray(page * size * n, (page + 1) * size * n)])
    return device.from(values, [3 * size, n])
  }

  const row = (x: Tensor, r: number) => [...x.data.subarray((r * x.size) / rows, ((r + 1) * x.size) / rows)]

  test('attention gives the same numbers as on a sequence in one piece', () => {
    const [q, w, cache] = [
      tensor(rows, heads, keyDim + ropeDim),
      tensor(heads * (keyDim + valueDim), rank),
      tensor(count, size, width),
    ]
    const options = { heads, keyDim, valueDim, scale: 0.3 }
    const latent = latentAttention(q, cache, positions, w, options, pages)
    const [queries, keys, values] = [tensor(rows, heads, 5), tensor(count, size, 10), tensor(count, size, 6)]
    const grouped = cachedAttention(queries, keys, values, positions, { groups: 2, scale: 0.3 }, pages)
    for (let r = 0; r < rows; r++) {
      const at = positions.rows(r, r + 1)
      const alone = latentAttention(q.rows(r, r + 1), gathered(cache, r), at, w, options)
      expect(row(latent, r)).toEqual([...alone.data])
      const [k, v] = [gathered(keys, r), gathered(values, r)]
      const single = cachedAttention(queries.rows(r, r + 1), k, v, at, { groups: 2, scale: 0.3 })
      expect(row(grouped, r)).toEqual([...single.data])
    }
    expect(() => latentAttention(q, cache, positions, w, options, pages.rows(0, 2))).toThrow('do not fit')
  })

  test('new rows go to the page of their position, also many of one sequence', () => {
    const [norm, own] = [tensor(rank), device.from(tables[0]!, [1, 3], 'i32')]
    const table = { cos: tensor(3 * size, ropeDim / 2), sin: tensor(3 * size, ropeDim / 2) }
    const options = { eps: 1e-6, interleaved: true }
    const appends = [
      (cache: Tensor, x: Tensor, at: Tensor, pages?: Tensor) => appendRows(cache, x, at, pages),
      (cache: Tensor, x: Tensor, at: Tensor, pages?: Tensor) =>
        appendLatents(cache, x, norm, table, at, options, pages),
    ]
    for (const append of appends) {
      const [x, cache, plain] = [
        tensor(6, width),
        device.persistent([count, size, width]),
        device.persistent([3 * size, width]),
      ]
      const places = device.from([3, 4, 5, 6, 7, 8], [6], 'i32')
      append(cache, x, places, own)
      append(plain, x, places)
      expect([...gathered(cache, 0).data]).toEqual([...plain.data])
      append(cache, x.rows(0, rows), positions, pages)
      append(plain, x.rows(0, 1), positions.rows(0, 1))
      append(plain, x.rows(2, 3), positions.rows(2, 3))
      // Position 8 is in the page that the first and the third do not share.
      expect([...gathered(cache, 0).data].slice(10 * width, 11 * width)).toEqual(
        [...plain.data].slice(10 * width, 11 * width),
      )
      expect([...gathered(cache, 2).data].slice(8 * width, 9 * width)).toEqual(
        [...plain.data].slice(8 * width, 9 * width),
      )
      expect(() => append(cache, x.rows(0, 1), device.from([12], [1], 'i32'), own)).toThrow('12')
    }
  })
})
