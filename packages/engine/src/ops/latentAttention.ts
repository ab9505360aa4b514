import { requireShape } from '../errors.ts'
import { f32, f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Int } from '../kernel/language.ts'
import { rowProduct, rowProductScratch } from '../kernel/product/rows.ts'
import type { Tensor } from '../tensor.ts'
import { exponentials, scoreKeys, scoresOfHead, sumValues, widestVector } from './cachedAttention.ts'
import { pagesOf, rowInPages } from './cachePages.ts'
import { rowsKernel } from './narrowWeights.ts'

/** Heads that share the loads of the cache. */
const headBlock = 4

/** Rows that share the loads of the weights. */
const rowBlock = 4

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
    const room = scoresOfHead(capacity)
    const queries = k.own.from(room.mul(headBlock))
    const means = queries.from(width.mul(headBlock * rowBlock))
    const scratch = means.from(rank.mul(headBlock * rowBlock))
    const blocks = rows.ceilDiv(rowBlock)
    // All rows of a block of heads, then those of the next: as much for each thread, however many rows there are.
    k.rows(heads.ceilDiv(headBlock).mul(blocks), task => {
      const firstHead = task.div(blocks).mul(headBlock)
      const firstRow = task.rem(blocks).mul(rowBlock)
      const m = rows.sub(firstRow).min(rowBlock)
      const attend = (first: Int, count: number) => {
        const common = { m, from: zero, add: zero, scratch }
        const place = (i: Int, h: Int | number) => i.mul(headBlock).add(h)
        const query = (head: Int) => (i: Int) => q.from(firstRow.add(i).mul(heads).add(head).mul(queryDim))
        const latent = (h: Int | number) => (i: Int) => queries.from(place(i, h).mul(width))
        const mean = (h: Int | number) => (i: Int) => means.from(place(i, h).mul(rank))
        k.loop(0, count, h => {
          const head = first.add(h)
          const keys = w.from(head.mul(keyDim.add(valueDim)).mul(rank))
          const absorbed = { a: query(head), b: keys, row: rank, column: one, depth: keyDim, to: rank }
          rowProduct(k, { ...common, ...absorbed, c: latent(h) })
          k.loop(0, m, i => {
            const [from, to] = [query(head)(i).from(keyDim), latent(h)(i).from(rank)]
            k.lanes(ropeDim, at => to.set(at, from.at(at)))
          })
        })
        k.loop(0, m, i => {
          const r = firstRow.add(i)
          const seen = positions.at(r).add(1)
          const past = { rows: cache, stride: width, table: table.from(r.mul(args.tableRow)), size: args.size }
          const each = <T>(make: (h: number) => T) => Array.from({ length: count }, (_, h) => make(h))
          const scores = each(h => k.own.from(room.mul(h)))
          const latents = each(h => latent(h)(i))
          scoreKeys(k, latents, { ...past, width }, seen, scale, scores)
          const inverses = scores.map(row => exponentials(k, row, seen))
          const outputs = each(h => mean(h)(i))
          sumValues(k, scores, { ...past, width: rank }, seen, inverses, outputs)
        })
        k.loop(0, count, h => {
          const head = first.add(h)
          const values = w.from(head.mul(keyDim.add(valueDim)).add(keyDim).mul(rank))
          const expanded = { a: mean(h), b: values, row: one, column: rank, depth: rank, to: valueDim }
          const output = (i: Int) => y.from(firstRow.add(i).mul(heads).add(head).mul(valueDim))
          rowProduct(k, { ...common, ...expanded, c: output })
        })
      }
      k.if(
        heads.sub(firstHead).ge(headBlock),
        () => attend(firstHead, headBlock),
        () => k.loop(firstHead, heads, head => attend(head, 1)),
      )
    })
  },
  work: ({ rows, heads, keyDim, valueDim, ropeDim, rank, capacity }) =>
    2 * rows * heads * (rank * (keyDim + valueDim) + capacity * (2 * rank + ropeDim)),
  scratch: ({ capacity, rank, ropeDim }) => ({
    perThread: headBlock * (capacity + widestVector + rowBlock * (2 * rank + ropeDim)) + rowProductScratch,
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
