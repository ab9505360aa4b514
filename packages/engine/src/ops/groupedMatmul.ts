import { f32s, i32, i32s, kernel } from '../kernel/kernel.ts'

/**
 * A ragged batch of products: for each expert e and its slots s (offsets[e] ≤ s < offsets[e+1])
 * c[s,j] (add ? += : =) Σ_p a[s,p] · b[e·bBatch + p·bRow + j·bCol]. a: [slots, k]; c: [slots, n]; offsets: [experts + 1].
 */
export const groupedMatmul = kernel({
  name: 'groupedMatmul',
  params: {
    a: f32s,
    b: f32s,
    c: f32s,
    offsets: i32s,
    experts: i32,
    n: i32,
    k: i32,
    bBatch: i32,
    bRow: i32,
    bCol: i32,
    add: i32,
  },
  reference({ a, b, c, offsets, experts, n, k, bBatch, bRow, bCol, add }) {
    for (let e = 0; e < experts; e++) {
      for (let s = offsets[e]!; s < offsets[e + 1]!; s++) {
        for (let j = 0; j < n; j++) {
          let sum = 0
          for (let p = 0; p < k; p++) sum += a[s * k + p]! * b[e * bBatch + p * bRow + j * bCol]!
          c[s * n + j] = (add ? c[s * n + j]! : 0) + sum
        }
      }
    }
  },
})

/** c[e,i,j] += Σ_s a[s,i]·b[s,j] over the slots s of expert e. a: [slots, m]; b: [slots, n]; c: [experts, m, n]. */
export const groupedOuter = kernel({
  name: 'groupedOuter',
  params: { a: f32s, b: f32s, c: f32s, offsets: i32s, experts: i32, m: i32, n: i32 },
  reference({ a, b, c, offsets, experts, m, n }) {
    for (let e = 0; e < experts; e++) {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0
          for (let s = offsets[e]!; s < offsets[e + 1]!; s++) sum += a[s * m + i]! * b[s * n + j]!
          c[(e * m + i) * n + j]! += sum
        }
      }
    }
  },
})

export const groupedMatmulKernels = [groupedMatmul, groupedOuter]
