import { elementsIn, elementsOf, factorsOf } from '../kernel/factors.ts'
import { f32s, i32, kernel } from '../kernel/kernel.ts'
import type { Builder, BuilderArguments, Int } from '../kernel/language.ts'
import { product, productScratch } from '../kernel/product/product.ts'
import { packedSize, packPanel } from '../kernel/product/right.ts'
import { decodingRows, rowProduct, rowProductScratch, rowsAt } from '../kernel/product/rows.ts'
import { blockTiles, tileShape } from '../kernel/product/shape.ts'

const params = {
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
} as const

/**
 * A batch of matrix products with free strides, so that one kernel serves x·Wᵀ, dy·W and dyᵀ·x, and products per head:
 * c[t·cBatch + i·cRow + j] (add ? += : =) Σ_p a[t·aBatch + i·aRow + p·aCol] · b[t·bBatch + p·bRow + j·bCol]
 * for t < batch, i < m, j < n, p < k. The columns of c are contiguous; of bRow and bCol one is 1.
 */
export const matmul = kernel({
  name: 'matmul',
  params,
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
  work: ({ batch, m, n, k }) => 2 * batch * m * n * k,
  scratch({ batch, m, n, k, aCol }, target) {
    // A few rows in sequence are multiplied as they are.
    if (m <= decodingRows && aCol === 1) return { perThread: rowProductScratch }
    const shape = tileShape(target)
    const depth = elementsOf(factorsOf(target), k)
    return { shared: batch * packedSize(n, depth, shape), perThread: productScratch(shape) }
  },
  build(k, args) {
    k.if(
      args.m.le(decodingRows).and(args.aCol.eq(1)),
      () => fewInSequence(k, args),
      () => packed(k, args),
    )
  },
})

type MatmulArguments = BuilderArguments<typeof params>

/** A few rows, which are multiplied as they are. */
function fewInSequence(k: Builder, args: MatmulArguments): void {
  const { a, b, c, batch, m, n, k: depth, aBatch, aRow, bBatch, bRow, bCol, cBatch, cRow, add } = args
  // Rows of the right factor are read several vectors at a time, columns one by one.
  const unit = k.intVariable(16)
  k.if(bCol.eq(1), () => unit.set(64))
  const units = n.ceilDiv(unit.value)
  k.rows(batch.mul(units), index => {
    const t = index.div(units)
    const from = index.rem(units).mul(unit.value)
    const left = { a: rowsAt(a.from(t.mul(aBatch)), aRow), m }
    const right = { b: b.from(t.mul(bBatch)), row: bRow, column: bCol, depth, from, to: from.add(unit.value).min(n) }
    rowProduct(k, { ...left, ...right, c: rowsAt(c.from(t.mul(cBatch)), cRow), add, scratch: k.own })
  })
}

/** Packs the right factor at the beginning of the shared scratch and multiplies. */
function packed(k: Builder, args: MatmulArguments): void {
  const { a, b, c, batch, m, n, k: depth, aBatch, aRow, aCol, bBatch, bRow, bCol, cBatch, cRow, add } = args
  const { factors } = k
  const { rows, columns } = tileShape(k)
  const panels = n.ceilDiv(columns)
  const panelAt = (index: Int) => k.shared.from(index.mul(elementsIn(factors, depth)).mul(columns))
  k.rows(batch.mul(panels), index => {
    const right = { b: b.from(index.div(panels).mul(bBatch)), row: bRow, column: bCol, depth, n, factors }
    packPanel(k, right, index.rem(panels), panelAt(index))
  })
  k.barrier()
  // A task is a block of rows times some panels. Consecutive tasks take other rows of the same panels, which therefore
  // stay in the second-level cache.
  const tiles = m.ceilDiv(rows)
  const down = tiles.ceilDiv(blockTiles)
  const blockSize = tiles.ceilDiv(down).mul(rows)
  const blockPanels = batch
    .mul(down)
    .mul(panels)
    .div(k.threads.mul(tasksPerThread))
    .min(k.int(panelNumbers).div(depth.mul(columns)))
    .max(leastColumns / columns)
    .min(mostColumns / columns)
  const across = panels.ceilDiv(blockPanels)
  k.tasks(batch.mul(down).mul(across), task => {
    const t = task.div(down.mul(across))
    const i = task.rem(down).mul(blockSize)
    const panel = task.div(down).rem(across).mul(blockPanels)
    const j = panel.mul(columns)
    const part = {
      a: a.from(t.mul(aBatch).add(i.mul(aRow))),
      aRow,
      m: m.sub(i).min(blockSize),
      panels: panelAt(t.mul(panels).add(panel)),
      depth,
      n: n.sub(j).min(blockPanels.mul(columns)),
      c: c.from(t.mul(cBatch).add(i.mul(cRow)).add(j)),
      cRow,
      add,
      factors,
      scratch: k.own,
    }
    k.if(
      aCol.eq(1),
      () => product(k, { ...part, aCol: 1 }),
      () => product(k, { ...part, aCol }),
    )
  })
}

/** So many tasks for each thread, where there is enough to do, let all threads end at about the same time. */
const tasksPerThread = 12
/** Numbers of a task's panels: they stay in the second-level cache from one block of rows to the next. */
const panelNumbers = 1 << 18
/** Columns of a task: enough to pay for a copied left factor, and not so many that threads wait for the last one. */
const leastColumns = 128
const mostColumns = 512

export const matmulKernels = [matmul]
