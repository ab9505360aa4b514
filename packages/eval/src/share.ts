import { bootstrap, meanAt } from './bootstrap.ts'
import type { EvalOptions, Metric, Result } from './result.ts'

/** The share of items for which something holds, as a result; none where there are no items. */
export function share(
  metric: Metric,
  source: string,
  holds: readonly boolean[],
  { seed }: Pick<EvalOptions, 'seed'>,
): Result[] {
  return mean(metric, source, holds.map(Number), seed)
}

/** The mean of values, as a result; none where there are none. */
export function mean(metric: Metric, source: string, values: readonly number[], seed: number): Result[] {
  if (values.length === 0) return []
  const estimate = bootstrap(values.length, items => meanAt(values, items), seed)
  return [{ metric, source, ...estimate, items: values.length, baselines: [] }]
}
