import type { Builder, Int, Real, Reals } from '../language.ts'
import { rowCursors } from './cursors.ts'
import type { RightFactor } from './right.ts'

// Products of a few rows, as in decoding: the right factor is read once, where it lies.

/** Up to so many rows packing does not pay: they are multiplied as they are, several at a time. */
export const fewRows = 8

/**
 * Up to so many rows are multiplied as they are where one factor is a weight: in decoding a token of each of several
 * sequences. It neither sorts nor packs, so that its calls can be recorded.
 */
export const decodingRows = 32

/** c(i)[j] (add ? += : =) Σ_p a(i)[p]·b[p·row + j·column] for i < m, columns j from `from` to `to`. */
export interface RowProduct extends Omit<RightFactor, 'n'> {
  /** Where row i begins. */
  a: (i: Int) => Reals
  m: Int
  from: Int
  to: Int
  c: (i: Int) => Reals
  add: Int
  /** Room for `rowProductScratch` numbers. */
  scratch: Reals
}

/** Numbers of scratch that `rowProduct` needs: the results of a block, or of a panel. */
export const rowProductScratch = 32

/** Rows that lie `distance` numbers apart. */
export const rowsAt =
  (first: Reals, distance: Int) =>
  (i: Int): Reals =>
    first.from(i.mul(distance))

/**
 * A product of a few rows with a factor that is read where it lies, once for all rows; its row or column is 1. What comes
 * out for a row does not depend on the others: a sequence gets the same answers alone and among many.
 */
export function rowProduct(k: Builder, args: RowProduct): void {
  k.if(
    args.row.eq(1),
    () => rowsByColumns(k, args),
    () => rowsByRows(k, args),
  )
}

/** Calls body(i, count) for blocks of `most` rows (a power of two), then for half as many, and so on. */
function rowBlocks(k: Builder, m: Int, most: number, body: (i: Int, count: number) => void): void {
  let done = k.int(0)
  for (let count = most; count >= 1; count /= 2) {
    const end = done.add(m.sub(done).floorTo(count))
    k.loop(done, end, i => body(i, count), count)
    done = end
  }
}

/** Columns of b lie in sequence: dot products. */
function rowsByColumns(k: Builder, args: RowProduct): void {
  const { a, m, b, column, depth, from, to, c } = args
  const sums = blockSums(k)
  rowBlocks(k, m, sums / 2, (i, rows) => {
    const columns = sums / rows
    const whole = from.add(to.sub(from).floorTo(columns))
    k.loop(from, whole, j => dotBlock(k, args, i, rows, j, columns), columns)
    k.loop(whole, to, j => dotBlock(k, args, i, rows, j, 1))
  })
  // What is left of the depth; the blocks have set the result, if only to 0.
  const full = depth.floorTo(k.width)
  k.if(full.lt(depth), () =>
    k.loop(0, m, i => {
      const [left, target] = [a(i), c(i)]
      k.loop(from, to, j => {
        const right = b.from(j.mul(column))
        const rest = k.variable(0)
        k.loop(full, depth, p => rest.addProduct(left.at(p), right.at(p)))
        target.set(j, target.at(j).add(rest.value))
      })
    }),
  )
}

/** The dot products of some rows and columns, over the whole vectors of the depth. */
function dotBlock(k: Builder, args: RowProduct, i: Int, rows: number, j: Int, columns: number): void {
  const { a, b, column, depth, c, add, scratch } = args
  const { width } = k
  const range = (count: number) => Array.from({ length: count }, (_, at) => at)
  const sums = range(rows).map(() => range(columns).map(() => k.variable(k.vector(0))))
  const atATime = Math.min(columns, columnsAtATime)
  for (let first = 0; first < columns; first += atATime) {
    const lefts = range(rows).map(r => a(i.add(r)))
    const rights = rowCursors(b.from(j.add(first).mul(column)), column, atATime)
    k.loop(
      0,
      depth.floorTo(width),
      p => {
        const loaded = range(atATime).map(g => rights.cursor(g).vectorAt(rights.index(g)))
        for (const [r, left] of lefts.entries()) {
          const a = left.vectorAt(p)
          for (const [g, b] of loaded.entries()) sums[r]![first + g]!.addProduct(a, b)
        }
        for (const g of range(atATime)) rights.cursor(g).prefetch(rights.index(g), prefetchDistance)
        rights.advance(width)
      },
      width,
    )
  }
  const vectors = sums.flat().map(({ value }) => value)
  const targets = range(rows).map(r => c(i.add(r)))
  // Whole vectors of results.
  if (columns % width === 0) {
    for (const [r, target] of targets.entries()) {
      for (let g = 0; g < columns; g += width) {
        const at = r * columns + g
        put(k, target, j.add(g).spanning(width), k.totals(vectors.slice(at, at + width)), add)
      }
    }
    return
  }
  if (columns === 1) {
    for (const [r, target] of targets.entries()) put(k, target, j, k.total(vectors[r]!), add)
    return
  }
  for (let at = 0; at < vectors.length; at += width) scratch.setVector(at, k.totals(vectors.slice(at, at + width)))
  const store = (adding: boolean) => () => {
    for (const [r, target] of targets.entries()) {
      for (const g of range(columns)) {
        const [at, value] = [j.add(g), scratch.at(r * columns + g)]
        target.set(at, adding ? target.at(at).add(value) : value)
      }
    }
  }
  k.if(add.ne(0), store(true), store(false))
}

/** Rows of b lie in sequence: vectors of columns accumulate over the depth, of several rows at a time. */
function rowsByRows(k: Builder, { a, m, b, row, depth, from, to, c, add }: RowProduct): void {
  const { width } = k
  const group = 4
  const mostRows = blockSums(k) / group
  const block = (count: number) => (j: Int) =>
    rowBlocks(k, m, mostRows, (i, rows) => {
      const lefts = Array.from({ length: rows }, (_, r) => a(i.add(r)))
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
      for (const [r, sums] of totals.entries()) {
        const target = c(i.add(r))
        for (const [v, { value }] of sums.entries()) put(k, target, j.add(v * width).spanning(width), value, add)
      }
    })
  const wide = from.add(to.sub(from).floorTo(group * width))
  const full = from.add(to.sub(from).floorTo(width))
  k.loop(from, wide, block(group), group * width)
  k.loop(wide, full, block(1), width)
  k.loop(full, to, j =>
    k.loop(0, m, i => {
      const left = a(i)
      const total = k.variable(0)
      k.loop(0, depth, p => total.addProduct(left.at(p), b.at(p.mul(row).add(j))))
      put(k, c(i), j, total.value, add)
    }),
  )
}

/** More streams than these the processor does not fetch from memory ahead of time. */
const columnsAtATime = 4

/** How far ahead of a product its weights are asked for, in numbers: about as many as it multiplies until they come. */
const prefetchDistance = 2048

/** Vectors of sums that registers hold beside what is multiplied. */
export const blockSums = ({ registers }: Builder): number => (registers >= 32 ? 16 : 8)

export function put(k: Builder, c: Reals, j: Int, value: Real, add: Int): void {
  k.if(
    add.ne(0),
    () => c.set(j, c.at(j).add(value)),
    () => c.set(j, value),
  )
}
