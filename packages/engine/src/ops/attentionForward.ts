import { exp2 } from '../kernel/exp2.ts'
import { f32, f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import { type Builder, type BuilderArguments, type Int, log, type Real, type Reals } from '../kernel/language.ts'
import { lastNotAbove } from '../kernel/lastNotAbove.ts'
import { product, productScratch } from '../kernel/product/product.ts'
import { packAll, packedSize } from '../kernel/product/right.ts'
import { tileShape } from '../kernel/product/shape.ts'
import { blockShape, clearRows, columnProduct, laneNumbers, pairCount, pieces } from './attentionBlocks.ts'

const parameters = {
  q: f32s,
  k: f32s,
  v: f32s,
  y: f32s,
  lse: f32s,
  queryStarts: i32s,
  keyStarts: i32s,
  sequences: i32,
  rows: i32,
  heads: i32,
  groups: i32,
  dim: i32,
  valueDim: i32,
  scale: f32,
} as const

/**
 * y[t,h,:] = Σ_j softmax_j(scale · q[t,h,:]·k[j,g,:]) v[j,g,:] over keys j ≤ keys − queries + t of the same sequence,
 * g = floor(h·groups/heads). lse[h,t]: logarithm of the sum of the exponentials, kept for the gradient.
 * Sequence s has the queries queryStarts[s] … queryStarts[s + 1] − 1, and of the keys likewise; t and j count within it.
 * q: [rows, heads, dim]; k: [all keys, groups, dim]; v: [all keys, groups, valueDim]; y: [rows, heads, valueDim];
 * lse: [heads, rows].
 */
export const attentionForward = kernel({
  name: 'attention',
  params: parameters,
  reference({ q, k, v, y, lse, queryStarts, keyStarts, sequences, rows, heads, groups, dim, valueDim, scale }) {
    for (let s = 0; s < sequences; s++) {
      const [firstQuery, firstKey] = [queryStarts[s]!, keyStarts[s]!]
      const queries = queryStarts[s + 1]! - firstQuery
      const keys = keyStarts[s + 1]! - firstKey
      const scores = new Float64Array(keys)
      for (let t = 0; t < queries; t++) {
        for (let h = 0; h < heads; h++) {
          const g = Math.floor((h * groups) / heads)
          const atQ = ((firstQuery + t) * heads + h) * dim
          const atY = ((firstQuery + t) * heads + h) * valueDim
          const seen = keys - queries + t + 1
          let largest = -Infinity
          for (let j = 0; j < seen; j++) {
            let dot = 0
            for (let i = 0; i < dim; i++) dot += q[atQ + i]! * k[((firstKey + j) * groups + g) * dim + i]!
            scores[j] = dot * scale
            largest = Math.max(largest, scores[j]!)
          }
          let sum = 0
          for (let j = 0; j < seen; j++) sum += scores[j] = Math.exp(scores[j]! - largest)
          for (let i = 0; i < valueDim; i++) {
            let mean = 0
            for (let j = 0; j < seen; j++) mean += scores[j]! * v[((firstKey + j) * groups + g) * valueDim + i]!
            y[atY + i] = mean / sum
          }
          lse[h * rows + firstQuery + t] = largest + Math.log(sum)
        }
      }
    }
  },
  work: ({ queryStarts, keyStarts, heads, dim, valueDim }) =>
    2 * pairCount(queryStarts.integers, keyStarts.integers) * heads * (dim + valueDim),
  scratch({ dim, valueDim }, target) {
    const shape = tileShape(target)
    const { lanes, depth } = blockShape(target)
    const packed = packedSize(lanes, dim, shape) + packedSize(valueDim, depth, shape)
    return { perThread: productScratch(shape) + packed + depth * lanes + 3 * lanes + shape.columns }
  },
  build: queryBlocks,
})

/**
 * A task takes a block of queries through all blocks of keys that they see. Scores are transposed, keys × queries: a
 * softmax runs down the lanes and needs no sum across them, and keys are read where they lie. They count in binary
 * logarithms. Until the last key y is a sum of values. Milakov & Gimelshein 2018, Dao 2023.
 */
function queryBlocks(k: Builder, args: BuilderArguments<typeof parameters>): void {
  const { q, k: key, v, y, lse, queryStarts, keyStarts, sequences, heads, groups, dim, valueDim, scale } = args
  const { rows, columns } = tileShape(k)
  const { lanes, depth } = blockShape(k)
  const take = pieces(k.own.from(productScratch(tileShape(k))))
  const scores = take(depth * lanes)
  const softmax: Softmax = { largest: take(lanes), sums: take(lanes), factors: take(lanes) }
  const ramp = laneNumbers(k, take(columns))
  const queryPanels = take(dim.mul(lanes))
  const valuePanels = take(0)
  const [zero, one] = [k.int(0), k.int(1)]
  const [kRow, vRow] = [groups.mul(dim), groups.mul(valueDim)]
  const [qRow, yRow] = [heads.mul(dim), heads.mul(valueDim)]
  const binaryScale = scale.mul(Math.LOG2E)

  /** The queries of head `h` of sequence `s` from `t` on, as many as a block has lanes. */
  const attendBlock = (s: Int, h: Int, t: Int) => {
    const [firstQuery, firstKey] = [queryStarts.at(s), keyStarts.at(s)]
    const queries = queryStarts.at(s.add(1)).sub(firstQuery)
    const keys = keyStarts.at(s.add(1)).sub(firstKey)
    const m = queries.sub(t).min(lanes)
    const group = firstKey.mul(groups).add(h.mul(groups).div(heads))
    const [keyRows, valueRows] = [key.from(group.mul(dim)), v.from(group.mul(valueDim))]
    const row = firstQuery.add(t).mul(heads).add(h)
    const output = y.from(row.mul(valueDim))
    /** The last key that the first query sees, and the number of keys that the last one does. */
    const before = keys.sub(queries).add(t)
    const seen = before.add(m)

    /** Probabilities of the `part` keys from `j` on for a panel of queries. */
    const attend = (panel: Int, j: Int, part: Int) => {
      const first = panel.mul(columns)
      const block = scores.from(first)
      // In whole tiles; what the last queries do not see is masked.
      const m = before.add(first).add(columns).sub(j).max(0).ceilDiv(rows).mul(rows).min(part)
      const left = { a: keyRows.from(j.mul(kRow)), aRow: kRow, aCol: 1, m, depth: dim } as const
      const right = { panels: queryPanels.from(first.mul(dim)), n: k.int(columns), scale: binaryScale }
      product(k, { ...left, ...right, c: block, cRow: k.int(lanes), add: 0, scratch: k.own })
      mask(k, block, m, j.sub(before).sub(first), ramp)
      probabilities(k, block, m, softmaxOf(softmax, first))
      clearRows(k, block, m, part)
    }
    const scaleOutput = () =>
      k.loop(0, m, r => {
        const values = output.from(r.mul(yRow))
        const factor = softmax.factors.at(r)
        k.lanes(valueDim, i => values.set(i, values.at(i).mul(factor)))
      })

    packAll(k, { b: q.from(row.mul(dim)), row: one, column: qRow, depth: dim, n: m }, queryPanels)
    for (let lane = 0; lane < lanes; lane += k.width) {
      softmax.largest.setVector(lane, k.vector(Number.NEGATIVE_INFINITY))
      softmax.sums.setVector(lane, k.vector(0))
    }
    k.loop(
      0,
      seen,
      j => {
        const part = seen.sub(j).min(depth)
        packAll(k, { b: valueRows.from(j.mul(vRow)), row: vRow, column: one, depth: part, n: valueDim }, valuePanels)
        k.loop(0, m.ceilDiv(columns), panel => attend(panel, j, part))
        k.if(j.gt(0), scaleOutput)
        const range = (t: Int) => [zero, before.add(t).add(rows).sub(j).max(0).min(part)] as const
        const right = { panels: valuePanels, panelDepth: part, n: valueDim }
        columnProduct(k, { block: scores, m, range, ...right, c: output, cRow: yRow, add: j, edge: k.own })
      },
      depth,
    )
    k.lanes(m, r => {
      const sum = softmax.sums.at(r)
      softmax.factors.set(r, k.real(1).div(sum))
      lse.from(h.mul(args.rows).add(firstQuery).add(t)).set(r, softmax.largest.at(r).mul(Math.LN2).add(log(sum)))
    })
    scaleOutput()
  }

  // Block b of sequence s has the place firstPlace(s) + b; at most one place of each sequence stays empty.
  const firstPlace = (s: Int) => queryStarts.at(s).div(lanes).add(s)
  const places = args.rows.div(lanes).add(sequences)
  k.tasks(heads.mul(places), task => {
    // The last queries see most keys: they come first, so that no thread is left with a long task at the end.
    const place = places.sub(1).sub(task.rem(places))
    const s = lastNotAbove(k, place, sequences, firstPlace)
    const t = place.sub(firstPlace(s)).mul(lanes)
    const queries = queryStarts.at(s.add(1)).sub(queryStarts.at(s))
    k.if(t.lt(queries), () => attendBlock(s, task.div(places), t))
  })
}

/** Of each query: its largest score so far, the sum of exponentials relative to it, and what earlier sums shrink by. */
interface Softmax {
  largest: Reals
  sums: Reals
  factors: Reals
}

const softmaxOf = ({ largest, sums, factors }: Softmax, first: Int): Softmax => ({
  largest: largest.from(first),
  sums: sums.from(first),
  factors: factors.from(first),
})

/** Hides keys that come after a query: of the key in row i, those lanes below i + ahead. */
function mask(k: Builder, block: Reals, m: Int, ahead: Int, ramp: readonly Real[]): void {
  const { lanes } = blockShape(k)
  k.loop(k.int(1).sub(ahead).max(0), m, i => {
    const row = block.from(i.mul(lanes))
    const hidden = ahead.add(i).toReal()
    for (const [v, numbers] of ramp.entries()) {
      const score = row.vectorAt(v * k.width)
      row.setVector(v * k.width, numbers.lt(hidden).select(Number.NEGATIVE_INFINITY, score))
    }
  })
}

/** Makes exponentials of `m` rows of scores, relative to the largest of their column so far, and keeps the books. */
function probabilities(k: Builder, block: Reals, m: Int, { largest, sums, factors }: Softmax): void {
  const { lanes } = blockShape(k)
  const vectors = Array.from({ length: tileShape(k).vectors }, (_, v) => v * k.width)
  const maxima = vectors.map(at => k.variable(largest.vectorAt(at)))
  k.loop(0, m, i => {
    const row = block.from(i.mul(lanes))
    for (const [v, at] of vectors.entries()) maxima[v]!.set(maxima[v]!.value.max(row.vectorAt(at)))
  })
  const totals = vectors.map((at, v) => {
    const factor = exp2(largest.vectorAt(at).sub(maxima[v]!.value))
    factors.setVector(at, factor)
    largest.setVector(at, maxima[v]!.value)
    return k.variable(sums.vectorAt(at).mul(factor))
  })
  k.loop(0, m, i => {
    const row = block.from(i.mul(lanes))
    for (const [v, at] of vectors.entries()) {
      const probability = exp2(row.vectorAt(at).sub(maxima[v]!.value))
      row.setVector(at, probability)
      totals[v]!.add(probability)
    }
  })
  for (const [v, at] of vectors.entries()) sums.setVector(at, totals[v]!.value)
}
