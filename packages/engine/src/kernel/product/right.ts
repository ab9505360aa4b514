import { eachElement, elementsIn, type Factors, numbersIn, setElement } from '../factors.ts'
import type { Builder, Int, Real, Reals } from '../language.ts'
import { rowCursors } from './cursors.ts'
import { copiedDistance, copyRows } from './left.ts'
import { blockDepth, type TileShape, tileShape } from './shape.ts'

// The right factor of a product is packed into panels: `TileShape.columns` columns side by side, depth after depth, padded
// with zeros, so that the innermost loop reads it in sequence.

/** Numbers that `n` packed columns of `depth` take. */
export const packedSize = (n: number, depth: number, { columns }: TileShape): number =>
  Math.ceil(n / columns) * columns * depth

/** b[p·row + j·column] for p < depth, j < n: the right factor. */
export interface RightFactor {
  b: Reals
  row: Int
  column: Int
  depth: Int
  n: Int
  /** How its numbers are packed; `float32` by default. Pairs pass through the first `productScratch` numbers of own scratch. */
  factors?: Factors
}

/** Packs panel `panel` of the right factor to `into`, which is where this panel begins. */
export function packPanel(k: Builder, right: RightFactor, panel: Int, into: Reals): void {
  const { b, row, column, depth, n, factors = 'float32' } = right
  const { columns } = tileShape(k)
  const first = panel.mul(columns)
  const valid = n.sub(first).min(columns)
  const source = b.from(first.mul(column))
  k.if(
    column.eq(1),
    () => packRows(k, factors, source, row, depth, valid, into),
    () =>
      factors === 'pairs'
        ? packPairedColumns(k, source, column, depth, valid, into)
        : packColumns(k, factors, source, column, depth, valid, into),
  )
}

/** A panel whose rows lie in sequence in the source, `row` numbers apart. */
function packRows(k: Builder, factors: Factors, source: Reals, row: Int, depth: Int, valid: Int, into: Reals): void {
  const { columns } = tileShape(k)
  k.if(
    valid.eq(columns),
    () =>
      eachSourceRow(k, factors, source, row, depth, (rows, element) => {
        setRow(k, factors, into.from(element.mul(columns)), rows)
      }),
    () =>
      eachSourceRow(k, factors, source, row, depth, (rows, element) => {
        const to = into.from(element.mul(columns))
        for (let at = 0; at < columns; at += k.width) to.setVector(at, k.vector(0))
        k.lanes(valid, j => setElement(k, factors, to, j, half => rows[half]?.at(j)))
      }),
  )
}

/** Calls body with the rows that each element is made of. */
function eachSourceRow(
  k: Builder,
  factors: Factors,
  source: Reals,
  row: Int,
  depth: Int,
  body: (rows: readonly Reals[], element: Int) => void,
): void {
  const numbers = numbersIn(factors)
  const from = Array.from({ length: numbers }, (_, half) => source.from(row.mul(half)).cursor())
  eachElement(k, factors, 0, depth, (element, isWhole) => {
    body(isWhole ? from : from.slice(0, 1), element)
    for (const cursor of from) cursor.advance(row.mul(numbers))
  })
}

/** Writes a row of a whole panel. */
function setRow(k: Builder, factors: Factors, to: Reals, rows: readonly Reals[]): void {
  const { columns } = tileShape(k)
  for (let at = 0; at < columns; at += k.width) setElement(k, factors, to, at, half => rows[half]?.vectorAt(at))
}

/** A panel whose columns lie in sequence, `column` numbers apart in the source: squares of it are transposed. */
function packColumns(
  k: Builder,
  factors: 'float32' | 'rounded',
  source: Reals,
  column: Int,
  depth: Int,
  valid: Int,
  into: Reals,
): void {
  const { columns } = tileShape(k)
  const { width } = k
  const squares = depth.floorTo(width)
  const grouped = valid.floorTo(width)
  const taken = (number: Real) => (factors === 'rounded' ? number.toBf16() : number)
  const oneByOne = (first: Int | number) => (j: Int) => {
    const from = source.from(j.mul(column))
    k.loop(first, depth, p => into.set(p.mul(columns).add(j), taken(from.at(p))))
  }
  k.loop(
    0,
    grouped,
    j => {
      const from = rowCursors(source.from(j.mul(column)), column, width)
      const to = into.from(j).cursor()
      k.loop(
        0,
        squares,
        () => {
          const rows = Array.from({ length: width }, (_, r) => taken(from.cursor(r).vectorAt(from.index(r))))
          for (const [p, row] of k.transpose(rows).entries()) to.setVector(p * columns, row)
          from.advance(width)
          to.advance(width * columns)
        },
        width,
      )
    },
    width,
  )
  k.loop(0, grouped, oneByOne(squares))
  k.loop(grouped, valid, oneByOne(0))
  k.loop(valid, columns, j => k.loop(0, depth, p => into.set(p.mul(columns).add(j), 0)))
}

/** The same in pairs: made in scratch, column after column and block after block, they are transposed like numbers. */
function packPairedColumns(k: Builder, source: Reals, column: Int, depth: Int, valid: Int, into: Reals): void {
  const { columns } = tileShape(k)
  const numbers = 2 * blockDepth
  k.loop(
    0,
    depth,
    p => {
      const part = depth.sub(p).min(numbers)
      copyRows(k, 'pairs', source.from(p), column, valid, part, k.own)
      const block = into.from(p.div(2).mul(columns))
      packColumns(k, 'float32', k.own, k.int(copiedDistance), part.ceilDiv(2), valid, block)
    },
    numbers,
  )
}

/** Packs all panels one after the other to `into`. */
export function packAll(k: Builder, right: RightFactor, into: Reals): void {
  const { b, row, column, depth, n, factors = 'float32' } = right
  const { columns } = tileShape(k)
  const panelSize = elementsIn(factors, depth).mul(columns)
  const whole = k.intVariable(0)
  // Rows in sequence are read from end to end, whole panels of them.
  k.if(column.eq(1), () => {
    whole.set(n.div(columns))
    eachSourceRow(k, factors, b, row, depth, (rows, element) => {
      const sources = rows.map(start => start.cursor())
      const to = into.from(element.mul(columns)).cursor()
      k.loop(0, whole.value, () => {
        setRow(k, factors, to, sources)
        for (const source of sources) source.advance(columns)
        to.advance(panelSize)
      })
    })
  })
  k.loop(whole.value, n.ceilDiv(columns), panel => packPanel(k, right, panel, into.from(panel.mul(panelSize))))
}
