import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { exp2 } from '../kernel/exp2.ts'
import { f32, f32s, i32, kernel } from '../kernel/kernel.ts'
import { type Builder, type BuilderArguments, exp, type Int, log, type Reals } from '../kernel/language.ts'
import { fewRows, packAll, packedSize, product, productScratch, rowProduct, tileShape } from '../kernel/tile.ts'
import type { Tensor } from '../tensor.ts'
import { attentionBackward, chunksOf } from './attentionBackward.ts'
import { blockShape, clearRows, columnProduct, laneNumbers, pieces } from './attentionBlocks.ts'

const sizes = { sequences: i32, queries: i32, keys: i32, heads: i32, groups: i32, dim: i32, valueDim: i32 } as const

const forwardParameters = {
  q: f32s,
  k: f32s,
  v: f32s,
  y: f32s,
  lse: f32s,
  ...sizes,
  kRow: i32,
  vRow: i32,
  scale: f32,
} as const

/**
 * y[t,h,:] = Σ_j softmax_j(scale · q[t,h,:]·k[j,g,:]) v[j,g,:] over keys j ≤ keys − queries + t of the same sequence,
 * g = floor(h·groups/heads). lse[s,h,t]: logarithm of the sum of the exponentials, kept for the gradient.
 * q: [sequences·queries, heads, dim]; y: [sequences·queries, heads, valueDim]. Consecutive keys (values) lie kRow (vRow)
 * numbers apart and groups dim (valueDim), so v may be the first columns of the same rows as k.
 */
export const attentionForward = kernel({
  name: 'attention',
  params: forwardParameters,
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
    if (queries <= fewRows) return { perThread: keys }
    const { lanes, depth } = blockShape(target)
    const packed = packedSize(lanes, dim, shape) + packedSize(valueDim, depth, shape)
    return { perThread: productScratch(shape) + packed + depth * lanes + 3 * lanes + shape.columns }
  },
  build(k, args) {
    k.if(
      args.queries.le(fewRows),
      () => oneByOne(k, args),
      () => blockwise(k, args),
    )
  },
})

type Forward = BuilderArguments<typeof forwardParameters>

/** Where head `h` of sequence `s` has its keys, values, queries and outputs. */
function places({ q, k: key, v, y, queries, keys, heads, groups, dim, valueDim, kRow, vRow }: Forward, s: Int, h: Int) {
  const g = h.mul(groups).div(heads)
  const query = (t: Int) => s.mul(queries).add(t).mul(heads).add(h)
  return {
    keyRows: key.from(s.mul(keys).mul(kRow).add(g.mul(dim))),
    valueRows: v.from(s.mul(keys).mul(vRow).add(g.mul(valueDim))),
    queryAt: (t: Int) => q.from(query(t).mul(dim)),
    outputAt: (t: Int) => y.from(query(t).mul(valueDim)),
  }
}

/** The few tokens of a decoding step: all scores of a query at once. */
function oneByOne(k: Builder, args: Forward): void {
  const { lse, sequences, queries, keys, heads, dim, valueDim, kRow, vRow, scale } = args
  const scores = k.own
  const [zero, one] = [k.int(0), k.int(1)]
  k.tasks(sequences.mul(heads), task => {
    const { keyRows, valueRows, queryAt, outputAt } = places(args, task.div(heads), task.rem(heads))
    k.loop(0, queries, t => {
      const seen = keys.sub(queries).add(t).add(1)
      const toKeys = { a: queryAt(t), b: keyRows, row: one, column: kRow, depth: dim }
      rowProduct(k, { ...toKeys, from: zero, to: seen, c: scores, add: zero })
      k.lanes(seen, j => scores.set(j, scores.at(j).mul(scale)))
      const largest = k.max(seen, j => scores.at(j))
      const sum = k.sum(seen, j => {
        const e = exp(scores.at(j).sub(largest))
        scores.set(j, e)
        return e
      })
      lse.set(task.mul(queries).add(t), largest.add(log(sum)))
      const inverse = k.real(1).div(sum)
      k.lanes(seen, j => scores.set(j, scores.at(j).mul(inverse)))
      const toValues = { a: scores, b: valueRows, row: vRow, column: one, depth: seen }
      rowProduct(k, { ...toValues, from: zero, to: valueDim, c: outputAt(t), add: zero })
    })
  })
}

/**
 * A task takes a block of queries through all blocks of keys that they see. Scores are kept transposed, keys × queries:
 * a softmax runs down the lanes and needs no sum across them, and keys are read where they lie. Scores count in binary
 * logarithms. y holds sums of values until the last key: Milakov & Gimelshein 2018, Dao 2023.
 */
function blockwise(k: Builder, args: Forward): void {
  const { lse, sequences, queries, keys, heads, dim, valueDim, kRow, vRow, scale } = args
  const { rows, vectors, columns } = tileShape(k)
  const { panels, lanes, depth } = blockShape(k)
  const take = pieces(k.own.from(productScratch(tileShape(k))))
  const scores = take(depth * lanes)
  const [largest, sums, factors] = [take(lanes), take(lanes), take(lanes)]
  const ramp = laneNumbers(k, take(columns))
  const queryPanels = take(dim.mul(lanes))
  const valuePanels = take(0)
  const [zero, one] = [k.int(0), k.int(1)]
  const blocks = queries.ceilDiv(lanes)
  const binaryScale = scale.mul(Math.LOG2E)
  const yRow = heads.mul(valueDim)

  k.tasks(sequences.mul(heads).mul(blocks), task => {
    const head = task.div(blocks)
    const { keyRows, valueRows, queryAt, outputAt } = places(args, head.div(heads), head.rem(heads))
    // The last queries see most keys: they come first, so that no thread is left with a long task at the end.
    const t = blocks.sub(1).sub(task.rem(blocks)).mul(lanes)
    const m = queries.sub(t).min(lanes)
    const before = keys.sub(queries).add(t)
    const seen = before.add(m)
    const output = outputAt(t)
    packAll(k, { b: queryAt(t), row: one, column: heads.mul(dim), depth: dim, n: m }, queryPanels)
    for (let v = 0; v < panels * vectors; v++) {
      largest.setVector(v * k.width, k.vector(Number.NEGATIVE_INFINITY))
      sums.setVector(v * k.width, k.vector(0))
    }

    /** Scores of the keys from `j` on for a panel of queries, made probabilities relative to the largest so far. */
    const attend = (panel: Int, j: Int, part: Int) => {
      const first = panel.mul(columns)
      // In whole tiles: what the last queries do not see is masked.
      const limit = before.add(first).add(columns).sub(j).max(0).ceilDiv(rows).mul(rows).min(part)
      const block = scores.from(first)
      const rowAt = (i: Int) => block.from(i.mul(lanes))
      const toKeys = { a: keyRows.from(j.mul(kRow)), aRow: kRow, aCol: 1, m: limit, depth: dim } as const
      const panelOf = { panels: queryPanels.from(first.mul(dim)), n: k.int(columns), scale: binaryScale }
      product(k, { ...toKeys, ...panelOf, c: block, cRow: k.int(lanes), add: 0, scratch: k.own })
      // Key j + i is one too far for the lanes below j + i − before − first.
      const ahead = j.sub(before).sub(first)
      k.loop(k.int(1).sub(ahead).max(0), limit, i => {
        const lane = ahead.add(i).toReal()
        const row = rowAt(i)
        for (const [v, numbers] of ramp.entries()) {
          const score = row.vectorAt(v * k.width)
          row.setVector(v * k.width, numbers.lt(lane).select(Number.NEGATIVE_INFINITY, score))
        }
      })
      clearRows(k, block, lanes, limit, part)

      const place = (memory: Reals, v: number) => memory.from(first).vectorAt(v * k.width)
      const maxima = ramp.map((_, v) => k.variable(place(largest, v)))
      k.loop(0, limit, i => {
        const row = rowAt(i)
        for (const [v, max] of maxima.entries()) max.set(max.value.max(row.vectorAt(v * k.width)))
      })
      const totals = maxima.map(({ value }, v) => {
        const factor = exp2(place(largest, v).sub(value))
        factors.from(first).setVector(v * k.width, factor)
        largest.from(first).setVector(v * k.width, value)
        return k.variable(place(sums, v).mul(factor))
      })
      k.loop(0, limit, i => {
        const row = rowAt(i)
        for (const [v, total] of totals.entries()) {
          const probability = exp2(row.vectorAt(v * k.width).sub(maxima[v]!.value))
          row.setVector(v * k.width, probability)
          total.add(probability)
        }
      })
      for (const [v, total] of totals.entries()) sums.from(first).setVector(v * k.width, total.value)
    }
    const scaleOutputs = () =>
      k.loop(0, m, r => {
        const row = output.from(r.mul(yRow))
        const factor = factors.at(r)
        k.lanes(valueDim, i => row.set(i, row.at(i).mul(factor)))
      })

    k.loop(
      0,
      seen,
      j => {
        const part = seen.sub(j).min(depth)
        packAll(k, { b: valueRows.from(j.mul(vRow)), row: vRow, column: one, depth: part, n: valueDim }, valuePanels)
        k.loop(0, m.ceilDiv(columns), panel => attend(panel, j, part))
        k.if(j.gt(0), scaleOutputs)
        columnProduct(k, {
          block: scores,
          m,
          range: t => [zero, before.add(t).add(rows).sub(j).max(0).min(part)],
          panels: valuePanels,
          panelDepth: part,
          n: valueDim,
          c: output,
          cRow: yRow,
          add: j,
          edge: k.own,
        })
      },
      depth,
    )
    k.lanes(m, r => {
      factors.set(r, k.real(1).div(sums.at(r)))
      lse.from(head.mul(queries).add(t)).set(
        r,
        largest
          .at(r)
          .mul(Math.LN2)
          .add(log(sums.at(r))),
      )
    })
    scaleOutputs()
  })
}

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
    const chunks = chunksOf(sequences, groups)
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
