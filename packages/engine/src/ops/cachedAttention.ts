import { requireShape } from '../errors.ts'
import { exp2 } from '../kernel/exp2.ts'
import { f32, f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Builder, Int, Real, Reals } from '../kernel/language.ts'
import { rowCursors } from '../kernel/product/cursors.ts'
import type { Tensor } from '../tensor.ts'
import { type CacheRows, eachPage, pagesOf, rowInPages } from './cachePages.ts'

/** Heads that share the loads of values. */
const headBlock = 2

/**
 * y[r,h,:] = Σ_j softmax_j(scale · q[r,h,:]·k[j,g,:]) v[j,g,:] over keys j ≤ positions[r], g = floor(h·groups/heads).
 * Keys and values lie in the row's pages (see cachePages.ts). q: [rows, heads, dim]; y: [rows, heads, valueDim]. Consecutive
 * keys (values) of a page lie kRow (vRow) numbers apart and groups dim (valueDim); there are `capacity` of them at most.
 */
export const attendCache = kernel({
  name: 'cachedAttention',
  params: {
    q: f32s,
    k: f32s,
    v: f32s,
    y: f32s,
    positions: i32s,
    table: i32s,
    rows: i32,
    heads: i32,
    groups: i32,
    dim: i32,
    valueDim: i32,
    kRow: i32,
    vRow: i32,
    capacity: i32,
    tableRow: i32,
    size: i32,
    scale: f32,
  },
  reference(args) {
    const { q, k, v, y, positions, table, rows, heads, groups, dim, valueDim, kRow, vRow, tableRow, size, scale } = args
    for (let r = 0; r < rows; r++) {
      const seen = positions[r]! + 1
      const place = (j: number) => rowInPages(table, r * tableRow, size, j)
      for (let h = 0; h < heads; h++) {
        const g = Math.floor((h * groups) / heads)
        const scores = new Float64Array(seen)
        for (let j = 0; j < seen; j++) {
          for (let i = 0; i < dim; i++)
            scores[j]! += scale * q[(r * heads + h) * dim + i]! * k[place(j) * kRow + g * dim + i]!
        }
        const largest = scores.reduce((a, b) => Math.max(a, b))
        const weights = scores.map(score => Math.exp(score - largest))
        const sum = weights.reduce((a, b) => a + b)
        for (let i = 0; i < valueDim; i++) {
          let mean = 0
          for (let j = 0; j < seen; j++) mean += weights[j]! * v[place(j) * vRow + g * valueDim + i]!
          y[(r * heads + h) * valueDim + i] = mean / sum
        }
      }
    }
  },
  build(k, args) {
    const { q, k: key, v, y, positions, rows, heads, groups, dim, valueDim, kRow, vRow, capacity, scale } = args
    const perGroup = heads.div(groups)
    const blocks = perGroup.ceilDiv(headBlock)
    k.tasks(rows.mul(groups).mul(blocks), task => {
      const r = task.div(groups.mul(blocks))
      const g = task.div(blocks).rem(groups)
      const inGroup = task.rem(blocks).mul(headBlock)
      const head = r.mul(heads).add(g.mul(perGroup)).add(inGroup)
      const seen = positions.at(r).add(1)
      const pages = { table: args.table.from(r.mul(args.tableRow)), size: args.size }
      const keys = { rows: key.from(g.mul(dim)), stride: kRow, width: dim, ...pages }
      const values = { rows: v.from(g.mul(valueDim)), stride: vRow, width: valueDim, ...pages }
      const attend = (count: number) => {
        const all = <T>(make: (h: number) => T) => Array.from({ length: count }, (_, h) => make(h))
        const queries = all(h => q.from(head.add(h).mul(dim)))
        const scores = all(h => k.own.from(scoresOfHead(capacity).mul(h)))
        scoreKeys(k, queries, keys, seen, scale, scores)
        const inverses = scores.map(row => exponentials(k, row, seen))
        const outputs = all(h => y.from(head.add(h).mul(valueDim)))
        sumValues(k, scores, values, seen, inverses, outputs)
      }
      k.if(
        perGroup.sub(inGroup).ge(headBlock),
        () => attend(headBlock),
        () => attend(1),
      )
    })
  },
  work: ({ rows, heads, dim, valueDim, capacity }) => 2 * rows * heads * capacity * (dim + valueDim),
  scratch: ({ capacity }) => ({ perThread: headBlock * (capacity + widestVector) }),
})

export const cachedAttentionKernels = [attendCache]

/** Lanes of the widest vector of any target. */
export const widestVector = 16

/** How far apart the scores of two heads lie, so that each ends with a whole vector. */
export const scoresOfHead = (capacity: Int): Int => capacity.add(widestVector - 1).floorTo(widestVector)

/** scores[h][j] = scale · log2 e · queries[h]·keys[j] for j < seen. */
export function scoreKeys(
  k: Builder,
  queries: Reals[],
  keys: CacheRows,
  seen: Int,
  scale: Real,
  scores: Reals[],
): void {
  const { width } = k
  const full = keys.width.floorTo(width)
  const factor = scale.mul(Math.LOG2E)
  // As many keys as a vector has lanes: their sums become a vector of scores. Other heads read the same keys again.
  const block = (rows: Reals, first: Int) => (j: Int) => {
    for (let h = 0; h < queries.length; h += headsAtATime(k)) {
      const some = queries.slice(h, h + headsAtATime(k))
      const starts = rowCursors(rows.from(j.mul(keys.stride)), keys.stride, width)
      const dots = some.map(() => Array.from({ length: width }, () => k.variable(k.vector(0))))
      k.loop(
        0,
        full,
        p => {
          const lefts = some.map(query => query.vectorAt(p))
          for (let i = 0; i < width; i++) {
            const right = starts.cursor(i).vectorAt(starts.index(i))
            for (const [g, left] of lefts.entries()) dots[g]![i]!.addProduct(left, right)
          }
          starts.advance(width)
        },
        width,
      )
      for (const [g, row] of dots.entries()) {
        scores[h + g]!.setVector(first.add(j), k.totals(row.map(({ value }) => value)).mul(factor))
      }
    }
  }
  const single = (rows: Reals, first: Int) => (j: Int) => {
    const right = rows.from(j.mul(keys.stride))
    const dots = queries.map(() => k.variable(k.vector(0)))
    k.loop(
      0,
      full,
      p => {
        const loaded = right.vectorAt(p)
        for (const [h, query] of queries.entries()) dots[h]!.addProduct(query.vectorAt(p), loaded)
      },
      width,
    )
    for (const [h, { value }] of dots.entries()) scores[h]!.set(first.add(j), k.total(value).mul(factor))
  }
  const tail = (rows: Reals, first: Int) => (j: Int) => {
    const right = rows.from(j.mul(keys.stride))
    for (const [h, query] of queries.entries()) {
      const rest = k.variable(0)
      k.loop(full, keys.width, p => rest.addProduct(query.at(p), right.at(p)))
      scores[h]!.set(first.add(j), scores[h]!.at(first.add(j)).add(rest.value.mul(factor)))
    }
  }
  eachPage(k, keys, seen, (rows, first, count) => {
    // The last block may score rows that are not seen yet, which nobody reads, but none behind the page.
    const grouped = count
      .add(width - 1)
      .min(keys.size)
      .floorTo(width)
    k.loop(0, grouped, block(rows, first), width)
    k.loop(grouped, count, single(rows, first))
    k.if(full.lt(keys.width), () => k.loop(0, count, tail(rows, first)))
  })
}

/** Heads whose sums with a block of keys fill the registers that are free for sums. */
const headsAtATime = ({ registers, width }: Builder): number => (registers >= 32 ? 16 : 8) / width

/**
 * Replaces the first `seen` scores by their powers of two, relative to the largest; returns 1 / their sum. The last vector is
 * filled up, since a vector takes no longer than a number.
 */
export function exponentials(k: Builder, scores: Reals, seen: Int): Real {
  const filled = seen.add(k.width - 1).floorTo(k.width)
  k.loop(seen, filled, j => scores.set(j, Number.NEGATIVE_INFINITY))
  const largest = k.max(filled, j => scores.at(j))
  const sum = k.sum(filled, j => {
    const power = exp2(scores.at(j).sub(largest))
    scores.set(j, power)
    return power
  })
  return k.real(1).div(sum)
}

/** outputs[h] = inverses[h] · Σ_j weights[h][j] · values[j] over j < seen. */
export function sumValues(
  k: Builder,
  weights: Reals[],
  values: CacheRows,
  seen: Int,
  inverses: Real[],
  outputs: Reals[],
): void {
  const { width } = k
  const vectors = k.registers >= 32 ? 4 : 2
  const columns =
    (count: number, scalar = false) =>
    (c: Int) => {
      const totals = weights.map(() => Array.from({ length: count }, () => k.variable(scalar ? 0 : k.vector(0))))
      eachPage(k, values, seen, (rows, first, inPage) => {
        const factors = weights.map(weight => weight.from(first))
        k.loop(0, inPage, j => {
          const row = rows.from(j.mul(values.stride))
          const loaded = Array.from({ length: count }, (_, i) => (scalar ? row.at(c) : row.vectorAt(c, i * width)))
          for (const [h, weight] of factors.entries()) {
            const factor = scalar ? weight.at(j) : weight.broadcastAt(j)
            for (const [i, value] of loaded.entries()) totals[h]![i]!.addProduct(factor, value)
          }
        })
      })
      for (const [h, row] of totals.entries()) {
        for (const [i, total] of row.entries()) {
          const value = total.value.mul(inverses[h]!)
          if (scalar) outputs[h]!.set(c, value)
          else outputs[h]!.setVector(c, value, i * width)
        }
      }
    }
  const wide = values.width.floorTo(vectors * width)
  const full = values.width.floorTo(width)
  k.loop(0, wide, columns(vectors), vectors * width)
  k.loop(wide, full, columns(1), width)
  k.loop(full, values.width, columns(1, true))
}

/**
 * Attention of the newest tokens over caches of keys and values (grouped-query, Ainslie et al. 2023): row r sees the keys
 * up to positions[r], so one call may hold tokens at any places. For decoding: no gradient.
 * q: [rows, heads, dim]; keys: [capacity, groups·dim]; values: [capacity, groups·valueDim], or both with [rows] before
 * it, where each row has a sequence of its own, or [pages, size, …] with `pages`, i32 [rows or 1, most pages of a sequence],
 * the pages of each row's sequence; positions: i32 [rows]; returns [rows, heads·valueDim].
 */
export function cachedAttention(
  q: Tensor,
  keys: Tensor,
  values: Tensor,
  positions: Tensor,
  { groups, scale }: { groups: number; scale: number },
  pages?: Tensor,
): Tensor {
  const [rows, heads, dim] = q.shape as [number, number, number]
  const [kRow, vRow] = [keys.shape.at(-1)!, values.shape.at(-1)!]
  const places = pagesOf(rows, keys, pages)
  requireShape(
    places !== undefined &&
      q.shape.length === 3 &&
      positions.size === rows &&
      heads % groups === 0 &&
      kRow === groups * dim,
    () =>
      `cachedAttention: ${groups} groups of keys [${keys.shape}] do not fit queries [${q.shape}] at ${positions.size} positions`,
  )
  requireShape(
    values.size === (keys.size / kRow) * vRow && vRow % groups === 0,
    () => `cachedAttention: values [${values.shape}] do not fit keys [${keys.shape}] in ${groups} groups`,
  )
  const valueDim = vRow / groups
  const y = q.device.temporary([rows, heads * valueDim])
  const shape = { rows, heads, groups, dim, valueDim, kRow, vRow, scale }
  q.device.run(attendCache, { q, k: keys, v: values, y, positions, ...places, ...shape })
  return y
}
