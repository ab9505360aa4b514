import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { f32, f32s, i32, kernel } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'

const sizes = { sequences: i32, queries: i32, keys: i32, heads: i32, groups: i32, dim: i32, valueDim: i32 } as const

/**
 * y[t,h,:] = Σ_j softmax_j(scale · q[t,h,:]·k[j,g,:]) v[j,g,:] over keys j ≤ keys − queries + t of the same sequence,
 * g = floor(h·groups/heads). lse[s,h,t]: logarithm of the sum of the exponentials, kept for the gradient.
 * q: [sequences·queries, heads, dim]; y: [sequences·queries, heads, valueDim]. Consecutive keys (values) lie kRow (vRow)
 * numbers apart and groups dim (valueDim), so v may be the first columns of the same rows as k.
 */
export const attentionForward = kernel({
  name: 'attention',
  params: { q: f32s, k: f32s, v: f32s, y: f32s, lse: f32s, ...sizes, kRow: i32, vRow: i32, scale: f32 },
  reference({ q, k, v, y, lse, sequences, queries, keys, heads, groups, dim, valueDim, kRow, vRow, scale }) {
    const scores = new Float64Array(keys)
    for (let s = 0; s < sequences; s++) {
      for (let t = 0; t < queries; t++) {
        for (let h = 0; h < heads; h++) {
          const g = Math.floor((h * groups) / heads)
          const row = ((s * queries + t) * heads + h) * dim
          const seen = keys - queries + t + 1
          let largest = -Infinity
          for (let j = 0; j < seen; j++) {
            let dot = 0
            for (let i = 0; i < dim; i++) dot += q[row + i]! * k[(s * keys + j) * kRow + g * dim + i]!
            scores[j] = dot * scale
            largest = Math.max(largest, scores[j]!)
          }
          let sum = 0
          for (let j = 0; j < seen; j++) sum += scores[j] = Math.exp(scores[j]! - largest)
          for (let i = 0; i < valueDim; i++) {
            let mean = 0
            for (let j = 0; j < seen; j++) mean += scores[j]! * v[(s * keys + j) * vRow + g * valueDim + i]!
            y[((s * queries + t) * heads + h) * valueDim + i] = mean / sum
          }
          lse[(s * heads + h) * queries + t] = largest + Math.log(sum)
        }
      }
    }
  },
})

/**
 * With p = exp(scale·q·k − lse) and d = dy·y of a query: dv += p·dy, ds = p·(dy·v − d), dq += scale·ds·k,
 * dk += scale·ds·q. Shapes as in the forward kernel, keys and values contiguous.
 */
export const attentionBackward = kernel({
  name: 'attention.backward',
  params: {
    q: f32s,
    k: f32s,
    v: f32s,
    y: f32s,
    lse: f32s,
    dy: f32s,
    dq: f32s,
    dk: f32s,
    dv: f32s,
    ...sizes,
    scale: f32,
  },
  reference(args) {
    const { q, k, v, y, lse, dy, dq, dk, dv, sequences, queries, keys, heads, groups, dim, valueDim, scale } = args
    for (let s = 0; s < sequences; s++) {
      for (let t = 0; t < queries; t++) {
        for (let h = 0; h < heads; h++) {
          const g = Math.floor((h * groups) / heads)
          const atQ = ((s * queries + t) * heads + h) * dim
          const atY = ((s * queries + t) * heads + h) * valueDim
          let delta = 0
          for (let i = 0; i < valueDim; i++) delta += dy[atY + i]! * y[atY + i]!
          for (let j = 0; j <= keys - queries + t; j++) {
            const atK = ((s * keys + j) * groups + g) * dim
            const atV = ((s * keys + j) * groups + g) * valueDim
            let dot = 0
            for (let i = 0; i < dim; i++) dot += q[atQ + i]! * k[atK + i]!
            const p = Math.exp(dot * scale - lse[(s * heads + h) * queries + t]!)
            let dp = 0
            for (let i = 0; i < valueDim; i++) {
              dp += dy[atY + i]! * v[atV + i]!
              dv[atV + i]! += p * dy[atY + i]!
            }
            const ds = scale * p * (dp - delta)
            for (let i = 0; i < dim; i++) {
              dq[atQ + i]! += ds * k[atK + i]!
              dk[atK + i]! += ds * q[atQ + i]!
            }
          }
        }
      }
    }
  },
})

export const attentionKernels = [attentionForward, attentionBackward]

export interface AttentionOptions {
  /** Independent sequences that lie one after the other in the rows. */
  sequences: number
  /** Multiplies the scores, usually dim^−½. */
  scale: number
}

/**
 * Causal grouped-query attention, aligned at the end: query t of a sequence sees its keys up to keys − queries + t.
 * q: [sequences·queries, heads, dim]; k: [sequences·keys, groups, dim]; v: [sequences·keys, groups, valueDim];
 * returns [sequences·queries, heads·valueDim]. Vaswani et al. 2017; the gradient keeps no probabilities (Dao et al. 2022).
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const { sequences, scale } = options
  const [, heads, dim] = q.shape as [number, number, number]
  const [, groups, valueDim] = v.shape as [number, number, number]
  const queries = q.shape[0]! / sequences
  const keys = k.shape[0]! / sequences
  requireShape(
    q.shape.length === 3 && k.shape.length === 3 && v.shape.length === 3,
    () => `attention: expected three axes each, got q [${q.shape}], k [${k.shape}], v [${v.shape}]`,
  )
  requireShape(
    k.shape[0] === v.shape[0] && k.shape[1] === groups && k.shape[2] === dim && heads % groups === 0,
    () => `attention: q [${q.shape}], k [${k.shape}] and v [${v.shape}] do not fit together`,
  )
  requireShape(
    Number.isInteger(queries) && Number.isInteger(keys) && queries <= keys,
    () => `attention: ${q.shape[0]} queries and ${k.shape[0]} keys cannot be ${sequences} sequences`,
  )
  const { device } = q
  const y = device.temporary([sequences * queries, heads * valueDim])
  const lse = device.temporary([sequences, heads, queries])
  const shape = { sequences, queries, keys, heads, groups, dim, valueDim, scale }
  device.run(attentionForward, { q, k, v, y, lse, ...shape, kRow: groups * dim, vRow: groups * valueDim })
  const tape = tapeOf(q, k, v)
  tape?.record(y, () => {
    const dy = tape.gradient(y)
    // The kernel makes all three; one that nobody wants goes where nobody looks.
    const [dq, dk, dv] = [q, k, v].map(x => (x.requiresGrad ? tape.gradient(x) : device.temporary(x.shape)))
    device.run(attentionBackward, { q, k, v, y, lse, dy, dq: dq!, dk: dk!, dv: dv!, ...shape })
  })
  return y
}
