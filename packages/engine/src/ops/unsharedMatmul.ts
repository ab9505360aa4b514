import { elementsOf, factorsOf, numbersIn } from '../kernel/factors.ts'
import { i32, kernel } from '../kernel/kernel.ts'
import type { Int } from '../kernel/language.ts'
import { product, productScratch } from '../kernel/product/product.ts'
import { packAll, packedSize } from '../kernel/product/right.ts'
import { fewRows } from '../kernel/product/rows.ts'
import { blockDepth, blockRows, tileShape } from '../kernel/product/shape.ts'
import { matmul } from './matmul.ts'

/** Columns of a task: their panels of one block of the depth fill a part of the second-level cache. */
const taskColumns = 256
/** Rows of a task that pay for packing the panels. */
const leastRows = 96
const tasksPerThread = 2

/**
 * `matmul`, of one product, where a packed right factor is not worth sharing: it would leave the cache before it is used,
 * or few rows use it. Each task packs for itself, block by block, what it multiplies next. If there are several `parts`,
 * as many parts of the depth are summed apart and then added, so that a small result leaves enough to do for several
 * threads; it depends on the number of parts, but not on that of the threads.
 */
export const unsharedMatmul = kernel({
  name: 'matmul.unshared',
  params: { ...matmul.params, parts: i32 },
  reference: args => matmul.reference(args),
  work: args => matmul.work!(args),
  scratch({ m, n, k, parts }, target) {
    const shape = tileShape(target)
    const depth = elementsOf(factorsOf(target), k)
    const columns = packedSize(Math.min(n, taskColumns), Math.min(depth, blockDepth), shape)
    return { shared: parts > 1 ? parts * m * n : 0, perThread: productScratch(shape) + columns }
  },
  build(k, args) {
    const shape = tileShape(k)
    const { rows } = shape
    const { a, b, c, m, n, k: depth, aRow, aCol, bRow, bCol, cRow, add, parts } = args
    const { factors } = k
    const blockNumbers = blockDepth * numbersIn(factors)
    const apart = parts.gt(1)
    const sums = (part: Int) => k.shared.from(part.mul(m).mul(n))
    const panels = k.own.from(productScratch(shape))
    const partDepth = depth.ceilDiv(parts).ceilDiv(blockNumbers).mul(blockNumbers)
    const used = depth.ceilDiv(partDepth)
    const across = n.ceilDiv(taskColumns)
    const wanted = k.threads.mul(tasksPerThread).ceilDiv(used.mul(across))
    const tiles = m.ceilDiv(rows)
    const taskRows = tiles.ceilDiv(wanted.min(m.ceilDiv(leastRows))).mul(rows)
    const down = m.ceilDiv(taskRows)
    k.tasks(used.mul(across).mul(down), task => {
      const part = task.div(across.mul(down))
      const i = task.rem(down).mul(taskRows)
      const j = task.div(down).rem(across).mul(taskColumns)
      const first = part.mul(partDepth)
      const end = first.add(partDepth).min(depth)
      const columns = n.sub(j).min(taskColumns)
      const rowsEnd = i.add(taskRows).min(m)
      const target = c.cursor()
      const targetRow = k.intVariable(cRow)
      const keep = k.intVariable(add)
      k.if(apart, () => {
        target.moveTo(sums(part))
        targetRow.set(n)
        keep.set(0)
      })
      k.loop(
        first,
        end,
        p => {
          const block = end.sub(p).min(blockNumbers)
          const right = b.from(p.mul(bRow).add(j.mul(bCol)))
          packAll(k, { b: right, row: bRow, column: bCol, depth: block, n: columns, factors }, panels)
          k.loop(
            i,
            rowsEnd,
            r => {
              const piece = {
                a: a.from(r.mul(aRow).add(p.mul(aCol))),
                aRow,
                m: rowsEnd.sub(r).min(blockRows(shape)),
                panels,
                depth: block,
                n: columns,
                c: target.from(r.mul(targetRow.value).add(j)),
                cRow: targetRow.value,
                add: keep.value.max(p.sub(first)),
                factors,
                scratch: k.own,
              }
              k.if(
                aCol.eq(1),
                () => product(k, { ...piece, aCol: 1, copyAll: true }),
                () => product(k, { ...piece, aCol }),
              )
            },
            blockRows(shape),
          )
        },
        blockNumbers,
      )
    })
    k.barrier()
    k.if(apart, () => {
      k.rows(m, i => {
        const to = c.from(i.mul(cRow))
        const row = (part: Int) => sums(part).from(i.mul(n))
        const first = row(k.int(0))
        k.if(
          add.ne(0),
          () => k.lanes(n, j => to.set(j, to.at(j).add(first.at(j)))),
          () => k.lanes(n, j => to.set(j, first.at(j))),
        )
        k.loop(1, used, part => {
          const further = row(part)
          k.lanes(n, j => to.set(j, to.at(j).add(further.at(j))))
        })
      })
    })
  },
})

export const unsharedMatmulKernels = [unsharedMatmul]

/** From this depth on a packed right factor leaves the cache before it is used. */
const leastDepth = 1024
/** A result so small stays in the second-level cache while it is summed. */
const mostResults = 1 << 18
const mostParts = 4
/** So many columns give all threads enough to do. */
const leastColumns = 2048
/** With so few rows packing is best done by who uses it. */
const mostRows = 1024
/** Numbers of a packed right factor that are worth their memory: 64 MiB. */
const mostPacked = 1 << 24

/** Into how many parts `unsharedMatmul` best cuts the depth of a product; 0 if `matmul` is better. */
export function depthParts(m: number, n: number, depth: number): number {
  if (m <= fewRows) return 0
  if (n >= leastColumns && (m <= mostRows || n * depth > mostPacked)) return 1
  if (depth < leastDepth || m * n > mostResults) return 0
  const tasks = Math.ceil(m / (2 * leastRows)) * Math.ceil(n / taskColumns)
  return Math.max(1, Math.ceil(mostParts / tasks))
}
