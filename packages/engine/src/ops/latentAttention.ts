import { requireShape } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { attendCache } from './cachedAttention.ts'
import { copyColumns } from './copyColumns.ts'
import { matmul } from './matmul.ts'

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
  const { device } = q
  const headWeights = (keyDim + valueDim) * rank

  // Per head: (W_k,hᵀ · q without position, rotated part of q).
  const latentQ = device.temporary([rows, heads, width])
  device.run(matmul, {
    a: q,
    b: wKvB,
    c: latentQ,
    batch: heads,
    m: rows,
    n: rank,
    k: keyDim,
    aBatch: queryDim,
    aRow: heads * queryDim,
    aCol: 1,
    bBatch: headWeights,
    bRow: rank,
    bCol: 1,
    cBatch: width,
    cRow: heads * width,
    add: 0,
  })
  const rope = { rows: rows * heads, n: ropeDim, xRow: queryDim, xStart: keyDim, yRow: width, yStart: rank, add: 0 }
  if (ropeDim > 0) device.run(copyColumns, { x: q, y: latentQ, ...rope })

  const latentY = device.temporary([rows, heads, rank])
  const shape = { rows, heads, groups: 1, dim: width, valueDim: rank, kRow: width, vRow: width, capacity, scale }
  device.run(attendCache, { q: latentQ, k: cache, v: cache, y: latentY, positions, ...shape })

  const y = device.temporary([rows, heads * valueDim])
  device.run(matmul, {
    a: latentY,
    b: wKvB.rows(keyDim, wKvB.shape[0]!),
    c: y,
    batch: heads,
    m: rows,
    n: valueDim,
    k: rank,
    aBatch: rank,
    aRow: heads * rank,
    aCol: 1,
    bBatch: headWeights,
    bRow: 1,
    bCol: rank,
    cBatch: valueDim,
    cRow: heads * valueDim,
    add: 0,
  })
  return y
}
