import { expect, test } from 'vitest'
import { Series } from './series.ts'

function series(values: readonly number[]): Series {
  const series = new Series()
  values.forEach((value, i) => {
    series.add(i + 1, value)
  })
  return series
}

test('a short series stays as it is', () => {
  const values = [3, 1, 2]
  expect(series(values).thinned(3)).toEqual({ step: [1, 2, 3], mean: values })
  expect(series(values).since(2)).toEqual({ step: [3], mean: [2] })
})

test('a long one becomes means and extremes of neighbours, and ends with the last step', () => {
  expect(series([1, 5, 3, 4, 9, 2, 7]).thinned(3)).toEqual({
    step: [3, 6, 7],
    mean: [3, 5, 7],
    low: [1, 2, 7],
    high: [5, 9, 7],
  })
})

test('of 100,000 values no extreme is lost', () => {
  const values = Array.from({ length: 100_000 }, (_, i) => Math.sin(i))
  values[54_321] = 99
  values[77_777] = -99
  const { step, low, high } = series(values).thinned(1000)
  expect(step).toHaveLength(1000)
  expect([Math.min(...low!), Math.max(...high!)]).toEqual([-99, 99])
  expect(step[high!.indexOf(99)]).toBe(54_400)
})

test('the mean of the last values', () => {
  expect(series([1, 2, 3, 4]).recent(2)).toBe(3.5)
  expect(series([1]).recent(20)).toBe(1)
  expect(series([]).recent(20)).toBeUndefined()
})
