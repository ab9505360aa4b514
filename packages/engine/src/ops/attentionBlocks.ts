import type { Builder, Int, Real, Reals, Target } from '../kernel/language.ts'
import { columnsInPlace, type LeftRows, rowsInPlace } from '../kernel/product/left.ts'
import { tileShape } from '../kernel/product/shape.ts'
import { tile } from '../kernel/product/tile.ts'

// Attention never has all its scores at once: it works through blocks of them, `lanes` columns wide and `depth` rows
// high, which stay in the nearest caches. The columns are the packed panels of a product. Dao et al. 2022, 2023.

/** Two blocks of scores so large, and what they meet, stay in the second-level cache. */
const most = { rows: 100, tiles: 16 }

/** Columns: whole panels, which are whole tiles of rows for the next product, or nearly. Rows: whole tiles. */
export function blockShape(target: Omit<Target, 'name'>): { lanes: number; depth: number } {
  const { rows, columns } = tileShape(target)
  const panels = Math.floor((most.tiles * rows) / columns)
  return { lanes: panels * columns, depth: Math.floor(most.rows / rows) * rows }
}

/** How many pairs of a query and a key of the same sequence there are, whether it sees it or not. */
export function pairCount(queryStarts: Int32Array, keyStarts: Int32Array): number {
  return pairCounts(queryStarts, keyStarts).reduce((sum, pairs) => sum + pairs, 0)
}

/** The same of each sequence. */
export const pairCounts = (queryStarts: Int32Array, keyStarts: Int32Array): number[] =>
  Array.from(queryStarts.subarray(1), (end, s) => (end - queryStarts[s]!) * (keyStarts[s + 1]! - keyStarts[s]!))

/** Memory cut into pieces, one after the other. */
export function pieces(memory: Reals): (numbers: Int | number) => Reals {
  let rest = memory
  return numbers => {
    const piece = rest
    rest = rest.from(numbers)
    return piece
  }
}

/** The numbers of a panel's lanes, 0 to columns − 1, a vector each; made in `memory`, which has room for them. */
export function laneNumbers(k: Builder, memory: Reals): Real[] {
  const { vectors, columns } = tileShape(k)
  for (let lane = 0; lane < columns; lane++) memory.set(lane, lane)
  return Array.from({ length: vectors }, (_, v) => memory.vectorAt(v * k.width))
}

/** Sets the rows from `from` to `to` of a panel of a block to zero. */
export function clearRows(k: Builder, panel: Reals, from: Int | number, to: Int): void {
  const { columns } = tileShape(k)
  const { lanes } = blockShape(k)
  k.loop(from, to, i => {
    const row = panel.from(i.mul(lanes))
    for (let lane = 0; lane < columns; lane += k.width) row.setVector(lane, k.vector(0))
  })
}

/** c[i·cRow + j] (add ? += : =) Σ_p left[i, p] · b[p, j] for i < m, j < n and p in `range(i)`; left is a block of scores. */
export interface BlockProduct {
  block: Reals
  m: Int
  /** The depths that rows i to i + tile rows − 1 need; all others are zero there. */
  range: (i: Int) => readonly [from: Int, to: Int]
  /** Packed panels of b, `panelDepth` deep. */
  panels: Reals
  panelDepth: Int
  n: Int
  c: Reals
  cRow: Int
  add: Int
  /** Scratch for an incomplete tile. */
  edge: Reals
}

/** The columns of the block are the rows of the product. */
export function columnProduct(k: Builder, args: BlockProduct): void {
  const { lanes } = blockShape(k)
  tiles(k, args, (i, p) => columnsInPlace(args.block.from(p.mul(lanes).add(i)), lanes))
}

/** The rows of the block are the rows of the product. */
export function rowProduct(k: Builder, args: BlockProduct): void {
  const { lanes } = blockShape(k)
  tiles(k, args, (i, p) => rowsInPlace(k, args.block.from(i.mul(lanes).add(p)), k.int(lanes)))
}

function tiles(k: Builder, args: BlockProduct, left: (i: Int, p: Int) => LeftRows): void {
  const { m, range, panels, panelDepth, n, c, cRow, add, edge } = args
  const { rows, vectors, columns } = tileShape(k)
  k.loop(0, n.ceilDiv(columns), panel => {
    const j = panel.mul(columns)
    const nLeft = n.sub(j)
    k.loop(
      0,
      m,
      i => {
        const [from, to] = range(i)
        const right = panels.from(panel.mul(panelDepth).add(from).mul(columns))
        const place = { mLeft: m.sub(i), right, depth: to.sub(from), nLeft, c: c.from(i.mul(cRow).add(j)) }
        const run = (vectors: number) => () =>
          tile(k, { ...place, left: left(i, from), cRow, keep: add, edge, vectors })
        // Heads of 48 numbers fill a panel and a half.
        k.if(nLeft.le(columns / 2), run(vectors / 2), run(vectors))
      },
      rows,
    )
  })
}
