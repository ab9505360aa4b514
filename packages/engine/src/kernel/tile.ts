import type { Builder, Int, Real, Reals, Target } from './language.ts'

// Building blocks of matrix products. The right factor is packed into panels: `tile.columns` columns side by side,
// depth after depth, padded with zeros, so that the innermost loop reads it in sequence. The left factor is read
// where it lies. Goto & van de Geijn 2008; the register tile follows from the target's registers.

export interface TileShape {
  readonly rows: number
  readonly vectors: number
  readonly columns: number
}

/** The register tile: rows × vectors accumulators leave room for a row of the right factor and one of the left. */
export function tileShape({ width, registers }: Pick<Target, 'width' | 'registers'>): TileShape {
  const vectors = 2
  const rows = registers >= 32 ? 12 : 6
  return { rows, vectors, columns: vectors * width }
}

/** Depth of a block: a panel of it (columns × depth) stays in the first-level cache. */
const blockDepth = 256
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
        k.lanes(valid, j => to.set(j, from.at(j)))
        k.loop(valid, columns, j => to.set(j, 0))
        from.advance(row)
        to.advance(columns)
      }),
  )
}

/** A panel whose columns lie in sequence in the source, `column` numbers apart: it is transposed. */
function packColumns(k: Builder, source: Reals, column: Int, depth: Int, valid: Int, into: Reals): void {
  const { columns } = tileShape(k)
  const unroll = 8
  // A part of the depth at a time: all columns write the same cache lines while these are near.
  k.loop(
    0,
    depth,
    p => {
      const part = depth.sub(p).min(blockDepth)
      const blocks = part.floorTo(unroll)
      const block = into.from(p.mul(columns))
      const cursors = (j: Int) => [source.from(p.add(j.mul(column))).cursor(), block.from(j).cursor()] as const
      k.loop(0, valid, j => {
        const [from, to] = cursors(j)
        const steps = (count: number) => () => {
          for (let u = 0; u < count; u++) to.set(u * columns, from.at(u))
          from.advance(count)
          to.advance(count * columns)
        }
        k.loop(0, blocks, steps(unroll), unroll)
        k.loop(blocks, part, steps(1))
      })
      k.loop(valid, columns, j => k.loop(0, part, u => block.set(u.mul(columns).add(j), 0)))
    },
    blockDepth,
  )
}

/** Packs all panels one after the other to `into`. */
export function packAll(k: Builder, right: RightFactor, into: Reals): void {
  const { columns } = tileShape(k)
  k.loop(0, right.n.ceilDiv(columns), panel =>
    packPanel(k, right, panel, into.from(panel.mul(right.depth).mul(columns))),
  )
}

/** A product of `m` rows of a with packed panels: c[i·cRow + j] (add ? += : =) scale · Σ_p a[i·aRow + p·aCol] · b[p, j]. */
export interface Product {
  a: Reals
  aRow: Int
  /** 1: rows lie in sequence and are read in place. Otherwise columns do (aRow = 1), and at most `blockRows` are packed. */
  aCol: Int | 1
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
  /** Scratch of `productScratch` numbers. */
  scratch: Reals
}

/** Rows of a product whose left factor is packed. */
export const blockRows = ({ rows }: TileShape): number => blockTiles * rows

/** Numbers of scratch a thread needs for `product`: an incomplete tile and a block of the left factor. */
export const productScratch = (shape: TileShape): number =>
  shape.rows * shape.columns + blockRows(shape) * (blockDepth + 1)

/** Runs the product on the calling thread. */
export function product(k: Builder, args: Product): void {
  const { a, aRow, aCol, m, panels, depth, panelDepth = depth, n, c, cRow, add, scale, scratch } = args
  const { rows, columns } = tileShape(k)
  const packed = scratch.from(rows * columns)
  // Rows in sequence are read in place but for an incomplete tile at the end; what is read from copies may be padded.
  const inPlace = aCol === 1 ? m.sub(m.rem(rows)) : k.int(0)
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
          edge: scratch,
        }
        const to = (i: Int) => c.from(i.mul(cRow).add(j))
        if (aCol === 1) {
          k.loop(
            0,
            inPlace,
            i =>
              tile(k, { ...place, left: rowsInPlace(k, block.from(i.mul(aRow)), aRow), mLeft: k.int(rows), c: to(i) }),
            rows,
          )
        }
        k.loop(
          0,
          copied,
          i => {
            const left = rowsPacked(k, packed.from(i.mul(part.add(1))))
            tile(k, { ...place, left, mLeft: copied.sub(i), c: to(inPlace.add(i)) })
          },
          rows,
        )
      })
    },
    blockDepth,
  )
}

/**
 * Copies a[i + p·aCol], i < m, p < depth: tile after tile of the rows, depth after depth within a tile, so that a tile
 * is read in sequence. What stands for rows beyond the matrix is never stored.
 */
function copyColumns(k: Builder, a: Reals, aCol: Int, m: Int, depth: Int, into: Reals): void {
  const { rows } = tileShape(k)
  const { width } = k
  const vectors = Math.ceil(rows / width)
  // Whole vectors reach beyond the rows of a tile: into what is written next, and at its end into a gap of one depth.
  const reach = m.sub(vectors * width - rows).max(0)
  const whole = reach.sub(reach.rem(rows))
  const from = a.cursor()
  const to = into.cursor()
  const gap = depth.add(1)
  k.loop(0, depth, () => {
    k.loop(
      0,
      whole,
      i => {
        const target = to.from(i.mul(gap))
        for (let v = 0; v < vectors; v++) target.setVector(v * width, from.vectorAt(i, v * width))
      },
      rows,
    )
    from.advance(aCol)
    to.advance(rows)
  })
  k.loop(whole, m, i => {
    const row = i.rem(rows)
    const column = into.from(i.sub(row).mul(gap).add(row))
    k.loop(0, depth, p => column.set(p.mul(rows), a.at(p.mul(aCol).add(i))))
  })
}

/** Copies a[i·aRow + p], i < m < rows of a tile, p < depth, as `copyColumns` does. */
function copyRows(k: Builder, a: Reals, aRow: Int, m: Int, depth: Int, into: Reals): void {
  const { rows } = tileShape(k)
  k.loop(0, m, i => {
    const row = a.from(i.mul(aRow))
    const column = into.from(i)
    k.loop(0, depth, p => column.set(p.mul(rows), row.at(p)))
  })
}

/** How a tile reads its rows: row `r` at the depth of the cursor plus `u`. */
interface LeftRows {
  at(r: number, u: number): Real
  advance(depth: number): void
}

/** Rows in sequence, where they lie. Three share a cursor, at 0, 1 and 2 times `aRow`: fewer addresses to keep and move. */
function rowsInPlace(k: Builder, a: Reals, aRow: Int): LeftRows {
  const { rows } = tileShape(k)
  const shared = 3
  const cursors = Array.from({ length: rows / shared }, (_, c) => a.from(aRow.mul(c * shared)).cursor())
  const places = [0, aRow, aRow.mul(2)]
  return {
    at: (r, u) => cursors[Math.floor(r / shared)]!.broadcastAt(places[r % shared]!, u),
    advance: depth => {
      for (const cursor of cursors) cursor.advance(depth)
    },
  }
}

/** Rows as `copyColumns` leaves them. */
function rowsPacked(k: Builder, packed: Reals): LeftRows {
  const { rows } = tileShape(k)
  const cursor = packed.cursor()
  return {
    at: (r, u) => cursor.broadcastAt(u * rows + r),
    advance: depth => cursor.advance(depth * rows),
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
  scale: Real | undefined
  edge: Reals
}

/** One register tile. */
function tile(k: Builder, { left, mLeft, right, depth, nLeft, c, cRow, keep, scale, edge }: Tile): void {
  const { rows, vectors, columns } = tileShape(k)
  const { width } = k
  const panel = right.cursor()
  const accumulators = Array.from({ length: rows }, () =>
    Array.from({ length: vectors }, () => k.variable(k.vector(0))),
  )
  const steps = (count: number) => () => {
    for (let u = 0; u < count; u++) {
      const b = Array.from({ length: vectors }, (_, v) => panel.vectorAt(u * columns + v * width))
      for (const [r, row] of accumulators.entries()) {
        const a = left.at(r, u)
        for (const [v, accumulator] of row.entries()) accumulator.addProduct(a, b[v]!)
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
    mLeft.ge(rows).and(nLeft.ge(columns)),
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
      const valid = nLeft.min(columns)
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

/** Up to so many rows packing does not pay; they are multiplied one by one. */
export const fewRows = 3

/** One row times columns `from` to `to`: c[j] (add ? += : =) Σ_p a[p]·b[p·row + j·column], where row or column is 1. */
export function rowProduct(
  k: Builder,
  {
    a,
    b,
    row,
    column,
    depth,
    from,
    to,
    c,
    add,
  }: Omit<RightFactor, 'n'> & { a: Reals; from: Int; to: Int; c: Reals; add: Int },
): void {
  const { width } = k
  const put = (j: Int, value: Real) =>
    k.if(
      add.ne(0),
      () => c.set(j, c.at(j).add(value)),
      () => c.set(j, value),
    )
  k.if(
    row.eq(1),
    () => {
      // Columns of b lie in sequence: four dot products share the loads of a.
      const group = 4
      const grouped = from.add(to.sub(from).floorTo(group))
      k.loop(
        from,
        grouped,
        j => {
          const starts = Array.from({ length: group }, (_, g) => b.from(j.add(g).mul(column)))
          const totals = starts.map(() => [k.variable(k.vector(0)), k.variable(k.vector(0))])
          const pairs = depth.floorTo(2 * width)
          k.loop(
            0,
            pairs,
            p => {
              for (const half of [0, 1]) {
                const left = a.vectorAt(p, half * width)
                for (const [g, start] of starts.entries()) {
                  totals[g]![half]!.addProduct(left, start.vectorAt(p, half * width))
                }
              }
            },
            2 * width,
          )
          const rests = starts.map(() => k.variable(0))
          k.loop(pairs, depth, p => {
            const left = a.at(p)
            for (const [g, start] of starts.entries()) rests[g]!.addProduct(left, start.at(p))
          })
          for (const [g, [even, odd]] of totals.entries()) {
            put(j.add(g), k.total(even!.value.add(odd!.value)).add(rests[g]!.value))
          }
        },
        group,
      )
      k.loop(grouped, to, j => {
        const start = b.from(j.mul(column))
        put(
          j,
          k.dot(depth, p => [a.at(p), start.at(p)]),
        )
      })
    },
    () => {
      // Rows of b lie in sequence: vectors of columns accumulate over the depth.
      const group = 4
      const wide = from.add(to.sub(from).floorTo(group * width))
      const full = from.add(to.sub(from).floorTo(width))
      const vectors = (count: number) => (j: Int) => {
        const totals = Array.from({ length: count }, () => k.variable(k.vector(0)))
        k.loop(0, depth, p => {
          const left = a.broadcastAt(p)
          const right = b.from(p.mul(row))
          for (const [v, total] of totals.entries()) total.addProduct(left, right.vectorAt(j, v * width))
        })
        for (const [v, total] of totals.entries()) {
          const lane = j.add(v * width).spanning(width)
          put(lane, total.value)
        }
      }
      k.loop(from, wide, vectors(group), group * width)
      k.loop(wide, full, vectors(1), width)
      k.loop(full, to, j => {
        const total = k.variable(0)
        k.loop(0, depth, p => total.addProduct(a.at(p), b.at(p.mul(row).add(j))))
        put(j, total.value)
      })
    },
  )
}
