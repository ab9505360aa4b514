import type { Tally } from '../steps/report.ts'
import { type BarRow, barChart, legend } from './charts.ts'
import type { StepSummary } from './dataReport.ts'
import { count, share } from './figures.ts'
import { both, type Text } from './html.ts'
import { reasonText, stepWords } from './words.ts'

/** What each step changed and dropped, and why: a chart and a table. */
export function stepSection(steps: readonly StepSummary[]): string[] {
  const title = { ko: '단계마다 고치고 뺀 문서', en: 'Documents changed and dropped, by step' }
  const names = {
    kept: { ko: '그대로 지나감', en: 'passed as it was' },
    changed: { ko: '고침', en: 'changed' },
    lost: { ko: '뺌', en: 'dropped' },
  }
  const rows = steps.map(
    ({ name, documents, changed, dropped }): BarRow => ({
      label: stepWords[name].name,
      parts: [
        { size: documents - changed - dropped, name: names.kept, className: 'kept' },
        { size: changed, name: names.changed, className: 'changed' },
        { size: dropped, name: names.lost, className: 'lost' },
      ],
      note: {
        ko: `고침 ${count(changed)} · 뺌 ${count(dropped)} (${share(dropped, documents)})`,
        en: `${count(changed)} changed · ${count(dropped)} dropped (${share(dropped, documents)})`,
      },
    }),
  )
  const hasReasons = steps.some(({ reasons, found }) => Object.keys({ ...reasons, ...found }).length > 0)
  const cells = ({ name, documents, changed, dropped, reasons, found }: StepSummary) =>
    [
      `<tr><td><b>${both(stepWords[name].name)}</b><br><small>${both(stepWords[name].about)}</small></td>`,
      ...[documents, changed, dropped].map(value => `<td class="count">${count(value)}</td>`),
      ...(hasReasons ? [`<td>${tally(reasons)}</td><td>${tally(found)}</td>`] : []),
      '</tr>',
    ].join('')
  const heads: readonly (readonly [Text, string])[] = [
    [{ ko: '단계', en: 'step' }, ''],
    [{ ko: '들어옴', en: 'came in' }, 'count'],
    [names.changed, 'count'],
    [names.lost, 'count'],
    ...(hasReasons
      ? [[{ ko: '뺀 까닭', en: 'dropped because' }, ''] as const, [{ ko: '찾은 것', en: 'found' }, ''] as const]
      : []),
  ]
  return [
    `<h2>${both({ ko: '단계', en: 'Steps' })}</h2>`,
    `<h3>${both(title)}</h3>`,
    legend(Object.entries(names).map(([className, name]) => ({ name, className }))),
    barChart(title, rows),
    `<div class="scroll"><table><tr>${heads.map(([head, name]) => `<th class="${name}">${both(head)}</th>`).join('')}</tr>`,
    ...steps.map(cells),
    '</table></div>',
  ]
}

const tally = (counts: Tally): string =>
  Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, value]) => `${both(reasonText(name))} ${count(value)}`)
    .join('<br>')
