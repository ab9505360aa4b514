import type { Int, Reals } from '../language.ts'

/**
 * Cursors into `count` rows that lie `row` numbers apart. Three rows share one, at 0, 1 and 2 times `row` from it: fewer
 * addresses to keep and to move.
 */
export function rowCursors(first: Reals, row: Int, count: number) {
  const shared = 3
  const cursors = Array.from({ length: Math.ceil(count / shared) }, (_, c) => first.from(row.mul(c * shared)).cursor())
  const indices = [0, row, row.mul(2)]
  return {
    cursor: (r: number): Reals => cursors[Math.floor(r / shared)]!,
    index: (r: number): Int | number => indices[r % shared]!,
    advance: (elements: Int | number) => {
      for (const cursor of cursors) cursor.advance(elements)
    },
  }
}
