import type { Random } from '@modu/model'

/* For tests: texts of invented words, which resemble each other only where they are made to. */

const word = (random: Random): string =>
  Array.from({ length: 1 + random.integer(4) }, () => String.fromCharCode(0xac00 + random.integer(11172))).join('')

/** `length` invented Korean words. */
export const inventedWords = (random: Random, length: number): string[] => Array.from({ length }, () => word(random))

/** The words with each replaced by another with probability `share`. */
export const changedWords = (random: Random, words: readonly string[], share: number): string[] =>
  words.map(each => (random.uniform() < share ? word(random) : each))
