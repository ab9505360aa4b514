import type { Builder, Int, Real, Reals } from '../language.ts'
import type { RightFactor } from './right.ts'

// Products of a few rows, as in decoding: the right factor is read once, where it lies.

/** Up to so many rows packing does not pay: they are multiplied as they are, several at a time. */
export const fewRows = 8

/**
 * Up to so many rows are multiplied as they are where one factor is a weight: in decoding a token of each of several
 * sequences. It neither sorts nor packs, so that its calls can be recorded.
 */
export const decodingRows = 32

/** c[i·cRow + j] (add ? += : =) Σ_p a[i·aRow + p]·b[p·row + j·column] for i < m, columns j from `from` to `to`. */
export interface RowProduct extends Omit<RightFactor, 'n'> {
  a: Reals
  /** 1 by default; aRow and cRow are for more. */
  m?: Int
  aRow?: Int
  from: Int
  to: Int
  c: Reals
  cRow?: Int
  add: Int
}

/** A product of a few rows with a factor that is read where it lies, once for all rows; its row or column is 1. */
export function rowProduct(k: Builder, args: RowProduct): void {
  k.if(
    args.row.eq(1),
    () => rowsByColumns(k, args),
    () => rowsByRows(k, args),
  )
}

/** Calls body(i, count) for groups of `size` rows, then for the rest one by one. */
function rowGroups(k: Builder, m: Int | undefined, size: number, body: (i: Int, count: number) => void): void {
  if (!m) {
    body(k.int(0), 1)
    return
  }
  const grouped = m.sub(m.rem(size))
  k.loop(0, grouped, i => body(i, size), size)
  k.loop(grouped, m, i => body(i, 1))
}

/** Columns of b lie in sequence: dot products, of several rows and columns at a time. */
function rowsByColumns(k: Builder, { a, m, aRow, b, column, depth, from, to, c, cRow, add }: RowProduct): void {
  const { width } = k
  const { group, rowGroup } = rowShape(k)
  const columns = (j: Int, count: number) =>
    rowGroups(k, m, rowGroup, (i, rows) => {
      const lefts = rowStarts(a, aRow, i, rows)
      const rights = Array.from({ length: count }, (_, g) => b.from(j.add(g).mul(column)))
      // One row alone has too few sums to hide the latency of the addition: it gets two for each column.
      const halves = rows === 1 ? 2 : 1
      const totals = lefts.map(() => rights.map(() => Array.from({ length: halves }, () => k.variable(k.vector(0)))))
      const step = (p: Int, half: number) => {
        const left = lefts.map(start => start.vectorAt(p, half * width))
        for (const [g, right] of rights.entries()) {
          const b = right.vectorAt(p, half * width)
          for (const [r, row] of totals.entries()) row[g]![half]!.addProduct(left[r]!, b)
        }
      }
      const blocks = depth.floorTo(halves * width)
      const full = depth.floorTo(width)
      const blockStep = (p: Int) => {
        for (let half = 0; half < halves; half++) step(p, half)
      }
      k.loop(0, blocks, blockStep, halves * width)
      if (halves > 1) k.loop(blocks, full, p => step(p, 0), width)
      const rests = lefts.map(() => rights.map(() => k.variable(0)))
      k.loop(full, depth, p => {
        for (const [g, right] of rights.entries()) {
          const b = right.at(p)
          for (const [r, left] of lefts.entries()) rests[r]![g]!.addProduct(left.at(p), b)
        }
      })
      for (const [r, target] of rowStarts(c, cRow, i, rows).entries()) {
        for (const [g, parts] of totals[r]!.entries()) {
          const sum = parts.map(({ value }) => value).reduce((x, y) => x.add(y))
          put(k, target, j.add(g), k.total(sum).add(rests[r]![g]!.value), add)
        }
      }
    })
  const grouped = from.add(to.sub(from).floorTo(group))
  k.loop(from, grouped, j => columns(j, group), group)
  k.loop(grouped, to, j => columns(j, 1))
}

/** Rows of b lie in sequence: vectors of columns accumulate over the depth, of several rows at a time. */
function rowsByRows(k: Builder, { a, m, aRow, b, row, depth, from, to, c, cRow, add }: RowProduct): void {
  const { width } = k
  const { group, rowGroup } = rowShape(k)
  const vectors = (count: number) => (j: Int) =>
    rowGroups(k, m, rowGroup, (i, rows) => {
      const lefts = rowStarts(a, aRow, i, rows)
      const totals = lefts.map(() => Array.from({ length: count }, () => k.variable(k.vector(0))))
      const right = b.from(j).cursor()
      k.loop(0, depth, p => {
        const b = Array.from({ length: count }, (_, v) => right.vectorAt(v * width))
        for (const [r, left] of lefts.entries()) {
          const a = left.broadcastAt(p)
          for (const [v, total] of totals[r]!.entries()) total.addProduct(a, b[v]!)
        }
        right.advance(row)
      })
      for (const [r, target] of rowStarts(c, cRow, i, rows).entries()) {
        for (const [v, { value }] of totals[r]!.entries()) put(k, target, j.add(v * width).spanning(width), value, add)
      }
    })
  const wide = from.add(to.sub(from).floorTo(group * width))
  const full = from.add(to.sub(from).floorTo(width))
  k.loop(from, wide, vectors(group), group * width)
  k.loop(wide, full, vectors(1), width)
  k.loop(full, to, j =>
    rowGroups(k, m, 1, i => {
      const [left, target] = [rowStarts(a, aRow, i, 1)[0]!, rowStarts(c, cRow, i, 1)[0]!]
      const total = k.variable(0)
      k.loop(0, depth, p => total.addProduct(left.at(p), b.at(p.mul(row).add(j))))
      put(k, target, j, total.value, add)
    }),
  )
}

/** How many columns (or vectors of columns) and rows are multiplied at a time. */
const rowShape = ({ registers }: Builder) => ({ group: 4, rowGroup: registers >= 32 ? 4 : 2 })

/** Where `count` rows from row i on begin. */
const rowStarts = (first: Reals, row: Int | undefined, i: Int, count: number): Reals[] =>
  row ? Array.from({ length: count }, (_, r) => first.from(i.add(r).mul(row))) : [first]

function put(k: Builder, c: Reals, j: Int, value: Real, add: Int): void {
  k.if(
    add.ne(0),
    () => c.set(j, c.at(j).add(value)),
    () => c.set(j, value),
  )
}
