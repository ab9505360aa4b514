import { expect, test } from 'vitest'
import { describeDifferences, differences } from './differences.ts'

test('names the innermost fields with both values', () => {
  const before = { seed: 1, pretrain: { learningRate: 0.002, mixture: { a: 1 } }, texts: ['a', 'b'], same: [{ x: 1 }] }
  const after = { seed: 1, pretrain: { learningRate: 0.001, mixture: { a: 1, b: 2 } }, texts: ['a'], same: [{ x: 1 }] }
  expect(describeDifferences(differences(before, after))).toBe(
    'pretrain.learningRate: 0.002 → 0.001, pretrain.mixture.b: none → 2, texts.1: "b" → none',
  )
  expect(differences(before, structuredClone(before))).toEqual([])
  expect(describeDifferences(differences({ a: null, b: [] }, { a: {}, b: {} }))).toBe('a: null → {}, b: [] → {}')
})

test('a long list and long values are cut', () => {
  const numbers = (from: number) => Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`f${i}`, from + i]))
  expect(describeDifferences(differences(numbers(0), numbers(50)))).toMatch(/f7: 7 → 57 \(and 2 more\)$/)
  expect(describeDifferences(differences({ a: '' }, { a: '가'.repeat(99) }))).toHaveLength('a: "" → '.length + 58)
})
