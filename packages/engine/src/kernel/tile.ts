import {
  type Builder,
  type Int,
  PairVector,
  type Real,
  type Reals,
  type RealVariable,
  type Target,
} from './language.ts'

// Building blocks of matrix products. The right factor is packed into panels: `tile.columns` columns side by side,
// depth after depth, padded with zeros, so that the innermost loop reads it in sequence. The left factor is read
// where it lies. Goto & van de Geijn 2008; the register tile follows from the target's registers.

export interface TileShape {
  readonly rows: number
  readonly vectors: number
  readonly columns: number
}

/** The register tile: rows × vectors accumulators leave room for a row of the right factor and one of the left. */
export function tileShape({ width, registers, joined = 1 }: Omit<Target, 'name'>): TileShape {
  const vectors = 2 * joined
  const rows = registers >= 32 ? 12 : 6
  return { rows, vectors, columns: vectors * width }
}

/** Depth of a block: a panel of it (columns × depth) stays in the first-level cache. */
export const blockDepth = 256
/** Rows of the left factor that a task works through for each panel: they stay in the second-level cache. */
export const blockTiles = 8

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

/**
 * Cursors into `count` rows that lie `row` numbers apart. Three rows share one, at 0, 1 and 2 times `row` from it: fewer
 * addresses to keep and to move.
 */
function rowCursors(first: Reals, row: Int, count: number) {
  const shared = 3
  const cursors = Array.from({ length: Math.ceil(count / shared) }, (_, c) => first.from(row.mul(c * shared)).cursor())
  const indices = [0, row, row.mul(2)]
  return {
    cursor: (r: number): Reals => cursors[Math.floor(r / shared)]!,
    index: (r: number): Int | number => indices[r % shared]!,
    advance: (elements: number) => {
      for (const cursor of cursors) cursor.advance(elements)
    },
  }
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

/** A product of `m` rows of a with packed panels: c[i·cRow + j] (add ? += : =) scale · Σ_p a[i·aRow + p·aCol] · b[p, j]. */
export interface Product {
  a: Reals
  aRow: Int
  /** 1: rows lie in sequence and are read in place. Otherwise columns do (aRow = 1), and at most `blockRows` are copied. */
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
  /** The elements of both factors are pairs of bfloat16, of two depths each; depths and strides count elements. */
  pairs?: boolean
  /** Scratch of `productScratch` numbers. */
  scratch: Reals
}

/** Rows of a product whose left factor is packed. */
export const blockRows = ({ rows }: TileShape): number => blockTiles * rows

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
    pairs = false,
    copyAll,
  } = args
  const shape = tileShape(k)
  const { rows, columns } = shape
  const stride = copiedRow(shape, k.width)
  const packed = scratch.from(rows * columns)
  // Rows in sequence are read in place but for an incomplete tile at the end; a copy has whole tiles.
  const inPlace = aCol === 1 && !copyAll ? m.sub(m.rem(rows)) : k.int(0)
  const copied = m.sub(inPlace)
  k.loop(
    0,
    depth,
    p => {
      const part = depth.sub(p).min(blockDepth)
      const block = a.from(aCol === 1 ? p : p.mul(aCol))
      if (aCol === 1) copyRows(k, block.from(inPlace.mul(aRow)), aRow, copied, part, packed)
      else copyColumns(k, block, aCol, copied, part, packed)
      k.loop(0, n.ceilDiv(columns), panel => {
        const j = panel.mul(columns)
        const place = {
          right: panels.from(panel.mul(panelDepth).add(p).mul(columns)),
          depth: part,
          nLeft: n.sub(j),
          cRow,
          keep: k.int(add).max(p),
          scale,
          pairs,
          edge: scratch,
        }
        const to = (i: Int) => c.from(i.mul(cRow).add(j))
        if (aCol === 1 && !copyAll) {
          k.loop(
            0,
            inPlace,
            i =>
              tile(k, {
                ...place,
                left: rowsInPlace(k, block.from(i.mul(aRow)), aRow, pairs),
                mLeft: k.int(rows),
                c: to(i),
              }),
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
    blockDepth,
  )
}

/** Distance of consecutive depths in a copied tile: whole vectors. */
const copiedRow = (shape: TileShape, width: number): number => Math.ceil(shape.rows / width) * width

/**
 * Copies a[i + p·aCol], i < m, p < depth: tile after tile of the rows, depth after depth within a tile, so that a tile
 * is read in sequence. What stands for rows beyond the matrix is never stored.
 */
function copyColumns(k: Builder, a: Reals, aCol: Int, m: Int, depth: Int, into: Reals): void {
  const shape = tileShape(k)
  const { rows } = shape
  const { width } = k
  const stride = copiedRow(shape, width)
  // Whole vectors reach beyond a tile: to other numbers of the matrix, but for the last depths.
  const safe = depth.sub(k.int(stride - 1).ceilDiv(aCol)).max(0)
  const tileSize = depth.mul(stride)
  // Neighbours are read one after the other: the rows of the source may lie pages apart.
  k.loop(0, safe, p => {
    const from = a.from(p.mul(aCol)).cursor()
    const to = into.from(p.mul(stride)).cursor()
    k.loop(
      0,
      m,
      () => {
        for (let at = 0; at < stride; at += width) to.setVector(at, from.vectorAt(at))
        from.advance(rows)
        to.advance(tileSize)
      },
      rows,
    )
  })
  k.loop(0, m, i => {
    const row = into.from(i.div(rows).mul(tileSize).add(i.rem(rows)))
    k.loop(safe, depth, p => row.set(p.mul(stride), a.at(p.mul(aCol).add(i))))
  })
}

/** Distance of copied rows: not a multiple of a page, which would put all of them into the same few places of the cache. */
const copiedDistance = blockDepth + 16

/** Copies a[i·aRow + p], i < m, p < depth, row after row. */
function copyRows(k: Builder, a: Reals, aRow: Int, m: Int, depth: Int, into: Reals): void {
  k.loop(0, m, i => {
    const from = a.from(i.mul(aRow))
    const to = into.from(i.mul(copiedDistance))
    k.lanes(depth, p => to.set(p, from.at(p)))
  })
}

/** How a tile reads its rows: row `r` at the depth of the cursor plus `u`, repeated over the lanes. */
export interface LeftRows {
  at(r: number, u: number): Real | PairVector
  advance(depth: number): void
}

/** What lies in memory as reals, or as pairs in their place. */
const elements = (place: Reals, pairs: boolean) => (pairs ? place.asPairs() : place)

/** Rows in sequence, where they lie. */
export function rowsInPlace(k: Builder, a: Reals, aRow: Int, pairs = false): LeftRows {
  const cursors = rowCursors(a, aRow, tileShape(k).rows)
  return {
    at: (r, u) => elements(cursors.cursor(r), pairs).broadcastAt(cursors.index(r), u),
    advance: cursors.advance,
  }
}

/** Rows as `copyRows` leaves them. */
function rowsCopied(rows: Reals, pairs: boolean): LeftRows {
  const cursor = rows.cursor()
  return {
    at: (r, u) => elements(cursor, pairs).broadcastAt(r * copiedDistance + u),
    advance: depth => cursor.advance(depth),
  }
}

/** The columns of a matrix as rows of the left factor, where they lie; its own rows lie `row` numbers apart. */
export function columnsInPlace(a: Reals, row: number, pairs = false): LeftRows {
  const cursor = a.cursor()
  return {
    at: (r, u) => elements(cursor, pairs).broadcastAt(u * row + r),
    advance: depth => cursor.advance(depth * row),
  }
}

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
  const unroll = 4
  const blocks = depth.floorTo(unroll)
  k.loop(0, blocks, steps(unroll), unroll)
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

/** Up to so many rows packing does not pay: they are multiplied as they are, several at a time. */
export const fewRows = 8

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
