import { type Builder, type Int, PairVector, type Real, type Reals, type RealVariable } from '../language.ts'
import { depthUnroll, elements, type LeftRows } from './left.ts'
import { tileShape } from './shape.ts'

// The innermost part of a product: as many sums as fit into registers.

interface Tile {
  left: LeftRows
  mLeft: Int
  /** The panel at the depth where the left rows begin. */
  right: Reals
  depth: Int
  nLeft: Int
  c: Reals
  cRow: Int
  /** Not 0: add to what c holds instead of replacing it. */
  keep: Int
  scale?: Real | undefined
  pairs?: boolean
  /** Scratch of rows × columns. */
  edge: Reals
  /** How many of the panel's vectors take part, by default all. */
  vectors?: number
}

/** One register tile. */
export function tile(k: Builder, args: Tile): void {
  const {
    left,
    mLeft,
    right,
    depth,
    nLeft,
    c,
    cRow,
    keep,
    scale,
    edge,
    pairs = false,
    vectors = tileShape(k).vectors,
  } = args
  const { rows, columns } = tileShape(k)
  const { width } = k
  const panel = right.cursor()
  const accumulators = Array.from({ length: rows }, () =>
    Array.from({ length: vectors }, () => k.variable(k.vector(0))),
  )
  const steps = (count: number) => () => {
    for (let u = 0; u < count; u++) {
      const b = Array.from({ length: vectors }, (_, v) => elements(panel, pairs).vectorAt(u * columns + v * width))
      for (const [r, row] of accumulators.entries()) {
        const a = left.at(r, u)
        for (const [v, accumulator] of row.entries()) multiplyAdd(accumulator, a, b[v]!)
      }
    }
    left.advance(count)
    panel.advance(count * columns)
  }
  const blocks = depth.floorTo(depthUnroll)
  k.loop(0, blocks, steps(depthUnroll), depthUnroll)
  k.loop(blocks, depth, steps(1))

  const results = accumulators.map(row => row.map(({ value }) => (scale ? value.mul(scale) : value)))
  k.if(
    mLeft.ge(rows).and(nLeft.ge(vectors * width)),
    () => {
      const store = (adding: boolean) => () => {
        const to = c.cursor()
        for (const row of results) {
          for (const [v, value] of row.entries()) {
            to.setVector(v * width, adding ? to.vectorAt(v * width).add(value) : value)
          }
          to.advance(cRow)
        }
      }
      k.if(keep.ne(0), store(true), store(false))
    },
    () => {
      for (const [r, row] of results.entries()) {
        for (const [v, value] of row.entries()) edge.setVector(r * columns + v * width, value)
      }
      const valid = nLeft.min(vectors * width)
      k.loop(0, mLeft.min(rows), r => {
        const from = edge.from(r.mul(columns))
        const to = c.from(r.mul(cRow))
        k.if(
          keep.ne(0),
          () => k.lanes(valid, j => to.set(j, to.at(j).add(from.at(j)))),
          () => k.lanes(valid, j => to.set(j, from.at(j))),
        )
      })
    },
  )
}

/** total += a·b of reals, or the products of both numbers of each pair. */
function multiplyAdd(total: RealVariable, a: Real | PairVector, b: Real | PairVector): void {
  if (a instanceof PairVector) total.addDot(a, b as PairVector)
  else total.addProduct(a, b as Real)
}
