import type { Builder, Int } from './language.ts'

/** The last i < n with first(i) ≤ x, by halving; first(0) ≤ x, and `first` never falls. */
export function lastNotAbove(k: Builder, x: Int, n: Int, first: (i: Int) => Int): Int {
  const [from, to] = [k.intVariable(0), k.intVariable(n)]
  k.loop(0, n.toReal().exponent().toInt().add(1), () => {
    const middle = from.value.add(to.value).div(2)
    k.if(
      first(middle).le(x),
      () => from.set(middle),
      () => to.set(middle),
    )
  })
  return from.value
}
