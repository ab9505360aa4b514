import type { Target } from '../language.ts'

// The sizes of matrix products: what fits into registers and caches. Goto & van de Geijn 2008.

export interface TileShape {
  readonly rows: number
  readonly vectors: number
  readonly columns: number
}

/** The register tile: rows × vectors accumulators leave room for a row of the right factor and one of the left. */
export function tileShape({ width, registers, joined = 1 }: Omit<Target, 'name'>): TileShape {
  const vectors = 2 * joined
  const rows = registers >= 32 ? 12 : 6
  return { rows, vectors, columns: vectors * width }
}

/** Depth of a block in elements (see factors.ts): a panel of it (columns × depth) stays in the first-level cache. */
export const blockDepth = 256
/** Rows of the left factor that a task works through for each panel: they stay in the second-level cache. */
export const blockTiles = 8

/** Rows of a product whose left factor is copied. */
export const blockRows = ({ rows }: TileShape): number => blockTiles * rows
