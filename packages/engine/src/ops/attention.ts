import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { f32, f32s, i32, kernel } from '../kernel/kernel.ts'
import { exp, type Int, log, type Reals } from '../kernel/language.ts'
import {
  blockRows,
  fewRows,
  packAll,
  packedSize,
  product,
  productScratch,
  rowProduct,
  tileShape,
} from '../kernel/tile.ts'
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
  work: ({ sequences, queries, keys, heads, dim, valueDim }) =>
    2 * sequences * queries * keys * heads * (dim + valueDim),
  scratch({ queries, keys, dim, valueDim }, target) {
    const shape = tileShape(target)
    const scores = productScratch(shape)
    if (queries <= fewRows) return { perThread: scores + keys }
    const panels = packedSize(keys, dim, shape) + packedSize(valueDim, keys, shape)
    return { perThread: scores + panels + blockRows(shape) * keys }
  },
  build(k, args) {
    const { q, k: key, v, y, lse, sequences, queries, keys, heads, groups, dim, valueDim, kRow, vRow, scale } = args
    const shape = tileShape(k)
    const block = blockRows(shape)
    const scores = k.own.from(productScratch(shape))
    k.tasks(sequences.mul(heads), task => {
      const s = task.div(heads)
      const h = task.rem(heads)
      const g = h.mul(groups).div(heads)
      const keyRows = key.from(s.mul(keys).mul(kRow).add(g.mul(dim)))
      const valueRows = v.from(s.mul(keys).mul(vRow).add(g.mul(valueDim)))
      const queryAt = (t: Int) => q.from(s.mul(queries).add(t).mul(heads).add(h).mul(dim))
      const outputAt = (t: Int) => y.from(s.mul(queries).add(t).mul(heads).add(h).mul(valueDim))
      /** Makes probabilities of a row of scores, the first `seen` of them, and notes its log-sum-exp. */
      const softmax = (t: Int, row: Reals, seen: Int) => {
        const largest = k.max(seen, j => row.at(j))
        const sum = k.sum(seen, j => {
          const e = exp(row.at(j).sub(largest))
          row.set(j, e)
          return e
        })
        lse.set(task.mul(queries).add(t), largest.add(log(sum)))
        const inverse = k.real(1).div(sum)
        k.lanes(seen, j => row.set(j, row.at(j).mul(inverse)))
      }
      k.if(
        queries.le(fewRows),
        () =>
          k.loop(0, queries, t => {
            const seen = keys.sub(queries).add(t).add(1)
            const first = k.int(0)
            const one = k.int(1)
            const toKeys = { a: queryAt(t), b: keyRows, row: one, column: kRow, depth: dim }
            rowProduct(k, { ...toKeys, from: first, to: seen, c: scores, add: first })
            k.lanes(seen, j => scores.set(j, scores.at(j).mul(scale)))
            softmax(t, scores, seen)
            const toValues = { a: scores, b: valueRows, row: vRow, column: one, depth: seen }
            rowProduct(k, { ...toValues, from: first, to: valueDim, c: outputAt(t), add: first })
          }),
        () => {
          const keyPanels = scores.from(keys.mul(block))
          const valuePanels = keyPanels.from(keys.ceilDiv(shape.columns).mul(shape.columns).mul(dim))
          packAll(k, { b: keyRows, row: k.int(1), column: kRow, depth: dim, n: keys }, keyPanels)
          packAll(k, { b: valueRows, row: vRow, column: k.int(1), depth: keys, n: valueDim }, valuePanels)
          k.loop(
            0,
            queries,
            t => {
              const m = queries.sub(t).min(block)
              const before = keys.sub(queries).add(t)
              const seen = before.add(m)
              const common = { m, aCol: 1, add: 0, scratch: k.own } as const
              const toKeys = { a: queryAt(t), aRow: heads.mul(dim), panels: keyPanels, depth: dim, n: seen }
              product(k, { ...common, ...toKeys, c: scores, cRow: keys, scale })
              k.loop(0, m, r => {
                const row = scores.from(r.mul(keys))
                const own = before.add(r).add(1)
                softmax(t.add(r), row, own)
                k.lanesFrom(own, seen, j => row.set(j, 0))
              })
              const toValues = {
                a: scores,
                aRow: keys,
                panels: valuePanels,
                panelDepth: keys,
                depth: seen,
                n: valueDim,
              }
              product(k, { ...common, ...toValues, c: outputAt(t), cRow: heads.mul(valueDim) })
            },
            block,
          )
        },
      )
    })
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
  work: ({ sequences, queries, keys, heads, dim, valueDim }) =>
    5 * sequences * queries * keys * heads * (dim + valueDim),
  scratch({ keys, dim, valueDim }, target) {
    const shape = tileShape(target)
    const block = blockRows(shape)
    const perKey = packedSize(keys, dim, shape) + packedSize(dim, keys, shape) + packedSize(keys, valueDim, shape)
    const perBlock = packedSize(dim, block, shape) + packedSize(valueDim, block, shape) + 2 * block * keys
    return { perThread: productScratch(shape) + perKey + perBlock }
  },
  build(k, args) {
    const { q, k: key, v, y, lse, dy, dq, dk, dv, sequences, queries, keys, heads, groups, dim, valueDim, scale } = args
    const shape = tileShape(k)
    const block = blockRows(shape)
    const one = k.int(1)
    const padded = (n: Int) => n.ceilDiv(shape.columns).mul(shape.columns)
    const probabilities = k.own.from(productScratch(shape))
    const derivatives = probabilities.from(keys.mul(block))
    const keyColumns = derivatives.from(keys.mul(block))
    const keyRows = keyColumns.from(padded(keys).mul(dim))
    const valueColumns = keyRows.from(padded(dim).mul(keys))
    const queryRows = valueColumns.from(padded(keys).mul(valueDim))
    const gradientRows = queryRows.from(padded(dim).mul(block))
    const kRow = groups.mul(dim)
    const vRow = groups.mul(valueDim)
    // One task owns a group of heads, so that nobody else adds to its keys and values.
    k.tasks(sequences.mul(groups), task => {
      const s = task.div(groups)
      const g = task.rem(groups)
      const keyAt = s.mul(keys).mul(kRow).add(g.mul(dim))
      const valueAt = s.mul(keys).mul(vRow).add(g.mul(valueDim))
      packAll(k, { b: key.from(keyAt), row: one, column: kRow, depth: dim, n: keys }, keyColumns)
      packAll(k, { b: key.from(keyAt), row: kRow, column: one, depth: keys, n: dim }, keyRows)
      packAll(k, { b: v.from(valueAt), row: one, column: vRow, depth: valueDim, n: keys }, valueColumns)
      const perGroup = heads.div(groups)
      k.loop(0, perGroup, member => {
        const h = g.mul(perGroup).add(member)
        k.loop(
          0,
          queries,
          t => {
            const m = queries.sub(t).min(block)
            const before = keys.sub(queries).add(t)
            const seen = before.add(m)
            const row = s.mul(queries).add(t).mul(heads).add(h)
            const qRow = heads.mul(dim)
            const yRow = heads.mul(valueDim)
            const queryBlock = q.from(row.mul(dim))
            const gradientBlock = dy.from(row.mul(valueDim))
            const outputBlock = y.from(row.mul(valueDim))
            const inPlace = { m, aCol: 1, scratch: k.own } as const
            const toKeys = { a: queryBlock, aRow: qRow, panels: keyColumns, depth: dim, n: seen }
            product(k, { ...inPlace, ...toKeys, c: probabilities, cRow: keys, add: 0, scale })
            const toValues = { a: gradientBlock, aRow: yRow, panels: valueColumns, depth: valueDim, n: seen }
            product(k, { ...inPlace, ...toValues, c: derivatives, cRow: keys, add: 0 })
            k.loop(0, m, r => {
              const p = probabilities.from(r.mul(keys))
              const ds = derivatives.from(r.mul(keys))
              const own = before.add(r).add(1)
              const total = lse.at(s.mul(heads).add(h).mul(queries).add(t).add(r))
              const gradient = gradientBlock.from(r.mul(yRow))
              const output = outputBlock.from(r.mul(yRow))
              const delta = k.dot(valueDim, i => [gradient.at(i), output.at(i)])
              k.lanes(own, j => {
                const probability = exp(p.at(j).sub(total))
                p.set(j, probability)
                ds.set(j, probability.mul(ds.at(j).sub(delta)).mul(scale))
              })
              k.lanesFrom(own, seen, j => {
                p.set(j, 0)
                ds.set(j, 0)
              })
            })
            const toQueries = { a: derivatives, aRow: keys, panels: keyRows, panelDepth: keys, depth: seen, n: dim }
            product(k, { ...inPlace, ...toQueries, c: dq.from(row.mul(dim)), cRow: qRow, add: 1 })
            packAll(k, { b: queryBlock, row: qRow, column: one, depth: m, n: dim }, queryRows)
            packAll(k, { b: gradientBlock, row: yRow, column: one, depth: m, n: valueDim }, gradientRows)
            k.loop(
              0,
              seen,
              j => {
                const columns = {
                  aRow: one,
                  aCol: keys,
                  m: seen.sub(j).min(block),
                  depth: m,
                  add: 1,
                  scratch: k.own,
                } as const
                const ofKeys = { a: derivatives.from(j), panels: queryRows, n: dim, cRow: kRow }
                product(k, { ...columns, ...ofKeys, c: dk.from(keyAt.add(j.mul(kRow))) })
                const ofValues = { a: probabilities.from(j), panels: gradientRows, n: valueDim, cRow: vRow }
                product(k, { ...columns, ...ofValues, c: dv.from(valueAt.add(j.mul(vRow))) })
              },
              block,
            )
          },
          block,
        )
      })
    })
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
