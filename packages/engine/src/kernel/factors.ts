import type { Builder, Int, Reals, Target } from './language.ts'

// Factors of a matrix product in bfloat16: a product that is asked for it first copies both factors to scratch memory,
// rounded, and then multiplies the copies.

/**
 * How products of matrices take their factors: as they are; rounded to bfloat16, but stored and multiplied as float32; or
 * as pairs of bfloat16, for processors that multiply those faster. Sums are float32 always.
 */
export type Factors = 'float32' | 'rounded' | 'pairs'

export const factorsOf = ({ factors = 'float32' }: Pick<Target, 'factors'>): Factors => factors

/** Elements of 32 bits that `depth` numbers of a factor take. */
export const elementsOf = (factors: Factors, depth: number): number =>
  factors === 'pairs' ? Math.ceil(depth / 2) : depth

/** The same in a kernel. */
export const elementsIn = (k: Builder, depth: Int): Int => (k.factors === 'pairs' ? depth.ceilDiv(2) : depth)

/** x[i·row + p·column] for i < n, p < depth, the depth being what a product sums over; of row and column one is 1. */
export interface Factor {
  x: Reals
  row: Int
  column: Int
  n: Int
  depth: Int
}

/** Strides of a copied factor, whose depth is `elementsIn` of the old one. */
export interface CopiedFactor {
  row: Int
  column: Int
}

/** Parts that `copyFactorPart` copies one at a time: rows or columns, whichever lie in sequence. */
export const factorParts = (k: Builder, { column, n, depth }: Factor): Int => choose(k, column, n, elementsIn(k, depth))

/** Strides of the copy, which keeps the order of the factor. */
export const copiedFactor = (k: Builder, { column, n, depth }: Factor): CopiedFactor => ({
  row: choose(k, column, elementsIn(k, depth), k.int(1)),
  column: choose(k, column, k.int(1), n),
})

/** Copies part `part` of a factor, rounded, to its place in the copy that begins at `into`. */
export function copyFactorPart(k: Builder, factor: Factor, part: Int, into: Reals): void {
  const { x, row, column, n, depth } = factor
  k.if(
    column.eq(1),
    () => copyAlong(k, x.from(part.mul(row)), depth, into.from(part.mul(elementsIn(k, depth)))),
    () => copyAtDepth(k, factor, part, into.from(part.mul(n))),
  )
}

/** `depth` numbers in sequence: pairs are neighbours, and an incomplete one ends with a zero. */
function copyAlong(k: Builder, from: Reals, depth: Int, into: Reals): void {
  if (k.factors === 'rounded') {
    k.lanes(depth, p => into.set(p, from.at(p).toBf16()))
    return
  }
  const to = into.asBf16s()
  k.lanes(depth, p => to.set(p, from.at(p)))
  k.if(depth.rem(2).ne(0), () => to.set(depth, 0))
}

/** Copies the elements at depth `part`, which lie in sequence (row = 1): of `n` numbers, or of `n` pairs of two depths. */
export function copyAtDepth(k: Builder, factor: Omit<Factor, 'row'>, part: Int, into: Reals): void {
  const { x, column, n, depth } = factor
  if (k.factors === 'rounded') {
    const from = x.from(part.mul(column))
    k.lanes(n, i => into.set(i, from.at(i).toBf16()))
    return
  }
  const [even, odd] = [x.from(part.mul(2).mul(column)), x.from(part.mul(2).add(1).mul(column))]
  const [pairs, numbers] = [into.asPairs(), into.asBf16s()]
  const full = n.floorTo(k.width)
  k.if(
    part.mul(2).add(1).lt(depth),
    () => {
      k.loop(0, full, i => pairs.setVector(i, k.packPairs(even.vectorAt(i), odd.vectorAt(i))), k.width)
      k.loop(full, n, i => {
        numbers.set(i.mul(2), even.at(i))
        numbers.set(i.mul(2).add(1), odd.at(i))
      })
    },
    () =>
      k.loop(0, n, i => {
        numbers.set(i.mul(2), even.at(i))
        numbers.set(i.mul(2).add(1), 0)
      }),
  )
}

/** `inSequence` if the stride is 1, else `apart`. */
function choose(k: Builder, stride: Int, inSequence: Int, apart: Int): Int {
  const chosen = k.intVariable(apart)
  k.if(stride.eq(1), () => chosen.set(inSequence))
  return chosen.value
}
