import { dirname } from 'node:path'
import type { CleaningReport } from '../steps/report.ts'
import type { DataReport, StepSummary } from './dataReport.ts'

/** What `modu data clean` did. */
export function ofCleaning(
  title: string,
  { files, total, steps, samples, withoutTextPlaces }: CleaningReport,
): DataReport {
  const format: StepSummary = {
    name: 'format',
    documents: total.records,
    changed: 0,
    dropped: total.withoutText,
    reasons: total.withoutText > 0 ? { withoutText: total.withoutText } : {},
    found: {},
    samples: withoutTextPlaces.map(place => ({ place, outcome: 'dropped', reason: 'withoutText', text: '' })),
  }
  const shared = sharedFolder(files.map(({ path }) => path)).length
  return {
    title,
    sources: files.map(({ path, records, read, kept }) => ({
      name: path.slice(shared),
      read: records,
      kept: kept.documents,
      charactersRead: read.characters,
      charactersKept: kept.characters,
      lengthsRead: read.lengths,
      lengthsKept: kept.lengths,
    })),
    steps: [format, ...steps],
    samples,
  }
}

/** The folder, with its slash, in which all paths lie. */
function sharedFolder([first = '', ...others]: readonly string[]): string {
  let folder = dirname(first)
  while (folder !== dirname(folder) && !others.every(path => path.startsWith(`${folder}/`))) folder = dirname(folder)
  return first.startsWith(`${folder}/`) ? `${folder}/` : ''
}
