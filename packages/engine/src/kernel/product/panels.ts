import { Bf16s, type Builder, type Int, type Real, type Reals } from '../language.ts'
import { blockSums, put, type RowProduct, rowProduct } from './rows.ts'

// Weights in bfloat16 for products of a few rows lie in panels: 32 rows of the weight side by side, so that a vector of
// results takes a vector of weights at each step of the depth, and no lanes have to be added in the end. Numbers of column c
// and column 16 + c lie next to each other: the two halves of a word become float32 by one instruction each. The panels of
// a matrix follow each other, and whoever multiplies reads them from beginning to end.

/** Rows of a weight in a panel, each a column of the product. */
export const panelColumns = 32

/** The same as words of two. */
const panelWords = panelColumns / 2

/** Numbers that a weight of `n` rows takes in panels; the last one is filled up. */
export const panelsSize = (n: number, depth: number): number => Math.ceil(n / panelColumns) * panelColumns * depth

/** Where number p of row j of a weight lies. */
export const placeInPanels = (j: number, p: number, depth: number): number => {
  const column = j % panelColumns
  return (j - column) * depth + p * panelColumns + 2 * (column % panelWords) + Math.floor(column / panelWords)
}

/** As `RowProduct`, with the rows of a weight as columns of b: row `from`, a multiple of `panelColumns`, begins it. */
export interface WeightProduct extends Omit<RowProduct, 'row' | 'column'> {
  /** The weight that is read next, which is fetched while the last panel is multiplied. Default: what lies behind it. */
  next?: Reals | undefined
}

/** A product of a few rows with a weight: in panels if it is bfloat16, else as it lies. */
export function weightProduct(k: Builder, args: WeightProduct): void {
  const { b, m, from, to } = args
  if (!(b instanceof Bf16s)) rowProduct(k, { ...args, row: k.int(1), column: args.depth })
  else {
    const one = (j: Int) => panelProducts(k, [panelAt(k, args, j)], rowsAtATime(k))
    const pairs = (few: number) => {
      const whole = from.add(to.sub(from).floorTo(2 * panelColumns))
      k.loop(
        from,
        whole,
        j => panelProducts(k, [panelAt(k, args, j, 0, 2), panelAt(k, args, j, 1, 2)], few),
        2 * panelColumns,
      )
      k.loop(whole, to, one, panelColumns)
    }
    withFewRows(k, m, pairs, () => k.loop(from, to, one, panelColumns))
  }
}

/** Products of the same few rows with a panel of each of two weights, which have as many columns. */
export function twoWeightProducts(k: Builder, first: WeightProduct, second: WeightProduct): void {
  if (!(first.b instanceof Bf16s)) for (const args of [first, second]) weightProduct(k, args)
  else {
    const panels = () => [first, second].map(args => panelAt(k, args, args.from))
    const apart = () => {
      for (const panel of panels()) panelProducts(k, [panel], rowsAtATime(k))
    }
    withFewRows(k, first.m, few => panelProducts(k, panels(), few), apart)
  }
}

/** Rows whose sums with a panel registers hold. */
const rowsAtATime = (k: Builder): number => Math.max(1, (blockSums(k) * k.width) / panelColumns)

/**
 * few(rows) for so few rows that registers hold their sums with two panels: with one alone, multiply-adds would wait for
 * those before them. Else many().
 */
function withFewRows(k: Builder, m: Int, few: (rows: number) => void, many: () => void): void {
  const half = rowsAtATime(k) / 2
  if (half < 1) many()
  else k.if(m.le(half), () => few(half), many)
}

/** A panel of a product, where it begins, and the one that is read after it. */
interface Panel {
  args: WeightProduct
  column: Int
  panel: Reals
  ahead: Reals
}

/** The panel number `n` behind column j, of `together` that are multiplied at the same time. */
function panelAt(k: Builder, args: WeightProduct, j: Int, n = 0, together = 1): Panel {
  const { b, depth, to, next } = args
  const column = j.add(n * panelColumns)
  const panel = b.from(column.mul(depth))
  const step = together * panelColumns
  const ahead = panel.from(depth.mul(step)).cursor()
  if (next) k.if(column.add(step).ge(to), () => ahead.moveTo(next.from(depth.mul(n * panelColumns))))
  return { args, column, panel, ahead }
}

/** Products of the same rows, at most `most` at a time, with panels. */
function panelProducts(k: Builder, panels: readonly Panel[], most: number): void {
  const { args } = panels[0]!
  const { m } = args
  const block = (i: Int, rows: number) => {
    const sums = panelSums(k, args, panels, i, rows)
    for (const [n, panel] of panels.entries()) storeSums(k, panel, i, sums[n]!)
  }
  const whole = m.floorTo(most)
  k.loop(0, whole, i => block(i, most), most)
  // All of the rest at once: an expert has few rows, and its weights are widened once for all of them.
  for (let rows = 1; rows < most; rows++) k.if(m.sub(whole).eq(rows), () => block(whole, rows))
}

/** The products of some rows with panels, each in vectors of its columns. Meanwhile the panels `ahead` are fetched. */
function panelSums(
  k: Builder,
  { a, depth }: WeightProduct,
  panels: readonly Panel[],
  i: Int,
  rows: number,
): Real[][][] {
  const range = (count: number) => Array.from({ length: count }, (_, at) => at)
  const vectors = range(panelColumns / k.width)
  const lefts = range(rows).map(r => a(i.add(r)))
  const read = panels.map(({ panel, ahead }) => ({
    right: panel.asPairs().cursor(),
    fetched: ahead.cursor(),
    sums: lefts.map(() => vectors.map(() => k.variable(k.vector(0)))),
  }))
  k.loop(0, depth, p => {
    const weights = read.map(({ right }) => {
      const words = range(panelWords / k.width).map(v => right.vectorAt(v * k.width))
      return [...words.map(word => word.evens()), ...words.map(word => word.odds())]
    })
    for (const [r, left] of lefts.entries()) {
      const factor = left.broadcastAt(p)
      for (const [n, { sums }] of read.entries()) {
        for (const [v, sum] of sums[r]!.entries()) sum.addProduct(factor, weights[n]![v]!)
      }
    }
    for (const { right, fetched } of read) {
      fetched.prefetch(0)
      fetched.advance(panelColumns)
      right.advance(panelWords)
    }
  })
  return read.map(({ sums }) => sums.map(row => row.map(({ value }) => value)))
}

/** Whole vectors where the columns reach; the last ones of the weight one by one. */
function storeSums(k: Builder, { args, column: j }: Panel, i: Int, sums: Real[][]): void {
  const { c, add, to, scratch } = args
  const columns = to.sub(j)
  for (const [r, row] of sums.entries()) {
    const target = c(i.add(r))
    k.if(
      columns.ge(row.length * k.width),
      () => {
        for (const [v, sum] of row.entries()) put(k, target, j.add(v * k.width).spanning(k.width), sum, add)
      },
      () => {
        for (const [v, sum] of row.entries()) scratch.setVector(v * k.width, sum)
        k.loop(0, columns, column => put(k, target, j.add(column), scratch.at(column), add))
      },
    )
  }
}
