import { requireShape } from '../errors.ts'
import { f32, f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Int } from '../kernel/language.ts'
import { rowProduct, rowProductScratch } from '../kernel/product/rows.ts'
import type { Tensor } from '../tensor.ts'
import { exponentials, scoreKeys, sumValues } from './cachedAttention.ts'
import { pagesOf, rowInPages } from './cachePages.ts'
import { rowsKernel } from './narrowWeights.ts'

/** Heads that share the loads of the cache. */
const headBlock = 4

/**
 * With W_k,h [keyDim, rank] and W_v,h [valueDim, rank] the rows of head h in w: its query in latent space is
 * p = (W_k,hᵀ · q[r,h,:keyDim], q[r,h,keyDim:]); y[r,h,:] = W_v,h · Σ_j softmax_j(scale · p·past[j,:]) past[j,:rank] over
 * j ≤ positions[r], where past[j,:] is row j of the row's pages (see cachePages.ts). q: [rows, heads, keyDim + ropeDim]; cache: [pages·size, rank + ropeDim];
 * w: [heads·(keyDim + valueDim), rank]; y: [rows, heads, valueDim].
 */
const forward = kernel({
  name: 'latentAttention',
  params: {
    q: f32s,
    cache: f32s,
    w: f32s,
    y: f32s,
    positions: i32s,
    table: i32s,
    rows: i32,
    heads: i32,
    keyDim: i32,
    ropeDim: i32,
    valueDim: i32,
    rank: i32,
    capacity: i32,
    tableRow: i32,
    size: i32,
    scale: f32,
  },
  reference({ q, cache, w, y, positions, table, rows, heads, keyDim, ropeDim, valueDim, rank, tableRow, size, scale }) {
    const width = rank + ropeDim
    for (let r = 0; r < rows; r++) {
      const seen = positions[r]! + 1
      const past = (j: number, c: number) => cache[rowInPages(table, r * tableRow, size, j) * width + c]!
      for (let h = 0; h < heads; h++) {
        const head = r * heads + h
        const keys = h * (keyDim + valueDim)
        const query = new Float64Array(width)
        for (let p = 0; p < keyDim; p++) {
          for (let c = 0; c < rank; c++) query[c]! += q[head * (keyDim + ropeDim) + p]! * w[(keys + p) * rank + c]!
        }
        for (let i = 0; i < ropeDim; i++) query[rank + i] = q[head * (keyDim + ropeDim) + keyDim + i]!
        const scores = new Float64Array(seen)
        for (let j = 0; j < seen; j++) {
          for (let c = 0; c < width; c++) scores[j]! += scale * query[c]! * past(j, c)
        }
        const largest = scores.reduce((a, b) => Math.max(a, b))
        const weights = scores.map(score => Math.exp(score - largest))
        const sum = weights.reduce((a, b) => a + b)
        const mean = new Float64Array(rank)
        for (let j = 0; j < seen; j++) {
          for (let c = 0; c < rank; c++) mean[c]! += (weights[j]! / sum) * past(j, c)
        }
        for (let v = 0; v < valueDim; v++) {
          let value = 0
          for (let c = 0; c < rank; c++) value += w[(keys + keyDim + v) * rank + c]! * mean[c]!
          y[head * valueDim + v] = value
        }
      }
    }
  },
  build(k, args) {
    const { q, cache, w, y, positions, table, rows, heads, keyDim, ropeDim, valueDim, rank, capacity, scale } = args
    const width = rank.add(ropeDim)
    const queryDim = keyDim.add(ropeDim)
    const [zero, one] = [k.int(0), k.int(1)]
    const queries = k.own.from(capacity.mul(headBlock))
    const means = queries.from(width.mul(headBlock))
    const scratch = means.from(rank.mul(headBlock))
    const single = { m: one, add: zero, scratch }
    const blocks = heads.ceilDiv(headBlock)
    k.rows(rows.mul(blocks), task => {
      const r = task.div(blocks)
      const first = task.rem(blocks).mul(headBlock)
      const seen = positions.at(r).add(1)
      const past = { rows: cache, stride: width, table: table.from(r.mul(args.tableRow)), size: args.size }
      const attend = (first: Int, count: number) => {
        k.loop(0, count, h => {
          const head = first.add(h)
          const query = q.from(r.mul(heads).add(head).mul(queryDim))
          const latent = queries.from(h.mul(width))
          const keys = w.from(head.mul(keyDim.add(valueDim)).mul(rank))
          const absorbed = { a: () => query, b: keys, row: rank, column: one, depth: keyDim, from: zero, to: rank }
          rowProduct(k, { ...absorbed, ...single, c: () => latent })
          const [from, to] = [query.from(keyDim), latent.from(rank)]
          k.lanes(ropeDim, i => to.set(i, from.at(i)))
        })
        const each = <T>(make: (h: number) => T) => Array.from({ length: count }, (_, h) => make(h))
        const scores = each(h => k.own.from(capacity.mul(h)))
        const latents = each(h => queries.from(width.mul(h)))
        scoreKeys(k, latents, { ...past, width }, seen, scale, scores)
        const inverses = scores.map(row => exponentials(k, row, seen))
        const outputs = each(h => means.from(rank.mul(h)))
        sumValues(k, scores, { ...past, width: rank }, seen, inverses, outputs)
        k.loop(0, count, h => {
          const head = first.add(h)
          const values = w.from(head.mul(keyDim.add(valueDim)).add(keyDim).mul(rank))
          const expanded = { a: () => means.from(h.mul(rank)), b: values, row: one, column: rank, depth: rank }
          const output = y.from(r.mul(heads).add(head).mul(valueDim))
          rowProduct(k, { ...expanded, ...single, from: zero, to: valueDim, c: () => output })
        })
      }
      k.if(
        heads.sub(first).ge(headBlock),
        () => attend(first, headBlock),
        () => k.loop(first, heads, head => attend(head, 1)),
      )
    })
  },
  work: ({ rows, heads, keyDim, valueDim, ropeDim, rank, capacity }) =>
    2 * rows * heads * (rank * (keyDim + valueDim) + capacity * (2 * rank + ropeDim)),
  scratch: ({ capacity, rank, ropeDim }) => ({
    perThread: headBlock * (capacity + 2 * rank + ropeDim) + rowProductScratch,
  }),
})

const fewRowsForward = rowsKernel(forward, 'w')

export const latentAttentionKernels = fewRowsForward.kernels

export interface LatentAttentionOptions {
  heads: number
  keyDim: number
  valueDim: number
  scale: number
}

/**
 * Multi-head latent attention in the absorbed form: queries go into latent space, attention runs on the cached latents
 * themselves, and only the result is expanded per head. Equals `attention` on expanded keys and values, and reads
 * rank + ropeDim numbers a token instead of heads·(keyDim + ropeDim + valueDim). For decoding: no gradient.
 * q: [rows, heads, keyDim + ropeDim], rotated; cache: [capacity, rank + ropeDim], the normalised latent and the rotated
 * shared key of every token so far, or [rows, capacity, rank + ropeDim], where each row has a sequence of its own, or
 * [pages, size, rank + ropeDim] with `pages`, i32 [rows or 1, most pages of a sequence], the pages of each row's sequence;
 * positions: i32 [rows], row r sees the cache up to positions[r];
 * wKvB: [heads·(keyDim + valueDim), rank]; returns [rows, heads·valueDim]. DeepSeek-V2, section 2.1.2.
 */
export function latentAttention(
  q: Tensor,
  cache: Tensor,
  positions: Tensor,
  wKvB: Tensor,
  options: LatentAttentionOptions,
  pages?: Tensor,
): Tensor {
  const { heads, keyDim, valueDim, scale } = options
  const [rows, , queryDim] = q.shape as [number, number, number]
  const width = cache.shape.at(-1)!
  const rank = wKvB.shape[1]!
  const ropeDim = width - rank
  const places = pagesOf(rows, cache, pages)
  requireShape(
    places !== undefined &&
      q.shape.length === 3 &&
      q.shape[1] === heads &&
      queryDim === keyDim + ropeDim &&
      positions.size === rows,
    () =>
      `latentAttention: queries [${q.shape}] at ${positions.size} positions do not fit a cache [${cache.shape}] and a latent rank of ${rank}`,
  )
  requireShape(
    wKvB.shape[0] === heads * (keyDim + valueDim),
    () => `latentAttention: weight [${wKvB.shape}] is not for ${heads} heads of ${keyDim} + ${valueDim}`,
  )
  const y = q.device.temporary([rows, heads * valueDim])
  const shape = { rows, heads, keyDim, ropeDim, valueDim, rank, scale }
  fewRowsForward.run(q.device, { q, cache, w: wKvB, y, positions, ...places, ...shape })
  return y
}
