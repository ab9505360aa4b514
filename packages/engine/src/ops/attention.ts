import { tapeOf } from '../autograd.ts'
import type { Device } from '../device/device.ts'
import { requireShape } from '../errors.ts'
import { f32s, i32, kernel } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'
import { attentionBackward, chunksOf } from './attentionBackward.ts'
import { attentionForward } from './attentionForward.ts'

/** dq += the sum of its parts. parts: [chunks, n]; dq: [n]. */
const addParts = kernel({
  name: 'attention.addParts',
  params: { parts: f32s, dq: f32s, chunks: i32, n: i32 },
  reference({ parts, dq, chunks, n }) {
    for (let c = 0; c < chunks; c++) for (let i = 0; i < n; i++) dq[i]! += parts[c * n + i]!
  },
  build(k, { parts, dq, chunks, n }) {
    k.share(n, 64, (from, to) =>
      k.loop(0, chunks, c => {
        const part = parts.from(c.mul(n))
        k.lanesFrom(from, to, i => dq.set(i, dq.at(i).add(part.at(i))))
      }),
    )
  },
  work: ({ chunks, n }) => chunks * n,
})

export const attentionKernels = [attentionForward, attentionBackward, addParts]

export interface AttentionOptions {
  /**
   * Independent sequences that lie one after the other in the rows: how many equally long ones, or where each begins and
   * the last one ends (i32 [sequences + 1], for queries and keys alike), so that they may differ in length.
   */
  sequences: number | Tensor
  /** Multiplies the scores, usually dim^−½. */
  scale: number
}

/**
 * Causal grouped-query attention, aligned at the end: query t of a sequence sees its keys up to keys − queries + t.
 * q: [all queries, heads, dim]; k: [all keys, groups, dim]; v: [all keys, groups, valueDim];
 * returns [all queries, heads·valueDim]. Vaswani et al. 2017; the gradient keeps no probabilities (Dao et al. 2022).
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const { scale } = options
  const [rows, heads, dim] = q.shape as [number, number, number]
  const [, groups, valueDim] = v.shape as [number, number, number]
  requireShape(
    q.shape.length === 3 && k.shape.length === 3 && v.shape.length === 3,
    () => `attention: expected three axes each, got q [${q.shape}], k [${k.shape}], v [${v.shape}]`,
  )
  requireShape(
    k.shape[0] === v.shape[0] && k.shape[1] === groups && k.shape[2] === dim && heads % groups === 0,
    () => `attention: q [${q.shape}], k [${k.shape}] and v [${v.shape}] do not fit together`,
  )
  const { device } = q
  const [queryStarts, keyStarts] = startsOf(device, rows, k.shape[0]!, options.sequences)
  const y = device.temporary([rows, heads * valueDim])
  const lse = device.temporary([heads, rows])
  const sequences = queryStarts.size - 1
  const shape = { queryStarts, keyStarts, sequences, rows, heads, groups, dim, valueDim, scale }
  device.run(attentionForward, { q, k, v, y, lse, ...shape })
  const tape = tapeOf(q, k, v)
  tape?.record(y, () => {
    const dy = tape.gradient(y)
    const chunks = chunksOf(queryStarts.integers, keyStarts.integers, groups)
    // Parts of dq are summed behind everything else, so that it has to be added.
    const dq = chunks === 1 ? tape.sink(q) : { gradient: tape.gradient(q), add: 1 }
    const [dk, dv] = [tape.sink(k), tape.sink(v)]
    const parts = chunks === 1 ? dq.gradient : device.temporary([chunks, ...q.shape])
    if (chunks > 1) device.fill(parts, 0)
    const gradients = { dq: parts, dk: dk.gradient, dv: dv.gradient, addQ: dq.add, addK: dk.add, addV: dv.add }
    device.run(attentionBackward, { q, k, v, y, lse, dy, ...gradients, ...shape, chunks })
    if (chunks > 1) device.run(addParts, { parts, dq: dq.gradient, chunks, n: q.size })
  })
  return y
}

/** Where each sequence's queries and keys begin, and where the last end. */
function startsOf(device: Device, queries: number, keys: number, sequences: number | Tensor): [Tensor, Tensor] {
  if (typeof sequences !== 'number') {
    const { integers } = sequences
    requireShape(
      queries === keys && integers[0] === 0 && integers.at(-1) === queries && isAscending(integers),
      () => `attention: ${queries} queries and ${keys} keys cannot be sequences that begin at ${integers.join(', ')}`,
    )
    return [sequences, sequences]
  }
  requireShape(
    queries % sequences === 0 && keys % sequences === 0 && queries <= keys,
    () => `attention: ${queries} queries and ${keys} keys cannot be ${sequences} sequences`,
  )
  const equal = (rows: number) => {
    const starts = device.temporary([sequences + 1], 'i32')
    for (let s = 0; s <= sequences; s++) starts.integers[s] = (s * rows) / sequences
    return starts
  }
  return [equal(queries), equal(keys)]
}

const isAscending = (values: Int32Array): boolean => values.every((value, i) => i === 0 || values[i - 1]! <= value)
