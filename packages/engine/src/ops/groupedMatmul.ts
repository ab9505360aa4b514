import { elementsIn, elementsOf, factorsOf, numbersIn } from '../kernel/factors.ts'
import { f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Builder, Int, Ints } from '../kernel/language.ts'
import { product, productScratch } from '../kernel/product/product.ts'
import { packAll, packedSize, packPanel } from '../kernel/product/right.ts'
import { fewRows, rowProduct } from '../kernel/product/rows.ts'
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
  scratch({ a, experts, n, k }, target) {
    // No expert can have more rows than there are slots.
    if (a.size / k <= fewRows) return {}
    const shape = tileShape(target)
    const depth = elementsOf(factorsOf(target), k)
    return { shared: experts * packedSize(n, depth, shape), perThread: productScratch(shape) }
  },
  build(k, { a, b, c, offsets, experts, n, k: depth, bBatch, bRow, bCol, add }) {
    const { factors } = k
    const shape = tileShape(k)
    const { columns } = shape
    const panels = n.ceilDiv(columns)
    const panelSize = elementsIn(factors, depth).mul(columns)
    const right = (expert: Int) => ({ b: b.from(expert.mul(bBatch)), row: bRow, column: bCol, depth, n, factors })
    const packedAt = (expert: Int) => k.shared.from(expert.mul(panels).mul(panelSize))
    k.rows(experts.mul(panels), index => {
      const expert = index.div(panels)
      k.if(slotsOf(offsets, expert).gt(fewRows), () => {
        const panel = index.rem(panels)
        packPanel(k, right(expert), panel, packedAt(expert).from(panel.mul(panelSize)))
      })
    })
    k.barrier()
    // A task is a block of rows of one expert; there are at most this many.
    const rows = blockRows(shape)
    k.tasks(offsets.at(experts).div(rows).add(experts), task => {
      findBlock(k, offsets, experts, rows, task, (expert, slot, m) => {
        const left = a.from(slot.mul(depth))
        const to = c.from(slot.mul(n))
        k.if(
          slotsOf(offsets, expert).le(fewRows),
          () => {
            const few = { a: left, m, aRow: depth, c: to, cRow: n }
            rowProduct(k, { ...right(expert), ...few, from: k.int(0), to: n, add })
          },
          () => {
            const size = { aRow: depth, aCol: 1, m, depth, n, cRow: n, factors } as const
            product(k, { a: left, panels: packedAt(expert), c: to, ...size, add, scratch: k.own })
          },
        )
      })
    })
  },
})

/** The number of slots of `expert`. */
const slotsOf = (offsets: Ints, expert: Int): Int => offsets.at(expert.add(1)).sub(offsets.at(expert))

/** Calls body(expert, first slot, rows) for the block number `index`, counting blocks of `size` slots expert by expert. */
function findBlock(
  k: Builder,
  offsets: Ints,
  experts: Int,
  size: number,
  index: Int,
  body: (expert: Int, slot: Int, rows: Int) => void,
): void {
  const before = k.intVariable(0)
  const found = k.intVariable(-1)
  const block = k.intVariable(0)
  k.loop(0, experts, expert => {
    const local = index.sub(before.value)
    const blocks = slotsOf(offsets, expert).ceilDiv(size)
    k.if(local.ge(0).and(local.lt(blocks)), () => {
      found.set(expert)
      block.set(local)
    })
    before.set(before.value.add(blocks))
  })
  k.if(found.value.ge(0), () => {
    const slot = offsets.at(found.value).add(block.value.mul(size))
    body(found.value, slot, offsets.at(found.value.add(1)).sub(slot).min(size))
  })
}

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
      .mul(tasksPerThread)
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

/** So many tasks for each thread let all threads end at about the same time, though experts differ in size. */
const tasksPerThread = 8

export const groupedMatmulKernels = [groupedMatmul, groupedOuter]
