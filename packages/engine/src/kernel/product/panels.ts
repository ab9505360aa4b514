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
  next?: Reals
}

/** A product of a few rows with a weight: in panels if it is bfloat16, else as it lies. */
export function weightProduct(k: Builder, args: WeightProduct): void {
  if (args.b instanceof Bf16s) panelProduct(k, args)
  else rowProduct(k, { ...args, row: k.int(1), column: args.depth })
}

function panelProduct(k: Builder, args: WeightProduct): void {
  const { m, b, depth, from, to, next } = args
  const vectors = panelColumns / k.width
  const panels = (j: Int) => {
    const panel = b.from(j.mul(depth))
    const ahead = panel.from(depth.mul(panelColumns)).cursor()
    if (next) k.if(j.add(panelColumns).ge(to), () => ahead.moveTo(next))
    const block = (i: Int, rows: number) => storeSums(k, args, i, j, panelSums(k, args, panel, ahead, i, rows))
    const most = Math.max(1, blockSums(k) / vectors)
    const whole = m.floorTo(most)
    k.loop(0, whole, i => block(i, most), most)
    // All of the rest at once: an expert has few rows, and its weights are widened once for all of them.
    for (let rows = 1; rows < most; rows++) k.if(m.sub(whole).eq(rows), () => block(whole, rows))
  }
  k.loop(from, to, panels, panelColumns)
}

/** The products of some rows with a panel, in vectors of its columns. Meanwhile the panel `ahead` is fetched. */
function panelSums(
  k: Builder,
  { a, depth }: WeightProduct,
  panel: Reals,
  ahead: Reals,
  i: Int,
  rows: number,
): Real[][] {
  const range = (count: number) => Array.from({ length: count }, (_, at) => at)
  const vectors = range(panelColumns / k.width)
  const lefts = range(rows).map(r => a(i.add(r)))
  const sums = lefts.map(() => vectors.map(() => k.variable(k.vector(0))))
  const [right, fetched] = [panel.asPairs().cursor(), ahead.cursor()]
  k.loop(0, depth, p => {
    const words = range(panelWords / k.width).map(v => right.vectorAt(v * k.width))
    const weights = [...words.map(word => word.evens()), ...words.map(word => word.odds())]
    for (const [r, left] of lefts.entries()) {
      const factor = left.broadcastAt(p)
      for (const [v, sum] of sums[r]!.entries()) sum.addProduct(factor, weights[v]!)
    }
    fetched.prefetch(0)
    fetched.advance(panelColumns)
    right.advance(panelWords)
  })
  return sums.map(row => row.map(({ value }) => value))
}

/** Whole vectors where the columns reach; the last ones of the weight one by one. */
function storeSums(k: Builder, { c, add, to, scratch }: WeightProduct, i: Int, j: Int, sums: Real[][]): void {
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
