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

describe.each([createReferenceDevice(), cpu])('a cache with a sequence for each row ($name)', device => {
  const random = randomSource(4)
  const [rows, capacity, heads, keyDim, valueDim, rank, ropeDim] = [3, 7, 4, 13, 7, 31, 6]
  const tensor = (...shape: number[]) => device.from(reals(random, shape).values, shape)
  const places = [6, 0, 3]
  const positions = device.from(places, [rows], 'i32')
  const alone = (cache: Tensor, r: number) => cache.rows(r, r + 1).reshape(cache.shape.slice(1))

  /** `run` on all rows and their caches gives what it gives on each row alone. */
  function expectSame(run: (row: (x: Tensor) => Tensor, cache: (x: Tensor) => Tensor) => Tensor): void {
    const together = run(
      x => x,
      cache => cache,
    )
    for (let r = 0; r < rows; r++) {
      const single = run(
        x => x.rows(r, r + 1),
        cache => alone(cache, r),
      )
      const n = together.size / rows
      expect([...together.data.subarray(r * n, (r + 1) * n)]).toEqual([...single.data])
    }
  }

  test('latentAttention', () => {
    const [q, w] = [tensor(rows, heads, keyDim + ropeDim), tensor(heads * (keyDim + valueDim), rank)]
    const caches = tensor(rows, capacity, rank + ropeDim)
    const options = { heads, keyDim, valueDim, scale: 0.3 }
    expectSame((row, cache) => latentAttention(row(q), cache(caches), row(positions), w, options))
    expect(() => latentAttention(q, tensor(2, capacity, rank + ropeDim), positions, w, options)).toThrow('do not fit')
  })

  test('cachedAttention', () => {
    const [q, keys, values] = [tensor(rows, heads, 5), tensor(rows, capacity, 10), tensor(rows, capacity, 6)]
    expectSame((row, cache) =>
      cachedAttention(row(q), cache(keys), cache(values), row(positions), { groups: 2, scale: 0.3 }),
    )
    expect(() => cachedAttention(q, keys, tensor(2, capacity, 6), positions, { groups: 2, scale: 1 })).toThrow(
      'do not fit',
    )
  })

  test('appendRows and appendLatents', () => {
    const [x, norm] = [tensor(rows, rank + ropeDim), tensor(rank)]
    const table = { cos: tensor(capacity, ropeDim / 2), sin: tensor(capacity, ropeDim / 2) }
    const options = { eps: 1e-6, interleaved: true }
    const appends = [
      (cache: Tensor, x: Tensor, at: Tensor) => appendRows(cache, x, at),
      (cache: Tensor, x: Tensor, at: Tensor) => appendLatents(cache, x, norm, table, at, options),
    ]
    for (const append of appends) {
      const [together, singly] = [0, 0].map(() => device.persistent([rows, capacity, rank + ropeDim]))
      append(together!, x, positions)
      for (let r = 0; r < rows; r++) append(alone(singly!, r), x.rows(r, r + 1), positions.rows(r, r + 1))
      expect([...together!.data]).toEqual([...singly!.data])
      expect(together!.data.some(value => value !== 0)).toBe(true)
      expect(() => append(tensor(2, capacity, rank + ropeDim), x, positions)).toThrow('do not fit')
    }
  })
})
