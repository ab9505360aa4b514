import { Random } from '@modu/model'

/** A statistic of a sample, and the interval in which 95 % of its values on resampled samples lie. */
export interface Estimate {
  readonly value: number
  readonly low: number
  readonly high: number
}

const resamples = 1000

/**
 * The percentile bootstrap (Efron 1979): `statistic` of the items 0 … count − 1, and its 2.5 % and 97.5 % quantiles over
 * 1,000 samples of `count` items drawn with replacement. `statistic` gets the items' indices; an item may come several
 * times. The same seed gives the same interval.
 */
export function bootstrap(count: number, statistic: (items: Int32Array) => number, seed: number): Estimate {
  const random = new Random(seed)
  const items = Int32Array.from({ length: count }, (_, i) => i)
  const value = statistic(items)
  const values = Float64Array.from({ length: resamples }, () =>
    statistic(items.map(() => random.integer(count))),
  ).sort()
  const tail = Math.round(resamples * 0.025)
  return { value, low: values[tail]!, high: values[resamples - 1 - tail]! }
}

/** The mean of the values at `items`. */
export function meanAt(values: ArrayLike<number>, items: Int32Array): number {
  return sumAt(values, items) / items.length
}

/** The sum of the values at `items`. */
export function sumAt(values: ArrayLike<number>, items: Int32Array): number {
  let sum = 0
  for (const item of items) sum += values[item]!
  return sum
}
