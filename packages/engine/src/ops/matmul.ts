import { f32s, i32, kernel } from '../kernel/kernel.ts'

/**
 * A batch of matrix products with free strides, so that one kernel serves x·Wᵀ, dy·W and dyᵀ·x, and products per head:
 * c[t·cBatch + i·cRow + j] (add ? += : =) Σ_p a[t·aBatch + i·aRow + p·aCol] · b[t·bBatch + p·bRow + j·bCol]
 * for t < batch, i < m, j < n, p < k. The columns of c are contiguous.
 */
export const matmul = kernel({
  name: 'matmul',
  params: {
    a: f32s,
    b: f32s,
    c: f32s,
    batch: i32,
    m: i32,
    n: i32,
    k: i32,
    aBatch: i32,
    aRow: i32,
    aCol: i32,
    bBatch: i32,
    bRow: i32,
    bCol: i32,
    cBatch: i32,
    cRow: i32,
    add: i32,
  },
  reference({ a, b, c, batch, m, n, k, aBatch, aRow, aCol, bBatch, bRow, bCol, cBatch, cRow, add }) {
    for (let t = 0; t < batch; t++) {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0
          for (let p = 0; p < k; p++) sum += a[t * aBatch + i * aRow + p * aCol]! * b[t * bBatch + p * bRow + j * bCol]!
          const at = t * cBatch + i * cRow + j
          c[at] = add ? c[at]! + sum : sum
        }
      }
    }
  },
})

export const matmulKernels = [matmul]
