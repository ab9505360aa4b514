import { elementsIn, type Factors, numbersIn } from '../factors.ts'
import type { Builder, Int, Real, Reals } from '../language.ts'
import { columnsInPlace, copiedDistance, copiedRow, copyColumns, copyRows, rowsCopied, rowsInPlace } from './left.ts'
import { blockDepth, blockTiles, type TileShape, tileShape } from './shape.ts'
import { tile } from './tile.ts'

// A product on one thread, tile by tile, in an order that keeps what is read again in the caches.

/** A product of `m` rows of a with packed panels: c[i·cRow + j] (add ? += : =) scale · Σ_p a[i·aRow + p·aCol] · b[p, j]. */
export interface Product {
  a: Reals
  aRow: Int
  /**
   * 1: rows lie in sequence and, being float32, are read in place. Otherwise, or if columns lie in sequence (aRow = 1), at
   * most `blockRows` are copied.
   */
  aCol: Int | 1
  /** Rows in sequence are copied, too, at most `blockRows`: where they lie so far apart that they evict each other. */
  copyAll?: boolean
  m: Int
  /** Packed panels, each `panelDepth` deep; the product uses the first `depth` of it. */
  panels: Reals
  panelDepth?: Int
  depth: Int
  n: Int
  c: Reals
  cRow: Int
  add: Int | 0 | 1
  scale?: Real
  /** How the factors are taken, the panels having been packed in the same way; `float32` by default. */
  factors?: Factors
  /** Scratch of `productScratch` numbers. */
  scratch: Reals
}

/** Numbers of scratch a thread needs for `product`: an incomplete tile and a block of the left factor. */
export const productScratch = (shape: TileShape): number =>
  shape.rows * shape.columns + blockTiles * copiedRow(shape, shape.columns / shape.vectors) * blockDepth

/** Runs the product on the calling thread. */
export function product(k: Builder, args: Product): void {
  const {
    a,
    aRow,
    aCol,
    m,
    panels,
    depth,
    panelDepth = depth,
    n,
    c,
    cRow,
    add,
    scale,
    scratch,
    factors = 'float32',
    copyAll = factors !== 'float32',
  } = args
  const pairs = factors === 'pairs'
  const blockNumbers = blockDepth * numbersIn(factors)
  const shape = tileShape(k)
  const { rows, columns } = shape
  const stride = copiedRow(shape, k.width)
  const packed = scratch.from(rows * columns)
  const inPlace = copyAll ? k.int(0) : rowsInPlaceOf(k, aCol, m)
  const copied = m.sub(inPlace)
  k.loop(
    0,
    depth,
    p => {
      const numbers = depth.sub(p).min(blockNumbers)
      const part = elementsIn(factors, numbers)
      const block = a.from(aCol === 1 ? p : p.mul(aCol))
      if (aCol === 1) copyRows(k, factors, block.from(inPlace.mul(aRow)), aRow, copied, numbers, packed)
      else copyColumns(k, factors, block.from(inPlace), aCol, copied, numbers, packed)
      k.loop(0, n.ceilDiv(columns), panel => {
        const j = panel.mul(columns)
        const place = {
          right: panels.from(
            panel
              .mul(elementsIn(factors, panelDepth))
              .add(p.div(numbersIn(factors)))
              .mul(columns),
          ),
          depth: part,
          nLeft: n.sub(j),
          cRow,
          keep: k.int(add).max(p),
          scale,
          pairs,
          edge: scratch,
        }
        const to = (i: Int) => {
          const corner = c.from(i.mul(cRow).add(j))
          prefetchTile(k, corner, cRow)
          return corner
        }
        if (!copyAll) {
          k.loop(
            0,
            inPlace,
            i => {
              const left =
                aCol === 1 ? rowsInPlace(k, block.from(i.mul(aRow)), aRow) : columnsInPlace(block.from(i), aCol)
              tile(k, { ...place, left, mLeft: k.int(rows), c: to(i) })
            },
            rows,
          )
        }
        k.loop(
          0,
          copied,
          i => {
            const left =
              aCol === 1
                ? rowsCopied(packed.from(i.mul(copiedDistance)), pairs)
                : columnsInPlace(packed.from(i.div(rows).mul(part).mul(stride)), stride, pairs)
            tile(k, { ...place, left, mLeft: copied.sub(i), c: to(inPlace.add(i)) })
          },
          rows,
        )
      })
    },
    blockNumbers,
  )
}

/** Columns in sequence that lie further apart than this evict each other. */
const mostDistance = 512

/** How many rows are read where they lie: whole tiles, or none. The others are copied. */
function rowsInPlaceOf(k: Builder, aCol: Int | 1, m: Int): Int {
  const whole = m.sub(m.rem(tileShape(k).rows))
  if (aCol === 1) return whole
  const rows = k.intVariable(0)
  k.if(aCol.le(mostDistance), () => rows.set(whole))
  return rows.value
}

/** Brings a tile of the result into the cache while its sums are made: a large result comes from far away. */
function prefetchTile(k: Builder, corner: Reals, cRow: Int): void {
  const { rows, columns } = tileShape(k)
  const row = corner.cursor()
  for (let r = 0; r < rows; r++) {
    for (let at = 0; at < columns; at += lineNumbers) row.prefetch(at)
    row.advance(cRow)
  }
}

/** Numbers of a cache line. */
const lineNumbers = 16
