import { expect, test } from 'vitest'
import { learningRateAt } from './schedule.ts'

const schedule = { steps: 101, learningRate: 1, warmupSteps: 0, finalRate: 0.1, decay: 'linear' as const }

test('rises, then falls to the final rate', () => {
  expect([0, 50, 100, 500].map(step => learningRateAt(step, schedule))).toEqual(
    [1, 0.55, 0.1, 0.1].map(r => expect.closeTo(r, 10)),
  )
  const warm = { ...schedule, warmupSteps: 4, decay: 'cosine' as const }
  expect([0, 1, 2, 3].map(step => learningRateAt(step, warm))).toEqual([0.25, 0.5, 0.75, 1])
  expect(learningRateAt(4, warm)).toBe(1)
  expect(learningRateAt(52, warm)).toBeCloseTo(0.55, 10)
  expect(learningRateAt(100, warm)).toBeCloseTo(0.1, 10)
})

test('stable until the decay begins', () => {
  const stable = { ...schedule, decaySteps: 21, warmupSteps: 4 }
  expect([4, 50, 80, 90, 100].map(step => learningRateAt(step, stable))).toEqual(
    [1, 1, 1, 0.55, 0.1].map(r => expect.closeTo(r, 10)),
  )
  expect(learningRateAt(99, { ...schedule, decaySteps: 0 })).toBe(1)
})

test('one step only', () => expect(learningRateAt(0, { ...schedule, steps: 1 })).toBe(1))
