import type { Builder, Int, Reals } from '../language.ts'
import { rowCursors } from './cursors.ts'
import { type TileShape, tileShape } from './shape.ts'

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
}

/** Packs panel `panel` of the right factor to `into`, which is where this panel begins. */
export function packPanel(k: Builder, { b, row, column, depth, n }: RightFactor, panel: Int, into: Reals): void {
  const { columns } = tileShape(k)
  const first = panel.mul(columns)
  const valid = n.sub(first).min(columns)
  const source = b.from(first.mul(column))
  k.if(
    column.eq(1),
    () => packRows(k, source, row, depth, valid, into),
    () => packColumns(k, source, column, depth, valid, into),
  )
}

/** A panel whose rows lie in sequence in the source, `row` numbers apart. */
function packRows(k: Builder, source: Reals, row: Int, depth: Int, valid: Int, into: Reals): void {
  const { columns, vectors } = tileShape(k)
  const from = source.cursor()
  const to = into.cursor()
  k.if(
    valid.eq(columns),
    () =>
      k.loop(0, depth, () => {
        for (let v = 0; v < vectors; v++) to.setVector(v * k.width, from.vectorAt(v * k.width))
        from.advance(row)
        to.advance(columns)
      }),
    () =>
      k.loop(0, depth, () => {
        for (let v = 0; v < vectors; v++) to.setVector(v * k.width, k.vector(0))
        k.lanes(valid, j => to.set(j, from.at(j)))
        from.advance(row)
        to.advance(columns)
      }),
  )
}

/** A panel whose columns lie in sequence, `column` numbers apart in the source: squares of it are transposed. */
function packColumns(k: Builder, source: Reals, column: Int, depth: Int, valid: Int, into: Reals): void {
  const { columns } = tileShape(k)
  const { width } = k
  const squares = depth.floorTo(width)
  const grouped = valid.floorTo(width)
  const oneByOne = (first: Int | number) => (j: Int) => {
    const from = source.from(j.mul(column))
    k.loop(first, depth, p => into.set(p.mul(columns).add(j), from.at(p)))
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
          const rows = Array.from({ length: width }, (_, r) => from.cursor(r).vectorAt(from.index(r)))
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

/** Packs all panels one after the other to `into`. */
export function packAll(k: Builder, right: RightFactor, into: Reals): void {
  const { b, row, column, depth, n } = right
  const { columns, vectors } = tileShape(k)
  const panelSize = depth.mul(columns)
  const whole = k.intVariable(0)
  // Rows in sequence are read from end to end, whole panels of them.
  k.if(column.eq(1), () => {
    whole.set(n.div(columns))
    const from = b.cursor()
    k.loop(0, depth, p => {
      const source = from.cursor()
      const to = into.from(p.mul(columns)).cursor()
      k.loop(0, whole.value, () => {
        for (let v = 0; v < vectors; v++) to.setVector(v * k.width, source.vectorAt(v * k.width))
        source.advance(columns)
        to.advance(panelSize)
      })
      from.advance(row)
    })
  })
  k.loop(whole.value, n.ceilDiv(columns), panel => packPanel(k, right, panel, into.from(panel.mul(panelSize))))
}
