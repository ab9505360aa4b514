import type { Builder, Int, Ints, Reals } from '../kernel/language.ts'
import type { Tensor } from '../tensor.ts'

/*
 * Caches of sequences lie in pages, so that sequences of any length share one memory and equal beginnings are kept once
 * (Kwon et al. 2023). The token at position p of row r's sequence is row p mod size of page table[r·row + ⌊p / size⌋].
 */

/** Where the rows of a call find their sequences. */
export interface CachePages {
  /** The numbers of their pages, i32. */
  readonly table: Tensor
  /** How far apart the tables of two rows lie: 0 where all rows belong to one sequence. */
  readonly tableRow: number
  /** Tokens a page. */
  readonly size: number
  /** Tokens that a sequence has room for at most. */
  readonly capacity: number
}

/**
 * The pages of `rows` new tokens in `cache`: [pages, size, width] with `pages`, i32 [rows or 1, most pages of a sequence];
 * without it a single sequence, [capacity, width], or one for each row, [rows, capacity, width]. Undefined if they do not fit.
 */
export function pagesOf(rows: number, cache: Tensor, pages?: Tensor): CachePages | undefined {
  const [size, width] = cache.shape.slice(-2) as [number, number]
  const count = cache.size / (size * width)
  if (pages) {
    const [tables, most] = pages.shape as [number, number]
    if (cache.shape.length !== 3 || pages.shape.length !== 2 || (tables !== rows && tables !== 1)) return undefined
    return { table: pages, tableRow: tables === 1 ? 0 : most, size, capacity: most * size }
  }
  if (cache.shape.length > 3 || (cache.shape.length === 3 && count !== rows)) return undefined
  const table = cache.device.temporary([count], 'i32')
  for (let page = 0; page < count; page++) table.integers[page] = page
  return { table, tableRow: cache.shape.length === 3 ? 1 : 0, size, capacity: size }
}

/** The row of a cache where position `position` of row r lies. */
export const rowInPages = (table: ArrayLike<number>, first: number, size: number, position: number): number =>
  table[first + Math.floor(position / size)]! * size + (position % size)

/** The same in the kernel language; `table` begins with the row's own. */
export const placeInPages = (table: Ints, size: Int, position: Int): Int =>
  table.at(position.div(size)).mul(size).add(position.rem(size))

/** Rows of a cache as one group of heads sees them: `rows` begins with the first page. */
export interface CacheRows {
  rows: Reals
  stride: Int
  width: Int
  table: Ints
  size: Int
}

/** Calls body(rows, first, count) for each run of the first `seen` rows that lie one after the other: their beginning, which is the first, and how many. */
export function eachPage(
  k: Builder,
  { rows, stride, table, size }: CacheRows,
  seen: Int,
  body: (rows: Reals, first: Int, count: Int) => void,
): void {
  k.loop(0, seen.ceilDiv(size), page => {
    const first = page.mul(size)
    body(rows.from(table.at(page).mul(size).mul(stride)), first, seen.sub(first).min(size))
  })
}
