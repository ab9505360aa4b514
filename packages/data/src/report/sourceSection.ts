import { type BarRow, barChart, legend } from './charts.ts'
import type { SourceSummary, StepSummary } from './dataReport.ts'
import { count, same, share, sum } from './figures.ts'
import { both, escapeXml, type Text } from './html.ts'
import { stepWords } from './words.ts'

/** Of what a step dropped, in light and dark. */
export const stepColours = [
  ['#94a3b8', '#64748b'],
  ['#ca8a04', '#facc15'],
  ['#0891b2', '#22d3ee'],
  ['#dc2626', '#f87171'],
  ['#9333ea', '#c084fc'],
  ['#16a34a', '#4ade80'],
  ['#db2777', '#f472b6'],
  ['#ea580c', '#fb923c'],
] as const

const stepClass = (steps: readonly StepSummary[], name: string): string =>
  `step${steps.findIndex(step => step.name === name) % stepColours.length}`

/** Characters and documents kept, by source: two charts and a table. */
export function sourceSection(sources: readonly SourceSummary[], steps: readonly StepSummary[]): string[] {
  const characters = sum(sources, source => source.charactersKept)
  const mixture = sources.map(
    ({ name, charactersKept }): BarRow => ({
      label: same(name),
      parts: [{ size: charactersKept, name: { ko: '남은 글자', en: 'characters kept' }, className: 'kept' }],
      note: same(`${count(charactersKept)} (${share(charactersKept, characters)})`),
    }),
  )
  const dropping = steps.filter(step => step.dropped > 0)
  const keptPart = { name: { ko: '남김', en: 'kept' }, className: 'kept' }
  const lostPart = { name: { ko: '뺌', en: 'dropped' }, className: 'lost' }
  const byStep = sources.some(source => source.dropped)
  const dropped = ({ read, kept, dropped }: SourceSummary) =>
    dropped
      ? dropping.map(({ name }) => ({
          name: stepWords[name].name,
          className: stepClass(steps, name),
          size: (dropped[name] ?? 0) / Math.max(1, read),
        }))
      : [{ ...lostPart, size: (read - kept) / Math.max(1, read) }]
  const fate = sources.map(
    (source): BarRow => ({
      label: same(source.name),
      parts: [{ ...keptPart, size: source.kept / Math.max(1, source.read) }, ...dropped(source)],
      note: same(`${share(source.kept, source.read)} · ${count(source.kept)} / ${count(source.read)}`),
    }),
  )
  const entries = byStep
    ? dropping.map(({ name }) => ({ name: stepWords[name].name, className: stepClass(steps, name) }))
    : [lostPart]
  const mixtureTitle = { ko: '출처마다 남은 글자', en: 'Characters kept, by source' }
  const fateTitle = { ko: '출처마다 남은 문서의 비율', en: 'Share of documents kept, by source' }
  return [
    `<h2>${both({ ko: '출처', en: 'Sources' })}</h2>`,
    `<h3>${both(mixtureTitle)}</h3>`,
    barChart(mixtureTitle, mixture),
    `<h3>${both(fateTitle)}</h3>`,
    legend([keptPart, ...entries]),
    barChart(fateTitle, fate, 1),
    sourceTable(sources),
  ]
}

function sourceTable(sources: readonly SourceSummary[]): string {
  const hasTokens = sources.some(source => source.tokens !== undefined)
  const hasLicense = sources.some(source => source.license !== undefined)
  const heads: Text[] = [
    { ko: '읽은 문서', en: 'read' },
    { ko: '남은 문서', en: 'kept' },
    { ko: '읽은 글자', en: 'characters read' },
    { ko: '남은 글자', en: 'characters kept' },
    ...(hasTokens ? [{ ko: '토큰', en: 'tokens' }] : []),
  ]
  const row = ({ read, kept, charactersRead, charactersKept, tokens }: Omit<SourceSummary, 'name'>): string =>
    [read, kept, charactersRead, charactersKept, ...(hasTokens ? [tokens ?? 0] : [])]
      .map(value => `<td class="count">${count(value)}</td>`)
      .join('')
  const total = {
    read: sum(sources, source => source.read),
    kept: sum(sources, source => source.kept),
    charactersRead: sum(sources, source => source.charactersRead),
    charactersKept: sum(sources, source => source.charactersKept),
    tokens: sum(sources, source => source.tokens ?? 0),
    lengthsKept: [],
  }
  const license = (text: string) => (hasLicense ? `<td>${escapeXml(text)}</td>` : '')
  return [
    `<div class="scroll"><table><tr><th>${both({ ko: '출처', en: 'source' })}</th>`,
    ...heads.map(head => `<th class="count">${both(head)}</th>`),
    hasLicense ? `<th>${both({ ko: '이용 허락', en: 'licence' })}</th></tr>` : '</tr>',
    ...sources.map(
      source => `<tr><td>${escapeXml(source.name)}</td>${row(source)}${license(source.license ?? '')}</tr>`,
    ),
    `<tr><th>${both({ ko: '모두', en: 'all' })}</th>${row(total)}${license('')}</tr></table></div>`,
  ].join('\n')
}
