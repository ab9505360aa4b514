import { expect, test } from 'vitest'
import { along, curve, smooth } from './curves.ts'
import { formatDuration, formatPlace, formatValue } from './format.ts'

const progress = { step: [10, 20, 40], tokens: [1000, 2000, 6000], seconds: [5, 10, 30] }

test('steps lie on the axis where their tokens or seconds are', () => {
  expect(along('step', [5, 20], progress)).toEqual([5, 20])
  expect(along('tokens', [5, 10, 15, 20, 30, 40], progress)).toEqual([500, 1000, 1500, 2000, 4000, 6000])
  expect(along('seconds', [20, 30], progress)).toEqual([10, 20])
  // A validation is written just after its step, and may be read before the next.
  expect(along('seconds', [41], progress)).toEqual([30])
  expect(along('tokens', [], progress)).toEqual([])
})

test('the moving average begins with the first value, follows, and with no weight is the values', () => {
  expect(smooth([4, 8], 0)).toEqual([4, 8])
  expect(smooth([4, 4, 4], 0.9)).toEqual([4, 4, 4])
  const [first, second] = smooth([0, 3], 0.5)
  expect([first, second]).toEqual([0, 2])
})

test('behind a smoothed curve lie its values, or the extremes of a thinned one', () => {
  const points = { step: [1, 2], mean: [1, 3] }
  expect(curve('a', 'red', points, progress, 'step')).toEqual({ name: 'a', colour: 'red', x: [1, 2], y: [1, 3] })
  expect(curve('a', 'red', points, progress, 'step', 0.5)).toMatchObject({ low: [1, 3], high: [1, 3] })
  const thinned = { ...points, low: [0, 2], high: [2, 4] }
  expect(curve('a', 'red', thinned, progress, 'step')).toMatchObject({ y: [1, 3], low: [0, 2], high: [2, 4] })
})

test('numbers read well, however large or small', () => {
  expect([0, 2.35791, 12345, 0.00002, -0.00123456].map(value => formatValue(value, 'en'))).toEqual([
    '0',
    '2.358',
    '12,350',
    '2e-5',
    '-0.001235',
  ])
  expect([5, 65, 3725].map(formatDuration)).toEqual(['0:05', '1:05', '1:02:05'])
  expect(formatPlace(12_000, 'tokens', 'ko')).toBe('1.2만')
  expect(formatPlace(12_000, 'step', 'ko')).toBe('12,000')
})
