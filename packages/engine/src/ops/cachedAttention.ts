import { requireShape } from '../errors.ts'
import { f32, f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import { type Builder, exp, type Int, type Real, type Reals } from '../kernel/language.ts'
import type { Tensor } from '../tensor.ts'

/** Heads that share the loads of keys and values, and keys whose scores are computed together. */
export const headBlock = 2
const keyBlock = 4

/**
 * y[r,h,:] = Σ_j softmax_j(scale · q[r,h,:]·k[j,g,:]) v[j,g,:] over keys j ≤ positions[r], g = floor(h·groups/heads).
 * Row r's keys and values begin at row r·apart of k and v. q: [rows, heads, dim]; y: [rows, heads, valueDim]. Consecutive keys (values) lie kRow (vRow) numbers apart and groups
 * dim (valueDim), so v may be the first columns of the same rows as k; there are `capacity` of them at most.
 */
export const attendCache = kernel({
  name: 'cachedAttention',
  params: {
    q: f32s,
    k: f32s,
    v: f32s,
    y: f32s,
    positions: i32s,
    rows: i32,
    heads: i32,
    groups: i32,
    dim: i32,
    valueDim: i32,
    kRow: i32,
    vRow: i32,
    capacity: i32,
    apart: i32,
    scale: f32,
  },
  reference({ q, k, v, y, positions, rows, heads, groups, dim, valueDim, kRow, vRow, apart, scale }) {
    for (let r = 0; r < rows; r++) {
      const seen = positions[r]! + 1
      const [keys, values] = [k.subarray(r * apart * kRow), v.subarray(r * apart * vRow)]
      for (let h = 0; h < heads; h++) {
        const g = Math.floor((h * groups) / heads)
        const scores = new Float64Array(seen)
        for (let j = 0; j < seen; j++) {
          for (let i = 0; i < dim; i++)
            scores[j]! += scale * q[(r * heads + h) * dim + i]! * keys[j * kRow + g * dim + i]!
        }
        const largest = scores.reduce((a, b) => Math.max(a, b))
        const weights = scores.map(score => Math.exp(score - largest))
        const sum = weights.reduce((a, b) => a + b)
        for (let i = 0; i < valueDim; i++) {
          let mean = 0
          for (let j = 0; j < seen; j++) mean += weights[j]! * values[j * vRow + g * valueDim + i]!
          y[(r * heads + h) * valueDim + i] = mean / sum
        }
      }
    }
  },
  build(k, args) {
    const { q, k: key, v, y, positions, rows, heads, groups, dim, valueDim, kRow, vRow, capacity, apart, scale } = args
    const perGroup = heads.div(groups)
    const blocks = perGroup.ceilDiv(headBlock)
    k.tasks(rows.mul(groups).mul(blocks), task => {
      const r = task.div(groups.mul(blocks))
      const g = task.div(blocks).rem(groups)
      const inGroup = task.rem(blocks).mul(headBlock)
      const head = r.mul(heads).add(g.mul(perGroup)).add(inGroup)
      const seen = positions.at(r).add(1)
      const past = r.mul(apart)
      const keys = { rows: key.from(past.mul(kRow).add(g.mul(dim))), stride: kRow, width: dim }
      const values = { rows: v.from(past.mul(vRow).add(g.mul(valueDim))), stride: vRow, width: valueDim }
      const attend = (count: number) => {
        const all = <T>(make: (h: number) => T) => Array.from({ length: count }, (_, h) => make(h))
        const queries = all(h => q.from(head.add(h).mul(dim)))
        const scores = all(h => k.own.from(capacity.mul(h)))
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
  scratch: ({ capacity }) => ({ perThread: headBlock * capacity }),
})

export const cachedAttentionKernels = [attendCache]

/** Whether `rows` new tokens can look into it: one sequence for all, or one for each. */
export const isCacheFor = (rows: number, { shape }: Tensor): boolean =>
  shape.length === 2 || (shape.length === 3 && shape[0] === rows)

/** Rows of a cache as one group of heads sees them. */
export interface CacheRows {
  rows: Reals
  stride: Int
  width: Int
}

/** scores[h][j] = scale · queries[h]·keys[j] for j < seen. */
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
  const block = (count: number) => (j: Int) => {
    const starts = Array.from({ length: count }, (_, i) => keys.rows.from(j.add(i).mul(keys.stride)))
    const dots = queries.map(() => starts.map(() => ({ lanes: k.variable(k.vector(0)), rest: k.variable(0) })))
    k.loop(
      0,
      full,
      p => {
        const loaded = starts.map(start => start.vectorAt(p))
        for (const [h, query] of queries.entries()) {
          const left = query.vectorAt(p)
          for (const [i, right] of loaded.entries()) dots[h]![i]!.lanes.addProduct(left, right)
        }
      },
      width,
    )
    k.loop(full, keys.width, p => {
      for (const [h, query] of queries.entries()) {
        const left = query.at(p)
        for (const [i, start] of starts.entries()) dots[h]![i]!.rest.addProduct(left, start.at(p))
      }
    })
    for (const [h, row] of dots.entries()) {
      for (const [i, { lanes, rest }] of row.entries()) {
        scores[h]!.set(j.add(i), k.total(lanes.value).add(rest.value).mul(scale))
      }
    }
  }
  const grouped = seen.floorTo(keyBlock)
  k.loop(0, grouped, block(keyBlock), keyBlock)
  k.loop(grouped, seen, block(1))
}

/** Replaces the first `seen` scores by their exponentials, relative to the largest; returns 1 / their sum. */
export function exponentials(k: Builder, scores: Reals, seen: Int): Real {
  const largest = k.max(seen, j => scores.at(j))
  const sum = k.sum(seen, j => {
    const e = exp(scores.at(j).sub(largest))
    scores.set(j, e)
    return e
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
      k.loop(0, seen, j => {
        const row = values.rows.from(j.mul(values.stride))
        const loaded = Array.from({ length: count }, (_, i) => (scalar ? row.at(c) : row.vectorAt(c, i * width)))
        for (const [h, weight] of weights.entries()) {
          const factor = scalar ? weight.at(j) : weight.broadcastAt(j)
          for (const [i, value] of loaded.entries()) totals[h]![i]!.addProduct(factor, value)
        }
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
 * it, where each row has a sequence of its own; positions: i32 [rows]; returns [rows, heads·valueDim].
 */
export function cachedAttention(
  q: Tensor,
  keys: Tensor,
  values: Tensor,
  positions: Tensor,
  { groups, scale }: { groups: number; scale: number },
): Tensor {
  const [rows, heads, dim] = q.shape as [number, number, number]
  const [capacity, kRow] = keys.shape.slice(-2) as [number, number]
  const vRow = values.shape.at(-1)!
  requireShape(
    q.shape.length === 3 &&
      positions.size === rows &&
      heads % groups === 0 &&
      kRow === groups * dim &&
      isCacheFor(rows, keys),
    () =>
      `cachedAttention: ${groups} groups of keys [${keys.shape}] do not fit queries [${q.shape}] at ${positions.size} positions`,
  )
  requireShape(
    values.size === (keys.size / kRow) * vRow && vRow % groups === 0,
    () => `cachedAttention: values [${values.shape}] do not fit keys [${keys.shape}] in ${groups} groups`,
  )
  const valueDim = vRow / groups
  const y = q.device.temporary([rows, heads * valueDim])
  const apart = keys.shape.length === 3 ? capacity : 0
  const shape = { rows, heads, groups, dim, valueDim, kRow, vRow, capacity, apart, scale }
  q.device.run(attendCache, { q, k: keys, v: values, y, positions, ...shape })
  return y
}
