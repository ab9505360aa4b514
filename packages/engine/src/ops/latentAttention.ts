import { requireShape } from '../errors.ts'
import { f32, f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import { type Builder, exp, type Int, type Reals, type Target } from '../kernel/language.ts'
import { fewRows, rowProduct } from '../kernel/product/rows.ts'
import type { Tensor } from '../tensor.ts'
import { type CacheRows, sumValues } from './cachedAttention.ts'

/** Keys whose scores with all heads are computed together, and heads that share the loads of values. */
const keyBlock = 8
const headBlock = 2

/** Keys of a task: few, so that there is work for all threads, but not more than this many tasks for a sequence. */
const leastChunk = 32
const mostChunks = 64
const chunkOf = (capacity: number): number => Math.max(leastChunk, Math.ceil(capacity / mostChunks))

/** Heads filled up to whole vectors: they lie in the lanes, so that no score is a sum over lanes. */
const paddedHeads = (heads: number, { width }: Pick<Target, 'width'>): number => Math.ceil(heads / width) * width

/**
 * With W_k,h [keyDim, rank] and W_v,h [valueDim, rank] the rows of head h in w: its query in latent space is
 * p = (W_k,hᵀ · q[r,h,:keyDim], q[r,h,keyDim:]); y[r,h,:] = W_v,h · Σ_j softmax_j(scale · p·cache[j,:]) cache[j,:rank] over
 * j ≤ positions[r]. q: [rows, heads, keyDim + ropeDim]; cache: [capacity, rank + ropeDim];
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
    rows: i32,
    heads: i32,
    keyDim: i32,
    ropeDim: i32,
    valueDim: i32,
    rank: i32,
    capacity: i32,
    chunk: i32,
    scale: f32,
  },
  reference({ q, cache, w, y, positions, rows, heads, keyDim, ropeDim, valueDim, rank, scale }) {
    const width = rank + ropeDim
    for (let r = 0; r < rows; r++) {
      const seen = positions[r]! + 1
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
          for (let c = 0; c < width; c++) scores[j]! += scale * query[c]! * cache[j * width + c]!
        }
        const largest = scores.reduce((a, b) => Math.max(a, b))
        const weights = scores.map(score => Math.exp(score - largest))
        const sum = weights.reduce((a, b) => a + b)
        const mean = new Float64Array(rank)
        for (let j = 0; j < seen; j++) {
          for (let c = 0; c < rank; c++) mean[c]! += (weights[j]! / sum) * cache[j * width + c]!
        }
        for (let v = 0; v < valueDim; v++) {
          let value = 0
          for (let c = 0; c < rank; c++) value += w[(keys + keyDim + v) * rank + c]! * mean[c]!
          y[head * valueDim + v] = value
        }
      }
    }
  },
  build(k, { q, cache, w, y, positions, rows, heads, keyDim, ropeDim, valueDim, rank, capacity, chunk, scale }) {
    const width = rank.add(ropeDim)
    const queryDim = keyDim.add(ropeDim)
    const headVectors = heads.ceilDiv(k.width)
    const lanes = headVectors.mul(k.width)
    const chunks = capacity.ceilDiv(chunk)
    const [zero, one] = [k.int(0), k.int(1)]

    // Scratch of all threads: latent queries [rows, heads, width]; of every row and chunk of keys the largest score and
    // the sum of exponentials of each head [lanes], and the weighted sums [heads, rank]. Own: queries [rows, width, lanes],
    // scores [chunk, lanes].
    const latents = k.shared
    const largest = latents.from(rows.mul(heads).mul(width))
    const sums = largest.from(rows.mul(chunks).mul(lanes))
    const means = sums.from(rows.mul(chunks).mul(lanes))
    const queries = k.own
    const scores = queries.from(rows.mul(width).mul(lanes))
    const weightsOf = (head: Int) => w.from(head.mul(keyDim.add(valueDim)).mul(rank))

    // 1. Queries into latent space.
    k.tasks(rows.mul(heads), index => {
      const query = q.from(index.mul(queryDim))
      const latent = latents.from(index.mul(width))
      const absorbed = { b: weightsOf(index.rem(heads)), row: rank, column: one, depth: keyDim, from: zero, to: rank }
      rowProduct(k, { ...absorbed, a: query, c: latent, add: zero })
      const [from, to] = [query.from(keyDim), latent.from(rank)]
      k.lanes(ropeDim, i => to.set(i, from.at(i)))
    })
    k.barrier()

    // Every thread lays the heads side by side for itself.
    k.loop(0, rows.mul(heads), index => {
      const [r, h] = [index.div(heads), index.rem(heads)]
      const latent = latents.from(index.mul(width))
      const target = queries.from(r.mul(width).mul(lanes).add(h))
      k.loop(0, width, c => target.set(c.mul(lanes), latent.at(c).mul(scale)))
    })

    // 2. Each chunk of keys by itself.
    const furthest = k.intVariable(0)
    k.loop(0, rows, r => furthest.set(furthest.value.max(positions.at(r))))
    const used = furthest.value.div(chunk).add(1)
    k.tasks(rows.mul(used), task => {
      const [r, part] = [task.div(used), task.rem(used)]
      const first = part.mul(chunk)
      const count = positions.at(r).add(1).sub(first).min(chunk)
      k.if(count.gt(0), () => {
        const keys = { rows: cache.from(first.mul(width)), stride: width, width }
        const place = r.mul(chunks).add(part)
        scoreKeys(k, queries.from(r.mul(width).mul(lanes)), lanes, keys, count, scores)
        k.loop(
          0,
          lanes,
          h => exponentials(k, scores.from(h), lanes, count, largest, sums, place.mul(lanes).add(h)),
          k.width,
        )
        const values = { ...keys, width: rank }
        const sumsOf = (n: number) => (h: Int) => {
          const each = <T>(make: (head: Int) => T) => Array.from({ length: n }, (_, i) => make(h.add(i)))
          const weights = each(head => ({ of: scores.from(head), stride: lanes }))
          sumValues(
            k,
            weights,
            values,
            count,
            each(head => means.from(place.mul(heads).add(head).mul(rank))),
          )
        }
        const paired = heads.floorTo(headBlock)
        k.loop(0, paired, sumsOf(headBlock), headBlock)
        k.loop(paired, heads, sumsOf(1))
      })
    })
    k.barrier()

    // 3. What the chunks found, put together, and out of latent space.
    k.tasks(rows.mul(heads), index => {
      const [r, h] = [index.div(heads), index.rem(heads)]
      const place = (part: Int) => r.mul(chunks).add(part)
      const at = (part: Int) => place(part).mul(lanes).add(h)
      const parts = positions.at(r).div(chunk).add(1)
      const peak = k.variable(Number.NEGATIVE_INFINITY)
      k.loop(0, parts, part => peak.set(peak.value.max(largest.at(at(part)))))
      const total = k.variable(0)
      const mean = k.own
      k.lanes(rank, c => mean.set(c, 0))
      k.loop(0, parts, part => {
        const weight = exp(largest.at(at(part)).sub(peak.value))
        total.addProduct(weight, sums.at(at(part)))
        const found = means.from(place(part).mul(heads).add(h).mul(rank))
        k.lanes(rank, c => mean.set(c, found.at(c).mulAdd(weight, mean.at(c))))
      })
      const inverse = k.real(1).div(total.value)
      k.lanes(rank, c => mean.set(c, mean.at(c).mul(inverse)))
      const values = weightsOf(h).from(keyDim.mul(rank))
      const expanded = { b: values, row: one, column: rank, depth: rank, from: zero, to: valueDim }
      rowProduct(k, { ...expanded, a: mean, c: y.from(index.mul(valueDim)), add: zero })
    })
  },
  work: ({ rows, heads, keyDim, valueDim, ropeDim, rank, capacity }) =>
    2 * rows * heads * (rank * (keyDim + valueDim) + capacity * (2 * rank + ropeDim)),
  scratch({ rows, heads, ropeDim, rank, capacity, chunk }, target) {
    const [width, lanes, chunks] = [rank + ropeDim, paddedHeads(heads, target), Math.ceil(capacity / chunk)]
    return {
      shared: rows * (heads * width + chunks * (2 * lanes + heads * rank)),
      perThread: lanes * (rows * width + chunk),
    }
  },
})

/**
 * scores[j,h] = Σ_c queries[c,h]·keys[j,c] for j < count: heads in the lanes, several keys at a time.
 * queries: [width, lanes]; scores: [count, lanes].
 */
function scoreKeys(k: Builder, queries: Reals, lanes: Int, keys: CacheRows, count: Int, scores: Reals): void {
  const block = (n: number) => (h: Int, j: Int) => {
    const starts = Array.from({ length: n }, (_, i) => keys.rows.from(j.add(i).mul(keys.stride)))
    const totals = starts.map(() => k.variable(k.vector(0)))
    const query = queries.from(h).cursor()
    k.loop(0, keys.width, c => {
      const right = query.vectorAt(0)
      for (const [i, total] of totals.entries()) total.addProduct(starts[i]!.broadcastAt(c), right)
      query.advance(lanes)
    })
    for (const [i, { value }] of totals.entries()) scores.setVector(j.add(i).mul(lanes).add(h), value)
  }
  const grouped = count.floorTo(keyBlock)
  k.loop(
    0,
    lanes,
    h => {
      k.loop(0, grouped, j => block(keyBlock)(h, j), keyBlock)
      k.loop(grouped, count, j => block(1)(h, j))
    },
    k.width,
  )
}

/**
 * Replaces `count` scores of a vector of heads by their exponentials, relative to the largest of each head; notes the
 * largest and the sum at `place`.
 */
function exponentials(
  k: Builder,
  scores: Reals,
  lanes: Int,
  count: Int,
  largest: Reals,
  sums: Reals,
  place: Int,
): void {
  const peak = k.variable(k.vector(Number.NEGATIVE_INFINITY))
  k.loop(0, count, j => peak.set(peak.value.max(scores.vectorAt(j.mul(lanes)))))
  const sum = k.variable(k.vector(0))
  k.loop(0, count, j => {
    const e = exp(scores.vectorAt(j.mul(lanes)).sub(peak.value))
    scores.setVector(j.mul(lanes), e)
    sum.add(e)
  })
  largest.setVector(place, peak.value)
  sums.setVector(place, sum.value)
}

export const latentAttentionKernels = [forward]

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
 * shared key of every token so far; positions: i32 [rows], row r sees the cache up to positions[r];
 * wKvB: [heads·(keyDim + valueDim), rank]; returns [rows, heads·valueDim]. DeepSeek-V2, section 2.1.2.
 */
export function latentAttention(
  q: Tensor,
  cache: Tensor,
  positions: Tensor,
  wKvB: Tensor,
  options: LatentAttentionOptions,
): Tensor {
  const { heads, keyDim, valueDim, scale } = options
  const [rows, , queryDim] = q.shape as [number, number, number]
  const [capacity, width] = cache.shape as [number, number]
  const rank = wKvB.shape[1]!
  const ropeDim = width - rank
  requireShape(
    q.shape.length === 3 && q.shape[1] === heads && queryDim === keyDim + ropeDim && positions.size === rows,
    () =>
      `latentAttention: queries [${q.shape}] at ${positions.size} positions do not fit a cache [${cache.shape}] and a latent rank of ${rank}`,
  )
  requireShape(
    wKvB.shape[0] === heads * (keyDim + valueDim),
    () => `latentAttention: weight [${wKvB.shape}] is not for ${heads} heads of ${keyDim} + ${valueDim}`,
  )
  const y = q.device.temporary([rows, heads * valueDim])
  const shape = { heads, keyDim, ropeDim, valueDim, rank, capacity, chunk: chunkOf(capacity), scale }
  // A few rows at a time, which bounds the scratch memory.
  for (let from = 0; from < rows; from += fewRows) {
    const to = Math.min(rows, from + fewRows)
    const part = { q: q.rows(from, to), positions: positions.rows(from, to), y: y.rows(from, to), rows: to - from }
    q.device.run(forward, { cache, w: wKvB, ...part, ...shape })
  }
  return y
}
