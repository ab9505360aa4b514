import type { Random } from '@modu/model'

/** One of `items`. */
export const pick = <T>(random: Random, items: readonly T[]): T => items[random.integer(items.length)]!

/** A whole number from `from` to `to`, both included. */
export const between = (random: Random, from: number, to: number): number => from + random.integer(to - from + 1)

/** `count` different ones of `items`, in random order (Fisher-Yates). */
export function sample<T>(random: Random, items: readonly T[], count: number): T[] {
  const rest = [...items]
  return Array.from({ length: count }, () => rest.splice(random.integer(rest.length), 1)[0]!)
}
