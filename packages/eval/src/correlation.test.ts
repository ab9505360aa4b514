import { expect, test } from 'vitest'
import { pearson, spearman } from './correlation.ts'

test('pearson of known lists', () => {
  expect(pearson([1, 2, 3], [2, 4, 6])).toBeCloseTo(1, 12)
  expect(pearson([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12)
  // Anscombe's first quartet.
  const x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
  const y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]
  expect(pearson(x, y)).toBeCloseTo(0.81642, 5)
})

test('spearman sees the order only, and equal values share their rank', () => {
  expect(spearman([1, 2, 3, 4], [1, 10, 100, 1000])).toBeCloseTo(1, 12)
  // Ranks 1, 2.5, 2.5, 4 against 1, 3, 2, 4: 4.5 / √(4.5 · 5).
  expect(spearman([1, 2, 2, 3], [1, 3, 2, 4])).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12)
})

test('a constant list has no relation to anything', () => {
  expect(pearson([1, 1, 1], [1, 2, 3])).toBe(0)
  expect(spearman([1, 2, 3], [5, 5, 5])).toBe(0)
})
