import { exp2 } from '../kernel/exp2.ts'
import { f32, f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Builder, BuilderArguments, Int, Real, Reals } from '../kernel/language.ts'
import { product, productScratch } from '../kernel/product/product.ts'
import { packAll, packedSize } from '../kernel/product/right.ts'
import { tileShape } from '../kernel/product/shape.ts'
import {
  blockShape,
  clearRows,
  columnProduct,
  laneNumbers,
  pairCount,
  pairCounts,
  pieces,
  rowProduct,
} from './attentionBlocks.ts'

const parameters = {
  q: f32s,
  k: f32s,
  v: f32s,
  y: f32s,
  lse: f32s,
  dy: f32s,
  dq: f32s,
  dk: f32s,
  dv: f32s,
  queryStarts: i32s,
  keyStarts: i32s,
  sequences: i32,
  rows: i32,
  heads: i32,
  groups: i32,
  dim: i32,
  valueDim: i32,
  scale: f32,
  chunks: i32,
  addQ: i32,
  addK: i32,
  addV: i32,
} as const

/** Tasks there should be at least, so that several threads have something to do. */
const fewestTasks = 8

/**
 * Into how many parts the keys of a sequence and group are cut: a long sequence among short ones counts as if it were
 * alone. It follows from lengths and shapes alone, so that the result does.
 */
export function chunksOf(queryStarts: Int32Array, keyStarts: Int32Array, groups: number): number {
  const pairs = pairCounts(queryStarts, keyStarts)
  const longest = pairs.reduce((a, b) => Math.max(a, b), 1)
  const sequences = Math.max(1, pairCount(queryStarts, keyStarts) / longest)
  return Math.ceil(fewestTasks / (sequences * groups))
}

/**
 * With p = exp(scale·q·k − lse) and d = dy·y of a query: dv += p·dy, ds = p·(dy·v − d), dq += scale·ds·k,
 * dk += scale·ds·q. Shapes as in the forward kernel, keys and values contiguous. Where addQ, addK or addV is 0, the
 * gradient is written, not added to. dq: [chunks, like q]: part c has what comes from every `chunks`-th block of keys;
 * of several parts, all are added to.
 */
export const attentionBackward = kernel({
  name: 'attention.backward',
  params: parameters,
  reference(args) {
    const { q, k, v, y, lse, dy, dq, dk, dv, queryStarts, keyStarts } = args
    const { sequences, rows, heads, groups, dim, valueDim, scale } = args
    if (!args.addQ) dq.fill(0)
    if (!args.addK) dk.fill(0)
    if (!args.addV) dv.fill(0)
    for (let s = 0; s < sequences; s++) {
      const [firstQuery, firstKey] = [queryStarts[s]!, keyStarts[s]!]
      const queries = queryStarts[s + 1]! - firstQuery
      const keys = keyStarts[s + 1]! - firstKey
      for (let t = 0; t < queries; t++) {
        for (let h = 0; h < heads; h++) {
          const g = Math.floor((h * groups) / heads)
          const atQ = ((firstQuery + t) * heads + h) * dim
          const atY = ((firstQuery + t) * heads + h) * valueDim
          let delta = 0
          for (let i = 0; i < valueDim; i++) delta += dy[atY + i]! * y[atY + i]!
          for (let j = 0; j <= keys - queries + t; j++) {
            const atK = ((firstKey + j) * groups + g) * dim
            const atV = ((firstKey + j) * groups + g) * valueDim
            let dot = 0
            for (let i = 0; i < dim; i++) dot += q[atQ + i]! * k[atK + i]!
            const p = Math.exp(dot * scale - lse[h * rows + firstQuery + t]!)
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
  work: ({ queryStarts, keyStarts, heads, dim, valueDim }) =>
    5 * pairCount(queryStarts.integers, keyStarts.integers) * heads * (dim + valueDim),
  scratch({ rows, heads, dim, valueDim }, target) {
    const shape = tileShape(target)
    const { lanes, depth } = blockShape(target)
    const perKeys = packedSize(lanes, dim, shape) + packedSize(dim, lanes, shape) + packedSize(lanes, valueDim, shape)
    const perQueries = packedSize(dim, depth, shape) + packedSize(valueDim, depth, shape)
    return {
      perThread: productScratch(shape) + 2 * depth * lanes + shape.columns + perKeys + perQueries,
      shared: rows * heads,
    }
  },
  build(k, args) {
    const { y, dy, sequences, rows, heads, groups, valueDim, chunks } = args
    const deltas = k.shared
    k.rows(rows.mul(heads), row => {
      const [gradient, output] = [dy, y].map(x => x.from(row.mul(valueDim))) as [Reals, Reals]
      deltas.set(
        row,
        k.dot(valueDim, i => [gradient.at(i), output.at(i)]),
      )
    })
    k.barrier()
    keyBlocks(k, args, deltas, sequences.mul(groups).mul(chunks))
  },
})

/**
 * A task takes some blocks of the keys of a group through all queries that see them. It alone adds to the gradients of
 * these keys and values, and to its part of dq. Scores are queries × keys here, so that queries are read where they lie.
 */
function keyBlocks(k: Builder, args: BuilderArguments<typeof parameters>, deltas: Reals, tasks: Int): void {
  const { q, k: key, v, lse, dy, dq, dk, dv, queryStarts, keyStarts } = args
  const { heads, groups, dim, valueDim, scale, chunks, addQ, addK, addV } = args
  const { rows, columns } = tileShape(k)
  const { lanes, depth } = blockShape(k)
  const padded = (n: Int) => n.ceilDiv(columns).mul(columns)
  const take = pieces(k.own.from(productScratch(tileShape(k))))
  const [probabilities, derivatives] = [take(depth * lanes), take(depth * lanes)]
  const ramp = laneNumbers(k, take(columns))
  const keyColumns = take(dim.mul(lanes))
  const valueColumns = take(valueDim.mul(lanes))
  const keyRows = take(padded(dim).mul(lanes))
  const queryRows = take(padded(dim).mul(depth))
  const gradientRows = take(0)
  const [zero, one] = [k.int(0), k.int(1)]
  const [kRow, vRow] = [groups.mul(dim), groups.mul(valueDim)]
  const [qRow, yRow] = [heads.mul(dim), heads.mul(valueDim)]
  const perGroup = heads.div(groups)
  const binaryScale = scale.mul(Math.LOG2E)

  k.tasks(tasks, task => {
    const chunk = task.rem(chunks)
    const s = task.div(chunks).div(groups)
    const g = task.div(chunks).rem(groups)
    const dqPart = dq.from(chunk.mul(args.rows).mul(qRow))
    const [firstQuery, firstKey] = [queryStarts.at(s), keyStarts.at(s)]
    const queries = queryStarts.at(s.add(1)).sub(firstQuery)
    const keys = keyStarts.at(s.add(1)).sub(firstKey)

    /** The queries of head `h` from `t` on, and the `n` keys from `j` on; `again`: these keys have met others before. */
    const meet = (h: Int, t: Int, j: Int, n: Int, again: Int) => {
      const m = queries.sub(t).min(depth)
      /** The last key that the first query sees. */
      const before = keys.sub(queries).add(t)
      const row = firstQuery.add(t).mul(heads).add(h)
      const [queryBlock, gradientBlock] = [q.from(row.mul(dim)), dy.from(row.mul(valueDim))]
      const lseBlock = lse.from(h.mul(args.rows).add(firstQuery).add(t))
      k.loop(0, n.ceilDiv(columns), panel => {
        const lane = panel.mul(columns)
        const key = j.add(lane)
        // Rows from the first that sees the panel's first key, in whole tiles, and from the first that sees all.
        const seeing = m.sub(key.sub(before).max(0)).max(0)
        const first = m.sub(seeing.ceilDiv(rows).mul(rows)).max(0)
        const full = key.add(columns - 1).sub(before)
        const [p, ds] = [probabilities.from(lane), derivatives.from(lane)]
        const scores = {
          aCol: 1,
          m: m.sub(first),
          n: k.int(columns),
          cRow: k.int(lanes),
          add: 0,
          scratch: k.own,
        } as const
        const toKeys = { a: queryBlock.from(first.mul(qRow)), aRow: qRow, depth: dim, scale: binaryScale }
        product(k, { ...scores, ...toKeys, panels: keyColumns.from(lane.mul(dim)), c: p.from(first.mul(lanes)) })
        const toValues = { a: gradientBlock.from(first.mul(yRow)), aRow: yRow, depth: valueDim }
        const toDs = { panels: valueColumns.from(lane.mul(valueDim)), c: ds.from(first.mul(lanes)) }
        product(k, { ...scores, ...toValues, ...toDs })
        const of = (r: Int) => ({ lse: lseBlock.at(r), delta: deltas.at(row.add(r.mul(heads))) })
        const middle = full.max(first).min(m)
        differentiate(k, { p, ds, from: first, to: middle, of, scale, mask: { ramp, last: before.sub(key) } })
        differentiate(k, { p, ds, from: middle, to: m, of, scale })
        clearRows(k, p, 0, first)
        clearRows(k, ds, 0, first)
      })
      packAll(k, { b: queryBlock, row: qRow, column: one, depth: m, n: dim }, queryRows)
      packAll(k, { b: gradientBlock, row: yRow, column: one, depth: m, n: valueDim }, gradientRows)

      // In the order of the arguments: of tensors that share a gradient only the first may write it.
      const at = firstKey.add(j).mul(groups).add(g)
      const seen = (r: Int) => [zero, before.add(r).add(rows).sub(j).max(0).min(n)] as const
      const ofQueries = { m, range: seen, panelDepth: n, add: addQ.max(j), edge: k.own }
      const toDq = { block: derivatives, panels: keyRows, n: dim, c: dqPart.from(row.mul(dim)), cRow: qRow }
      rowProduct(k, { ...ofQueries, ...toDq })
      const seeing = (i: Int) => [j.add(i).sub(before).max(0).min(m), m] as const
      const ofKeys = { m: n, range: seeing, panelDepth: m, edge: k.own }
      const toDk = { block: derivatives, panels: queryRows, n: dim, c: dk.from(at.mul(dim)), cRow: kRow }
      columnProduct(k, { ...ofKeys, ...toDk, add: addK.max(again) })
      const toDv = { block: probabilities, panels: gradientRows, n: valueDim, c: dv.from(at.mul(valueDim)), cRow: vRow }
      columnProduct(k, { ...ofKeys, ...toDv, add: addV.max(again) })
    }

    k.loop(0, keys.ceilDiv(lanes).sub(chunk).ceilDiv(chunks), i => {
      const j = i.mul(chunks).add(chunk).mul(lanes)
      const n = keys.sub(j).min(lanes)
      const at = firstKey.add(j).mul(groups).add(g)
      const [keyAt, valueAt] = [key.from(at.mul(dim)), v.from(at.mul(valueDim))]
      packAll(k, { b: keyAt, row: one, column: kRow, depth: dim, n }, keyColumns)
      packAll(k, { b: keyAt, row: kRow, column: one, depth: n, n: dim }, keyRows)
      packAll(k, { b: valueAt, row: one, column: vRow, depth: valueDim, n }, valueColumns)
      const first = j.sub(keys.sub(queries)).max(0)
      k.loop(0, perGroup, member => {
        const h = g.mul(perGroup).add(member)
        k.loop(first, queries, t => meet(h, t, j, n, member.add(t.sub(first))), depth)
      })
    })
  })
}

interface Derivatives {
  /** Scores that become probabilities, and dy·v that becomes the derivatives of the scores. */
  p: Reals
  ds: Reals
  from: Int
  to: Int
  of: (row: Int) => { lse: Real; delta: Real }
  scale: Real
  /** Row r sees the lanes up to r + last. */
  mask?: { ramp: readonly Real[]; last: Int }
}

/** p = exp(score − lse), ds = scale·p·(dy·v − d) in rows `from` to `to` of a panel; scores are binary logarithms. */
function differentiate(k: Builder, { p, ds, from, to, of, scale, mask }: Derivatives): void {
  const { columns } = tileShape(k)
  const { lanes } = blockShape(k)
  k.loop(from, to, r => {
    const [pRow, dsRow] = [p.from(r.mul(lanes)), ds.from(r.mul(lanes))]
    const { lse, delta } = of(r)
    const [total, mean] = [k.vector(lse.mul(Math.LOG2E)), k.vector(delta)]
    const last = mask && k.vector(mask.last.add(r).toReal())
    for (let lane = 0; lane < columns; lane += k.width) {
      const full = exp2(pRow.vectorAt(lane).sub(total))
      const probability = mask ? mask.ramp[lane / k.width]!.le(last!).select(full, 0) : full
      pRow.setVector(lane, probability)
      dsRow.setVector(lane, probability.mul(dsRow.vectorAt(lane).sub(mean)).mul(scale))
    }
  })
}
