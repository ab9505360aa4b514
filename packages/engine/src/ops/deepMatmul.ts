import { elementsIn, elementsOf, factorsOf } from '../kernel/factors.ts'
import { i32, kernel } from '../kernel/kernel.ts'
import type { Int } from '../kernel/language.ts'
import { blockDepth, blockRows, packAll, packedSize, product, productScratch, tileShape } from '../kernel/tile.ts'
import { matmul, roundedFactors, roundedSize } from './matmul.ts'

/** Columns of a task: their panels of one block of the depth fill a part of the second-level cache. */
const taskColumns = 256
/** Rows of a task that pay for packing the panels. */
const leastRows = 96
const tasksPerThread = 4

/**
 * `matmul` for a great depth and a small result, one product. Each task packs for itself, block by block, what it
 * multiplies next: both factors come from memory once, and no packed copy goes back there. `parts` of the depth are
 * summed apart and then added, so that there is enough to do for several threads; the result depends on their number,
 * but not on that of the threads.
 */
export const deepMatmul = kernel({
  name: 'matmul.deep',
  params: { ...matmul.params, parts: i32 },
  reference: args => matmul.reference(args),
  work: args => matmul.work!(args),
  scratch({ m, n, k, parts }, target) {
    const shape = tileShape(target)
    const depth = elementsOf(factorsOf(target), k)
    const columns = packedSize(Math.min(n, taskColumns), Math.min(depth, blockDepth), shape)
    return { shared: parts * m * n + roundedSize(target, m, n, k), perThread: productScratch(shape) + columns }
  },
  build(k, args) {
    const shape = tileShape(k)
    const { rows } = shape
    const { c, m, n, cRow, add, parts } = args
    const sums = (part: Int) => k.shared.from(part.mul(m).mul(n))
    const { a, b, k: depth, aRow, aCol, bRow, bCol } = roundedFactors(k, args, parts.mul(m).mul(n))
    const panels = k.own.from(productScratch(shape))
    const partDepth = elementsIn(k, args.k).ceilDiv(parts).ceilDiv(blockDepth).mul(blockDepth)
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
      k.loop(
        first,
        end,
        p => {
          const block = end.sub(p).min(blockDepth)
          const right = b.from(p.mul(bRow).add(j.mul(bCol)))
          packAll(k, { b: right, row: bRow, column: bCol, depth: block, n: columns }, panels)
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
                c: sums(part).from(r.mul(n).add(j)),
                cRow: n,
                add: p.sub(first),
                pairs: k.factors === 'pairs',
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
        blockDepth,
      )
    })
    k.barrier()
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
  },
})

export const deepMatmulKernels = [deepMatmul]

/** Above this depth a packed right factor leaves the cache before it is used. */
const leastDepth = 1024
/** A result so small stays in the second-level cache while it is summed. */
const mostResults = 1 << 18
const mostParts = 4

/** Into how many parts the depth of a product is best cut by `deepMatmul`; 0 if `matmul` is better. */
export function depthParts(m: number, n: number, depth: number): number {
  if (depth < leastDepth || m * n > mostResults || m < 16) return 0
  const tasks = Math.ceil(m / (2 * leastRows)) * Math.ceil(n / taskColumns)
  return Math.max(1, Math.ceil(mostParts / tasks))
}
