import { EngineError, requireShape } from '../errors.ts'
import { f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'
import { isCacheFor } from './cachedAttention.ts'

/** cache[r·apart + positions[r],:] = x[r,:] for r < rows. cache: [capacity, n]; x: [rows, n]; no two go to the same place. */
const scatterRows = kernel({
  name: 'appendRows',
  params: { cache: f32s, x: f32s, positions: i32s, rows: i32, n: i32, apart: i32 },
  reference({ cache, x, positions, rows, n, apart }) {
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < n; i++) cache[(r * apart + positions[r]!) * n + i] = x[r * n + i]!
    }
  },
  build(k, { cache, x, positions, rows, n, apart }) {
    k.rows(rows, r => {
      const from = x.from(r.mul(n))
      const to = cache.from(r.mul(apart).add(positions.at(r)).mul(n))
      k.lanes(n, i => to.set(i, from.at(i)))
    })
  },
  work: ({ rows, n }) => rows * n,
})

export const appendRowsKernels = [scatterRows]

/**
 * Writes row r to cache[positions[r]]; no gradient. cache: [capacity, n]; rows: [r, n]; positions: i32 [r], all
 * different. Of a cache [r, capacity, n] row r goes to cache[r, positions[r]]. A `shape` error if they do not fit, an
 * `index` error for a position beyond the capacity.
 */
export function appendRows(cache: Tensor, rows: Tensor, positions: Tensor): void {
  const [count, n] = rows.shape as [number, number]
  requireShape(
    rows.shape.length === 2 && cache.shape.at(-1) === n && positions.size === count && isCacheFor(count, cache),
    () => `appendRows: [${rows.shape}] at ${positions.size} positions do not fit into [${cache.shape}]`,
  )
  const capacity = cache.shape.at(-2)!
  for (const position of positions.integers) {
    if (position < 0 || position >= capacity) {
      throw new EngineError(
        'index',
        `appendRows: position ${position} is not in a cache of ${capacity}; make a larger one`,
      )
    }
  }
  const apart = cache.shape.length === 3 ? capacity : 0
  cache.device.run(scatterRows, { cache, x: rows, positions, rows: count, n, apart })
}
