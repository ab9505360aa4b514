import type { EvalReport } from './evaluate.ts'
import { baselinesText, headings, intervalText, type Language, metrics, noteLines, valueText } from './words.ts'

/** The figures as a table for terminals, a line each, and notes below; wide characters (Hangul) count two columns. */
export function reportTable({ results }: EvalReport, language: Language): string {
  const rows = [
    ['metric', 'source', 'value', 'interval', 'items', 'baselines'].map(
      name => headings[name as keyof typeof headings][language],
    ),
    ...results.map(result => [
      metrics[result.metric].name[language],
      result.source,
      valueText(result.metric, result.value),
      intervalText(result),
      result.items.toLocaleString('en-US'),
      baselinesText(result, language),
    ]),
  ]
  const isNumber = [false, false, true, true, true, false]
  const widths = isNumber.map((_, column) => Math.max(...rows.map(row => columnsOf(row[column]!))))
  const pad = (text: string, column: number): string => {
    const space = ' '.repeat(widths[column]! - columnsOf(text))
    return isNumber[column] ? space + text : text + space
  }
  const notes = noteLines(results, language)
  return [...rows.map(row => row.map(pad).join('  ').trimEnd()), ...(notes.length > 0 ? ['', ...notes] : []), ''].join(
    '\n',
  )
}

const columnsOf = (text: string): number =>
  [...text].reduce(
    (width, c) => width + (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]/.test(c) ? 2 : 1),
    0,
  )
