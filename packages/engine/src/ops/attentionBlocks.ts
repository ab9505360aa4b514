import type { Builder, Int, Real, Reals, Target } from '../kernel/language.ts'
import { blockRows, tileShape } from '../kernel/tile.ts'

// Attention never has all its scores at once: it works through blocks of them, `lanes` columns wide and `depth` rows
// high, which stay in the nearest caches. The columns are the packed panels of a product. Dao et al. 2022, 2023.

export interface BlockShape {
  readonly panels: number
  readonly lanes: number
  readonly depth: number
}

/** About as many columns as a product's block has rows, since the next product takes them as its rows. */
export function blockShape(target: Pick<Target, 'width' | 'registers'>): BlockShape {
  const shape = tileShape(target)
  const panels = Math.floor(blockRows(shape) / shape.columns)
  return { panels, lanes: panels * shape.columns, depth: 64 }
}

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

/** Sets `columns` columns of the rows from `from` to `to` to zero; rows lie `row` numbers apart. */
export function clearRows(k: Builder, block: Reals, row: number, from: Int | number, to: Int): void {
  const { vectors } = tileShape(k)
  k.loop(from, to, i => {
    const at = block.from(i.mul(row))
    for (let v = 0; v < vectors; v++) at.setVector(v * k.width, k.vector(0))
  })
}
