import { readJson } from '@modu/model'
import { EvaluationError } from './errors.ts'
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

/** A report as `modu eval --json` printed it into a file. Errors: `format` for any other file. */
export function readReport(path: string): EvalReport {
  const report = readJson(path) as Partial<EvalReport> | null
  if (typeof report?.model === 'string' && Array.isArray(report.results)) return report as EvalReport
  throw new EvaluationError('format', `${path} is no report: make one with modu eval MODEL --json > FILE`)
}
