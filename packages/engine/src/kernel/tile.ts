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
  const { columns, vectors } = tileShape(k)
  const first = panel.mul(columns)
  const source = b.from(first.mul(column))
  k.if(
    n.sub(first).ge(columns),
    () =>
      k.if(
        column.eq(1),
        () =>
          k.loop(0, depth, p => {
            const from = source.from(p.mul(row))
            const to = into.from(p.mul(columns))
            for (let v = 0; v < vectors; v++) to.setVector(v * k.width, from.vectorAt(v * k.width))
          }),
        () => {
          const starts = Array.from({ length: columns }, (_, j) => source.from(column.mul(j)))
          k.loop(0, depth, p => {
            const at = p.mul(row)
            const to = into.from(p.mul(columns))
            for (const [j, start] of starts.entries()) to.set(j, start.at(at))
          })
        },
      ),
    () =>
      k.loop(0, depth, p => {
        const to = into.from(p.mul(columns))
        k.loop(0, columns, j => {
          k.if(
            first.add(j).lt(n),
            () => to.set(j, source.at(p.mul(row).add(j.mul(column)))),
            () => to.set(j, 0),
          )
        })
      }),
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
export const productScratch = (shape: TileShape): number => shape.rows * shape.columns + blockRows(shape) * blockDepth

/** Runs the product on the calling thread. */
export function product(k: Builder, args: Product): void {
  const { a, aRow, aCol, m, panels, depth, panelDepth = depth, n, c, cRow, add, scale, scratch } = args
  const shape = tileShape(k)
  const { rows, columns } = shape
  const packed = scratch.from(rows * columns)
  k.loop(
    0,
    depth,
    p => {
      const part = depth.sub(p).min(blockDepth)
      const keep = k.int(add).max(p)
      if (aCol !== 1) packLeft(k, a.from(p.mul(aCol)), aCol, m, part, packed)
      k.loop(0, n.ceilDiv(columns), panel => {
        const right = panels.from(panel.mul(panelDepth).add(p).mul(columns))
        const j = panel.mul(columns)
        k.loop(
          0,
          m,
          i => {
            const mLeft = m.sub(i)
            const left =
              aCol === 1 ? rowsInPlace(k, a.from(p.add(i.mul(aRow))), aRow, mLeft) : rowsPacked(k, packed.from(i))
            const to = c.from(i.mul(cRow).add(j))
            tile(k, { left, mLeft, right, depth: part, nLeft: n.sub(j), c: to, cRow, keep, scale, edge: scratch })
          },
          rows,
        )
      })
    },
    blockDepth,
  )
}

/** Copies a[i + p·aCol], i < m, p < depth, to into[p·blockRows + i]; columns that lie far apart would evict each other. */
function packLeft(k: Builder, a: Reals, aCol: Int, m: Int, depth: Int, into: Reals): void {
  const stride = blockRows(tileShape(k))
  k.loop(0, depth, p => {
    const from = a.from(p.mul(aCol))
    const to = into.from(p.mul(stride))
    k.lanes(m, i => to.set(i, from.at(i)))
  })
}

/** How a tile reads its rows: row `r` at the depth of the cursor plus `u`. */
interface LeftRows {
  at(r: number, u: number): Real
  advance(depth: number): void
}

/** Rows in sequence, where they lie; rows beyond the matrix repeat its last one. */
function rowsInPlace(k: Builder, a: Reals, aRow: Int, mLeft: Int): LeftRows {
  const { rows } = tileShape(k)
  const last = mLeft.sub(1).min(rows - 1)
  const starts = Array.from({ length: rows }, (_, r) => a.from(k.int(r).min(last).mul(aRow)))
  const p = k.intVariable(0)
  return {
    at: (r, u) => starts[r]!.broadcastAt(p.value, u),
    advance: depth => p.set(p.value.add(depth)),
  }
}

/** Rows as `packLeft` leaves them. What stands beyond the matrix is never stored. */
function rowsPacked(k: Builder, packed: Reals): LeftRows {
  const stride = blockRows(tileShape(k))
  const cursor = packed.cursor()
  return {
    at: (r, u) => cursor.broadcastAt(u * stride + r),
    advance: depth => cursor.advance(depth * stride),
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
  const valid = mLeft.min(rows)
  const panel = right.cursor()
  const accumulators = Array.from({ length: rows }, () =>
    Array.from({ length: vectors }, () => k.variable(k.vector(0))),
  )
  const steps = (count: number) => {
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
  k.loop(0, blocks, () => steps(unroll), unroll)
  k.loop(blocks, depth, () => steps(1))

  const results = accumulators.map(row => row.map(({ value }) => (scale ? value.mul(scale) : value)))
  k.if(
    valid.mul(nLeft.min(columns)).eq(rows * columns),
    () => {
      const store = (adding: boolean) => {
        for (const [r, row] of results.entries()) {
          const to = c.from(cRow.mul(r))
          for (const [v, value] of row.entries()) {
            to.setVector(v * width, adding ? to.vectorAt(v * width).add(value) : value)
          }
        }
      }
      k.if(
        keep.ne(0),
        () => store(true),
        () => store(false),
      )
    },
    () => {
      for (const [r, row] of results.entries()) {
        for (const [v, value] of row.entries()) edge.setVector(r * columns + v * width, value)
      }
      k.loop(0, valid, r => {
        const from = edge.from(r.mul(columns))
        const to = c.from(r.mul(cRow))
        k.loop(0, nLeft.min(columns), j => {
          k.if(
            keep.ne(0),
            () => to.set(j, to.at(j).add(from.at(j))),
            () => to.set(j, from.at(j)),
          )
        })
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
