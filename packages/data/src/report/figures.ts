import type { Text } from './html.ts'

export const count = (value: number): string => value.toLocaleString('en-US')

/** A part as percent of the whole. */
export const share = (part: number, whole: number): string =>
  whole === 0 ? '–' : `${((part / whole) * 100).toFixed(1)}%`

/** A name, which is the same in both languages. */
export const same = (text: string): Text => ({ ko: text, en: text })

export const sum = <T>(items: readonly T[], value: (item: T) => number): number =>
  items.reduce((total, item) => total + value(item), 0)

/** Sums of the lists, entry by entry. */
export const addUp = (lists: readonly (readonly number[])[]): number[] =>
  Array.from({ length: Math.max(0, ...lists.map(list => list.length)) }, (_, k) => sum(lists, list => list[k] ?? 0))
