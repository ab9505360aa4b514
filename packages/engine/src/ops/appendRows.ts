import { EngineError, requireShape } from '../errors.ts'
import { f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'
import { pagesOf, placeInPages, rowInPages } from './cachePages.ts'

/** Position positions[r] of row r's pages (see cachePages.ts) = x[r,:] for r < rows. cache: [pages·size, n]; x: [rows, n]; no two go to the same place. */
const scatterRows = kernel({
  name: 'appendRows',
  params: { cache: f32s, x: f32s, positions: i32s, table: i32s, rows: i32, n: i32, tableRow: i32, size: i32 },
  reference({ cache, x, positions, table, rows, n, tableRow, size }) {
    for (let r = 0; r < rows; r++) {
      const place = rowInPages(table, r * tableRow, size, positions[r]!)
      for (let i = 0; i < n; i++) cache[place * n + i] = x[r * n + i]!
    }
  },
  build(k, { cache, x, positions, table, rows, n, tableRow, size }) {
    k.rows(rows, r => {
      const from = x.from(r.mul(n))
      const to = cache.from(placeInPages(table.from(r.mul(tableRow)), size, positions.at(r)).mul(n))
      k.lanes(n, i => to.set(i, from.at(i)))
    })
  },
  work: ({ rows, n }) => rows * n,
})

export const appendRowsKernels = [scatterRows]

/**
 * Writes row r to cache[positions[r]]; no gradient. cache: [capacity, n]; rows: [r, n]; positions: i32 [r], all
 * different. Of a cache [r, capacity, n] row r goes to cache[r, positions[r]]; of [pages, size, n] into the pages of its
 * sequence, `pages`: i32 [r or 1, most pages of a sequence]. A `shape` error if they do not fit, an
 * `index` error for a position beyond the capacity.
 */
export function appendRows(cache: Tensor, rows: Tensor, positions: Tensor, pages?: Tensor): void {
  const [count, n] = rows.shape as [number, number]
  const places = pagesOf(count, cache, pages)
  requireShape(
    places !== undefined && rows.shape.length === 2 && cache.shape.at(-1) === n && positions.size === count,
    () => `appendRows: [${rows.shape}] at ${positions.size} positions do not fit into [${cache.shape}]`,
  )
  const { capacity, ...lookup } = places
  for (const position of positions.integers) {
    if (position < 0 || position >= capacity) {
      throw new EngineError(
        'index',
        `appendRows: position ${position} is not in a cache of ${capacity}; make a larger one`,
      )
    }
  }
  cache.device.run(scatterRows, { cache, x: rows, positions, rows: count, n, ...lookup })
}
