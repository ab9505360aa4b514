import type { Builder, Int, Real, Reals, Target } from './language.ts'

// Factors of matrix products in bfloat16. Products copy their factors before they multiply anyway, or nearly so: that is
// where they are rounded. A copy consists of elements of 32 bits.

/**
 * How products of matrices take their factors: as they are; rounded to bfloat16, but stored and multiplied as float32; or
 * as pairs of bfloat16, for processors that multiply those faster. Sums are float32 always.
 */
export type Factors = 'float32' | 'rounded' | 'pairs'

export const factorsOf = ({ factors = 'float32' }: Pick<Target, 'factors'>): Factors => factors

/** Numbers that an element holds: neighbours in the depth, over which a product sums. */
export const numbersIn = (factors: Factors): 1 | 2 => (factors === 'pairs' ? 2 : 1)

/** Elements that `depth` numbers of a factor take. */
export const elementsOf = (factors: Factors, depth: number): number => Math.ceil(depth / numbersIn(factors))

/** The same in a kernel. */
export const elementsIn = (factors: Factors, depth: Int): Int => (factors === 'pairs' ? depth.ceilDiv(2) : depth)

/**
 * Writes the element at `index`, or a vector of them if `number` gives vectors: of number(0), and, a pair, of number(1),
 * or zero if there is none.
 */
export function setElement(
  k: Builder,
  factors: Factors,
  to: Reals,
  index: Int | number,
  number: (half: 0 | 1) => Real | undefined,
): void {
  const first = number(0)!
  if (factors === 'float32') to.set(index, first)
  else if (factors === 'rounded') to.set(index, first.toBf16())
  else if (first.isVector) to.asPairs().setVector(index, k.packPairs(first, number(1) ?? k.vector(0)))
  else {
    const numbers = to.asBf16s()
    const [even, odd] = typeof index === 'number' ? [2 * index, 2 * index + 1] : [index.mul(2), index.mul(2).add(1)]
    numbers.set(even, first)
    numbers.set(odd, number(1) ?? 0)
  }
}

/** Calls body(element, isWhole) for the elements of `depth` numbers: the last pair may lack its second number. */
export function eachElement(
  k: Builder,
  factors: Factors,
  from: Int | number,
  depth: Int,
  body: (element: Int, isWhole: boolean) => void,
): void {
  if (factors !== 'pairs') k.loop(from, depth, element => body(element, true))
  else {
    const whole = depth.div(2)
    k.loop(from, whole, element => body(element, true))
    k.loop(whole.max(from), depth.ceilDiv(2), element => body(element, false))
  }
}

/** Copies `depth` numbers that lie in sequence. */
export function copySequence(k: Builder, factors: Factors, from: Reals, depth: Int, to: Reals): void {
  if (factors === 'pairs') {
    const numbers = to.asBf16s()
    k.lanes(depth, p => numbers.set(p, from.at(p)))
    k.if(depth.rem(2).ne(0), () => numbers.set(depth, 0))
  } else k.lanes(depth, p => setElement(k, factors, to, p, () => from.at(p)))
}
