import {
  copiedFactor,
  copyAtDepth,
  copyFactorPart,
  elementsIn,
  elementsOf,
  type Factor,
  factorParts,
  factorsOf,
} from '../kernel/factors.ts'
import { f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Builder, BuilderArguments, Int, Ints, Reals } from '../kernel/language.ts'
import { product, productScratch } from '../kernel/product/product.ts'
import { packAll, packedSize, packPanel } from '../kernel/product/right.ts'
import { fewRows, rowProduct } from '../kernel/product/rows.ts'
import { blockDepth, blockRows, tileShape } from '../kernel/product/shape.ts'

const params = {
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
} as const

/**
 * A ragged batch of products: for each expert e and its slots s (offsets[e] ≤ s < offsets[e+1])
 * c[s,j] (add ? += : =) Σ_p a[s,p] · b[e·bBatch + p·bRow + j·bCol]. a: [slots, k]; c: [slots, n]; offsets: [experts + 1].
 */
export const groupedMatmul = kernel({
  name: 'groupedMatmul',
  params,
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
    const factors = factorsOf(target)
    const depth = elementsOf(factors, k)
    const copies = factors === 'float32' ? 0 : depth * (a.size / k + experts * n)
    return { shared: experts * packedSize(n, depth, shape) + copies, perThread: productScratch(shape) }
  },
  build(k, args) {
    const { c, offsets, experts, n, add } = args
    const shape = tileShape(k)
    const { columns } = shape
    const panels = n.ceilDiv(columns)
    // Experts with few rows multiply the factors as they are, the others maybe copies.
    const factors = k.factors === 'float32' ? args : copyFactors(k, args)
    const { k: depth } = factors
    const rightOf = ({ b, k: depth, bBatch, bRow, bCol }: Factors, expert: Int) => {
      return { b: b.from(expert.mul(bBatch)), row: bRow, column: bCol, depth, n }
    }
    const packedAt = (expert: Int) => k.shared.from(expert.mul(panels).mul(columns).mul(depth))
    k.rows(experts.mul(panels), index => {
      const expert = index.div(panels)
      k.if(slotsOf(offsets, expert).gt(fewRows), () => {
        const panel = index.rem(panels)
        packPanel(k, rightOf(factors, expert), panel, packedAt(expert).from(panel.mul(columns).mul(depth)))
      })
    })
    k.barrier()
    // A task is a block of rows of one expert; there are at most this many.
    const rows = blockRows(shape)
    k.tasks(offsets.at(experts).div(rows).add(experts), task => {
      findBlock(k, offsets, experts, rows, task, (expert, slot, m) => {
        const to = c.from(slot.mul(n))
        k.if(
          slotsOf(offsets, expert).le(fewRows),
          () => {
            const few = { a: args.a.from(slot.mul(args.k)), m, aRow: args.k, c: to, cRow: n }
            rowProduct(k, { ...rightOf(args, expert), ...few, from: k.int(0), to: n, add })
          },
          () => {
            const size = { aRow: depth, aCol: 1, m, depth, n, cRow: n, pairs: k.factors === 'pairs' } as const
            const left = factors.a.from(slot.mul(depth))
            product(k, { a: left, panels: packedAt(expert), c: to, ...size, add, scratch: k.own })
          },
        )
      })
    })
  },
})

type Factors = Pick<BuilderArguments<typeof params>, 'a' | 'b' | 'k' | 'bBatch' | 'bRow' | 'bCol'>

/** Copies both factors, rounded to bfloat16, behind the place of the packed right factors. */
function copyFactors(k: Builder, args: BuilderArguments<typeof params>): Factors {
  const { a, b, offsets, experts, n, k: depth, bBatch, bRow, bCol } = args
  const { columns } = tileShape(k)
  const slots = offsets.at(experts)
  const elements = elementsIn(k, depth)
  const left = { x: a, row: depth, column: k.int(1), n: slots, depth }
  const right = { x: b, row: bCol, column: bRow, n, depth }
  const leftCopy = k.shared.from(experts.mul(n.ceilDiv(columns)).mul(columns).mul(elements))
  const rightCopy = leftCopy.from(slots.mul(elements))
  const rightSize = n.mul(elements)
  const parts = factorParts(k, right)
  k.rows(slots.add(experts.mul(parts)), index => {
    k.if(
      index.lt(slots),
      () => copyFactorPart(k, left, index, leftCopy),
      () => {
        const expert = index.sub(slots).div(parts)
        const part = index.sub(slots).rem(parts)
        const factor = { ...right, x: b.from(expert.mul(bBatch)) }
        copyFactorPart(k, factor, part, rightCopy.from(expert.mul(rightSize)))
      },
    )
  })
  k.barrier()
  const { row, column } = copiedFactor(k, right)
  return { a: leftCopy, b: rightCopy, k: elements, bBatch: rightSize, bRow: column, bCol: row }
}

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
    const copies = factorsOf(target) === 'float32' ? 0 : blockDepth * (n + blockRows(shape))
    return { perThread: productScratch(shape) + packedSize(n, blockDepth, shape) + copies }
  },
  build(k, { a, b, c, offsets, experts, m, n }) {
    const shape = tileShape(k)
    const { rows } = shape
    const panels = k.own.from(productScratch(shape))
    const copies = panels.from(n.ceilDiv(shape.columns).mul(shape.columns * blockDepth))
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
      const blockSlots = k.factors === 'pairs' ? 2 * blockDepth : blockDepth
      k.loop(
        offsets.at(expert),
        end,
        slot => {
          const slots = end.sub(slot).min(blockSlots)
          const right = rounded(k, { x: b.from(slot.mul(n)), column: n, n, depth: slots }, copies)
          const { depth } = right
          packAll(k, { b: right.x, row: right.column, column: k.int(1), depth, n }, panels)
          k.loop(
            firstRow,
            endRow,
            i => {
              const block = endRow.sub(i).min(blockRows(shape))
              const columns = { x: a.from(slot.mul(m).add(i)), column: m, n: block, depth: slots }
              const left = rounded(k, columns, copies.from(n.mul(blockDepth)))
              product(k, {
                a: left.x,
                aRow: k.int(1),
                aCol: left.column,
                m: block,
                panels,
                depth,
                n,
                c: c.from(expert.mul(m).add(i).mul(n)),
                cRow: n,
                add: 1,
                pairs: k.factors === 'pairs',
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

type DepthFactor = Omit<Factor, 'row'>

/** A factor whose depths lie apart, copied to `into` and rounded to bfloat16 if the device asks for that. */
function rounded(k: Builder, factor: DepthFactor, into: Reals): DepthFactor {
  if (k.factors === 'float32') return factor
  const depth = elementsIn(k, factor.depth)
  k.loop(0, depth, part => copyAtDepth(k, factor, part, into.from(part.mul(factor.n))))
  return { x: into, column: factor.n, n: factor.n, depth }
}

export const groupedMatmulKernels = [groupedMatmul, groupedOuter]
