import { requireShape } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { copyColumns } from './copyColumns.ts'

/**
 * Copies `rows` over the rows of `cache` from `at` on; no gradient. cache: [capacity, n]; rows: [r, n].
 * A `shape` error if they do not fit.
 */
export function appendRows(cache: Tensor, rows: Tensor, at: number): void {
  const [count, n] = rows.shape as [number, number]
  requireShape(
    rows.shape.length === 2 && cache.shape[1] === n && at >= 0 && at + count <= cache.shape[0]!,
    () => `appendRows: [${rows.shape}] does not fit into [${cache.shape}] from row ${at} on`,
  )
  const layout = { rows: count, n, xRow: n, xStart: 0, yRow: n, yStart: at * n, add: 0 }
  cache.device.run(copyColumns, { x: rows, y: cache, ...layout })
}
