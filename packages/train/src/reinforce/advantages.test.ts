import { expect, test } from 'vitest'
import { advantagesOf } from './advantages.ts'

test('advantages are how far rewards lie from the mean, in deviations', () => {
  const advantages = advantagesOf([1, 0, 0, 0])!
  expect(advantages[0]).toBeCloseTo(Math.sqrt(3), 3)
  expect(advantages[1]).toBeCloseTo(-1 / Math.sqrt(3), 3)
  expect(advantages.reduce((a, b) => a + b)).toBeCloseTo(0, 12)
})

test('a group with equal rewards teaches nothing', () => {
  expect(advantagesOf([0, 0, 0])).toBeUndefined()
  expect(advantagesOf([1, 1])).toBeUndefined()
})
