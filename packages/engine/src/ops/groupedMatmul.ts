import { elementsOf, factorsOf, numbersIn } from '../kernel/factors.ts'
import { f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import { product, productScratch } from '../kernel/product/product.ts'
import { packAll, packedSize } from '../kernel/product/right.ts'
import { fewRows, rowProduct, rowProductScratch, rowsAt } from '../kernel/product/rows.ts'
import { blockDepth, blockRows, tileShape } from '../kernel/product/shape.ts'

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
  scratch({ a, n, k }, target) {
    // No expert can have more rows than there are slots.
    if (a.size / k <= fewRows) return { perThread: rowProductScratch }
    const shape = tileShape(target)
    return { perThread: productScratch(shape) + packedSize(n, elementsOf(factorsOf(target), k), shape) }
  },
  build(k, { a, b, c, offsets, experts, n, k: depth, bBatch, bRow, bCol, add }) {
    const { factors } = k
    const shape = tileShape(k)
    const panels = k.own.from(productScratch(shape))
    // A task is an expert's rows times some columns: whoever multiplies packs, and what it packed stays in the cache.
    const wanted = k.threads.mul(tasksPerThread).ceilDiv(experts).min(n.ceilDiv(leastColumns))
    const width = n.ceilDiv(wanted).ceilDiv(shape.columns).mul(shape.columns)
    const parts = n.ceilDiv(width)
    k.tasks(experts.mul(parts), task => {
      const expert = task.div(parts)
      const j = task.rem(parts).mul(width)
      const columns = n.sub(j).min(width)
      const slot = offsets.at(expert)
      const slots = offsets.at(expert.add(1)).sub(slot)
      const right = { b: b.from(expert.mul(bBatch)), row: bRow, column: bCol, depth }
      const left = { a: a.from(slot.mul(depth)), aRow: depth }
      const to = { c: c.from(slot.mul(n)), cRow: n, add }
      k.if(
        slots.le(fewRows),
        () => {
          const places = { a: rowsAt(left.a, depth), c: rowsAt(to.c, n), scratch: k.own }
          rowProduct(k, { ...right, ...places, m: slots, from: j, to: j.add(columns), add })
        },
        () => {
          packAll(k, { ...right, b: right.b.from(j.mul(bCol)), n: columns, factors }, panels)
          const rows = blockRows(shape)
          k.loop(
            0,
            slots,
            i =>
              product(k, {
                a: left.a.from(i.mul(depth)),
                aRow: depth,
                aCol: 1,
                m: slots.sub(i).min(rows),
                panels,
                depth,
                n: columns,
                ...to,
                c: to.c.from(i.mul(n).add(j)),
                factors,
                scratch: k.own,
              }),
            rows,
          )
        },
      )
    })
  },
})

/** So many tasks for each thread let all threads end at about the same time, though experts differ in size. */
const tasksPerThread = 16
/** Columns of a task that pay for reading the rows again. */
const leastColumns = 64

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
  scratch({ n }, target) {
    const shape = tileShape(target)
    return { perThread: productScratch(shape) + packedSize(n, blockDepth, shape) }
  },
  build(k, { a, b, c, offsets, experts, m, n }) {
    const { factors } = k
    const shape = tileShape(k)
    const { rows } = shape
    const panels = k.own.from(productScratch(shape))
    const blockSlots = blockDepth * numbersIn(factors)
    const wanted = k.threads
      .mul(outerTasksPerThread)
      .ceilDiv(experts)
      .min(m.ceilDiv(blockRows(shape)))
    const taskRows = m.ceilDiv(rows).ceilDiv(wanted).mul(rows)
    const parts = m.ceilDiv(taskRows)
    k.tasks(experts.mul(parts), task => {
      const expert = task.div(parts)
      const firstRow = task.rem(parts).mul(taskRows)
      const endRow = firstRow.add(taskRows).min(m)
      const end = offsets.at(expert.add(1))
      // Every task packs for itself, just before use: the copies are small and stay in the cache.
      k.loop(
        offsets.at(expert),
        end,
        slot => {
          const depth = end.sub(slot).min(blockSlots)
          packAll(k, { b: b.from(slot.mul(n)), row: n, column: k.int(1), depth, n, factors }, panels)
          k.loop(
            firstRow,
            endRow,
            i => {
              product(k, {
                a: a.from(slot.mul(m).add(i)),
                aRow: k.int(1),
                aCol: m,
                m: endRow.sub(i).min(blockRows(shape)),
                panels,
                depth,
                n,
                c: c.from(expert.mul(m).add(i).mul(n)),
                cRow: n,
                add: 1,
                factors,
                scratch: k.own,
              })
            },
            blockRows(shape),
          )
        },
        blockSlots,
      )
    })
  },
})

/** Fewer than above: each task of an expert packs the same. */
const outerTasksPerThread = 8

export const groupedMatmulKernels = [groupedMatmul, groupedOuter]
