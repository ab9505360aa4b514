import { copySequence, eachElement, elementsIn, type Factors, numbersIn, setElement } from '../factors.ts'
import type { Builder, Int, PairVector, Real, Reals } from '../language.ts'
import { rowCursors } from './cursors.ts'
import { blockDepth, type TileShape, tileShape } from './shape.ts'

// The left factor of a product is read where it lies, or from a copy of a block of it.

/** How many steps of the depth a tile takes at a time. */
export const depthUnroll = 4

/** How a tile reads its rows: row `r` at the depth of the cursor plus `u`, repeated over the lanes. */
export interface LeftRows {
  at(r: number, u: number): Real | PairVector
  advance(depth: number): void
}

/** What lies in memory as reals, or as pairs in their place. */
export const elements = (place: Reals, pairs: boolean) => (pairs ? place.asPairs() : place)

/** Rows in sequence, where they lie. */
export function rowsInPlace(k: Builder, a: Reals, aRow: Int): LeftRows {
  const cursors = rowCursors(a, aRow, tileShape(k).rows)
  return {
    at: (r, u) => cursors.cursor(r).broadcastAt(cursors.index(r), u),
    advance: cursors.advance,
  }
}

/** Rows as `copyRows` leaves them. */
export function rowsCopied(rows: Reals, pairs: boolean): LeftRows {
  const cursor = rows.cursor()
  return {
    at: (r, u) => elements(cursor, pairs).broadcastAt(r * copiedDistance + u),
    advance: depth => cursor.advance(depth),
  }
}

/**
 * The columns of a matrix as rows of the left factor, where they lie; its own rows lie `row` numbers apart, a number in the
 * kernel or one known before.
 */
export function columnsInPlace(a: Reals, row: Int | number, pairs = false): LeftRows {
  if (typeof row === 'number') {
    const cursor = a.cursor()
    return {
      at: (r, u) => elements(cursor, pairs).broadcastAt(u * row + r),
      advance: depth => cursor.advance(depth * row),
    }
  }
  const cursors = rowCursors(a, row, depthUnroll)
  return {
    at: (r, u) => elements(cursors.cursor(u), pairs).broadcastAt(cursors.index(u), r),
    advance: depth => cursors.advance(row.mul(depth)),
  }
}

/** Distance of consecutive depths in a copied tile: whole vectors. */
export const copiedRow = (shape: TileShape, width: number): number => Math.ceil(shape.rows / width) * width

/**
 * Copies a[i + p·aCol], i < m, p < depth: tile after tile of the rows, depth after depth within a tile, so that a tile
 * is read in sequence. What stands for rows beyond the matrix is never stored.
 */
export function copyColumns(k: Builder, factors: Factors, a: Reals, aCol: Int, m: Int, depth: Int, into: Reals): void {
  const shape = tileShape(k)
  const { rows } = shape
  const { width } = k
  const stride = copiedRow(shape, width)
  const numbers = numbersIn(factors)
  const from = (element: Int) =>
    Array.from({ length: numbers }, (_, half) => a.from(element.mul(numbers).add(half).mul(aCol)))
  // Whole vectors reach beyond a tile: to other numbers of the matrix, but for the last depths.
  const safe = depth
    .sub(k.int(stride - 1).ceilDiv(aCol))
    .max(0)
    .div(numbers)
  const tileSize = elementsIn(factors, depth).mul(stride)
  // Neighbours are read one after the other: the rows of the source may lie pages apart.
  k.loop(0, safe, element => {
    const sources = from(element).map(row => row.cursor())
    const to = into.from(element.mul(stride)).cursor()
    k.loop(
      0,
      m,
      () => {
        for (let at = 0; at < stride; at += width) setElement(k, factors, to, at, half => sources[half]?.vectorAt(at))
        for (const source of sources) source.advance(rows)
        to.advance(tileSize)
      },
      rows,
    )
  })
  k.loop(0, m, i => {
    const row = into.from(i.div(rows).mul(tileSize).add(i.rem(rows)))
    eachElement(k, factors, safe, depth, (element, isWhole) => {
      const sources = from(element)
      setElement(k, factors, row, element.mul(stride), half =>
        half === 1 && !isWhole ? undefined : sources[half]?.at(i),
      )
    })
  })
}

/** Distance of copied rows: not a multiple of a page, which would put all of them into the same few places of the cache. */
export const copiedDistance = blockDepth + 16

/** Copies a[i·aRow + p], i < m, p < depth, row after row. */
export function copyRows(k: Builder, factors: Factors, a: Reals, aRow: Int, m: Int, depth: Int, into: Reals): void {
  k.loop(0, m, i => copySequence(k, factors, a.from(i.mul(aRow)), depth, into.from(i.mul(copiedDistance))))
}
