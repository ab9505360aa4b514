import type { EvalReport } from './evaluate.ts'

/** The report with the values that another model reached in the same measurements as a baseline of that model's name. */
export function withComparison(report: EvalReport, other: EvalReport): EvalReport {
  const results = report.results.map(result => {
    const { metric, source, baselines } = result
    const same = other.results.find(each => each.metric === metric && each.source === source)
    return same ? { ...result, baselines: [...baselines, { name: other.model, value: same.value }] } : result
  })
  return { ...report, results }
}
