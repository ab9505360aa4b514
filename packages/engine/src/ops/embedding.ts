import { tapeOf } from '../autograd.ts'
import { EngineError, requireShape } from '../errors.ts'
import { f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'

/** y[r,:] = w[ids[r],:]. w: [V, n]; ids: [rows]; y: [rows, n]. */
export const gatherRows = kernel({
  name: 'gatherRows',
  params: { w: f32s, ids: i32s, y: f32s, rows: i32, n: i32 },
  reference({ w, ids, y, rows, n }) {
    for (let r = 0; r < rows; r++) for (let i = 0; i < n; i++) y[r * n + i] = w[ids[r]! * n + i]!
  },
  build(k, { w, ids, y, rows, n }) {
    k.rows(rows, r => {
      const from = w.from(ids.at(r).mul(n))
      const to = y.from(r.mul(n))
      k.lanes(n, i => to.set(i, from.at(i)))
    })
  },
  work: ({ rows, n }) => rows * n,
})

/** dw[ids[r],:] += dy[r,:]; ids may repeat. dw: [V, n]; ids: [rows]; dy: [rows, n]. */
export const scatterAddRows = kernel({
  name: 'scatterAddRows',
  params: { dy: f32s, ids: i32s, dw: f32s, rows: i32, n: i32 },
  reference({ dy, ids, dw, rows, n }) {
    for (let r = 0; r < rows; r++) for (let i = 0; i < n; i++) dw[ids[r]! * n + i]! += dy[r * n + i]!
  },
  build(k, { dy, ids, dw, rows, n }) {
    // Rows may share an id, so each thread takes some columns of all rows.
    k.share(n, 16, (from, to) => {
      k.loop(0, rows, r => {
        const upstream = dy.from(r.mul(n))
        const target = dw.from(ids.at(r).mul(n))
        k.lanesFrom(from, to, i => target.set(i, target.at(i).add(upstream.at(i))))
      })
    })
  },
  work: ({ rows, n }) => rows * n,
})

export const embeddingKernels = [gatherRows, scatterAddRows]

/**
 * The rows `ids` of a matrix: embeddings of tokens, or any other gathering of rows.
 * w: [V, n]; ids: i32 [rows]; returns [rows, n]. An `index` error for an id outside 0…V−1.
 */
export function embedding(w: Tensor, ids: Tensor): Tensor {
  requireShape(w.shape.length === 2, () => `embedding: the weight must be a matrix, got [${w.shape}]`)
  const [count, n] = w.shape as [number, number]
  for (const id of ids.integers) {
    if (id < 0 || id >= count) throw new EngineError('index', `embedding: id ${id} is not in 0…${count - 1}`)
  }
  const { device } = w
  const rows = ids.size
  const y = device.temporary([rows, n])
  device.run(gatherRows, { w, ids, y, rows, n })
  const tape = tapeOf(w)
  tape?.record(y, () => device.run(scatterAddRows, { dy: tape.gradient(y), ids, dw: tape.gradient(w), rows, n }))
  return y
}
