import { f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Int } from '../kernel/language.ts'

/** y[r,:] = Σ_j weights[r,j] · z[slots[r,j],:]. z: [rows·topk, n]; weights, slots: [rows, topk]; y: [rows, n]. */
export const combine = kernel({
  name: 'combine',
  params: { z: f32s, weights: f32s, slots: i32s, y: f32s, rows: i32, topk: i32, n: i32 },
  reference({ z, weights, slots, y, rows, topk, n }) {
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < n; i++) {
        let sum = 0
        for (let j = 0; j < topk; j++) sum += weights[r * topk + j]! * z[slots[r * topk + j]! * n + i]!
        y[r * n + i] = sum
      }
    }
  },
  build(k, { z, weights, slots, y, rows, topk, n }) {
    k.rows(rows, r => {
      const output = y.from(r.mul(n))
      const choice = (j: Int) => {
        const at = r.mul(topk).add(j)
        return [z.from(slots.at(at).mul(n)), weights.at(at)] as const
      }
      const [first, firstWeight] = choice(k.int(0))
      k.lanes(n, i => output.set(i, first.at(i).mul(firstWeight)))
      k.loop(1, topk, j => {
        const [row, weight] = choice(j)
        k.lanes(n, i => output.set(i, row.at(i).mulAdd(weight, output.at(i))))
      })
    })
  },
  work: ({ rows, topk, n }) => rows * topk * n,
})

/** dz[slots[r,j],:] = weights[r,j] · dy[r,:]: every slot is written once. Shapes as in `combine`. */
export const combineBackwardRows = kernel({
  name: 'combine.backwardRows',
  params: { dy: f32s, weights: f32s, slots: i32s, dz: f32s, rows: i32, topk: i32, n: i32 },
  reference({ dy, weights, slots, dz, rows, topk, n }) {
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < topk; j++) {
        for (let i = 0; i < n; i++) dz[slots[r * topk + j]! * n + i] = weights[r * topk + j]! * dy[r * n + i]!
      }
    }
  },
  build(k, { dy, weights, slots, dz, rows, topk, n }) {
    k.rows(rows, r => {
      const upstream = dy.from(r.mul(n))
      k.loop(0, topk, j => {
        const at = r.mul(topk).add(j)
        const weight = weights.at(at)
        const target = dz.from(slots.at(at).mul(n))
        k.lanes(n, i => target.set(i, upstream.at(i).mul(weight)))
      })
    })
  },
  work: ({ rows, topk, n }) => rows * topk * n,
})

/** dweights[r,j] += dy[r,:] · z[slots[r,j],:]. Shapes as in `combine`. */
export const combineBackwardWeights = kernel({
  name: 'combine.backwardWeights',
  params: { dy: f32s, z: f32s, slots: i32s, dweights: f32s, rows: i32, topk: i32, n: i32 },
  reference({ dy, z, slots, dweights, rows, topk, n }) {
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < topk; j++) {
        let dot = 0
        for (let i = 0; i < n; i++) dot += dy[r * n + i]! * z[slots[r * topk + j]! * n + i]!
        dweights[r * topk + j]! += dot
      }
    }
  },
  build(k, { dy, z, slots, dweights, rows, topk, n }) {
    k.rows(rows, r => {
      const upstream = dy.from(r.mul(n))
      k.loop(0, topk, j => {
        const at = r.mul(topk).add(j)
        const row = z.from(slots.at(at).mul(n))
        dweights.set(at, dweights.at(at).add(k.dot(n, i => [upstream.at(i), row.at(i)])))
      })
    })
  },
  work: ({ rows, topk, n }) => rows * topk * n,
})

/**
 * dx[r,:] (add ? += : =) Σ_j ds[slots[r,j],:]: the gradient of gathering rows into slots. ds: [rows·topk, n];
 * dx: [rows, n].
 */
export const sumSlots = kernel({
  name: 'sumSlots',
  params: { ds: f32s, slots: i32s, dx: f32s, rows: i32, topk: i32, n: i32, add: i32 },
  reference({ ds, slots, dx, rows, topk, n, add }) {
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < n; i++) {
        let sum = 0
        for (let j = 0; j < topk; j++) sum += ds[slots[r * topk + j]! * n + i]!
        dx[r * n + i] = (add ? dx[r * n + i]! : 0) + sum
      }
    }
  },
  build(k, { ds, slots, dx, rows, topk, n, add }) {
    k.rows(rows, r => {
      const target = dx.from(r.mul(n))
      const rowOf = (j: Int) => ds.from(slots.at(r.mul(topk).add(j)).mul(n))
      const addRow = (j: Int) => {
        const row = rowOf(j)
        k.lanes(n, i => target.set(i, target.at(i).add(row.at(i))))
      }
      const first = k.int(0)
      k.if(
        add.ne(0),
        () => addRow(first),
        () => {
          const row = rowOf(first)
          k.lanes(n, i => target.set(i, row.at(i)))
        },
      )
      k.loop(1, topk, addRow)
    })
  },
  work: ({ rows, topk, n }) => rows * topk * n,
})

export const combineKernels = [combine, combineBackwardRows, combineBackwardWeights, sumSlots]
