import type { CleaningSample, Tally } from '../steps/report.ts'
import { type BarRow, barChart, histogram, legend } from './charts.ts'
import type { DataReport, SourceSummary, StepSummary } from './dataReport.ts'
import { both, escapeXml, htmlPage, type Language, languageStyle, languageSwitch, type Text } from './html.ts'
import { reasonText, stepWords } from './words.ts'

const colours = [
  ['#94a3b8', '#64748b'],
  ['#ca8a04', '#facc15'],
  ['#0891b2', '#22d3ee'],
  ['#dc2626', '#f87171'],
  ['#9333ea', '#c084fc'],
  ['#16a34a', '#4ade80'],
  ['#db2777', '#f472b6'],
  ['#ea580c', '#fb923c'],
] as const

const style = `${languageStyle}
td, th { overflow-wrap: normal } .scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9rem } th { text-align: left; font-weight: 600 }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
.count { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.kept { fill: var(--bar) } .other { fill: var(--other) } .changed { fill: light-dark(#93c5fd, #1d4ed8) } .lost { fill: light-dark(#dc2626, #f87171) }
${colours.map(([light, dark], i) => `.step${i} { fill: light-dark(${light}, ${dark}) }`).join(' ')}
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .85rem } .square { width: .7rem; margin-right: .35rem }
.lengths { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1rem }
figure { margin: 0 } figcaption { font-size: .85rem } details { margin: .5rem 0 } summary { cursor: pointer; font-weight: 600 }
blockquote { margin: .5rem 0; padding: .1rem .8rem; border-left: 3px solid var(--line); white-space: pre-wrap; font-size: .9rem }
blockquote small { float: right; margin-left: 1rem }`

const count = (value: number): string => value.toLocaleString('en-US')
const share = (part: number, whole: number): string => (whole === 0 ? '–' : `${((part / whole) * 100).toFixed(1)}%`)
const same = (text: string): Text => ({ ko: text, en: text })
const sum = <T>(items: readonly T[], value: (item: T) => number): number =>
  items.reduce((total, item) => total + value(item), 0)

/**
 * What cleaning did as one HTML page that needs nothing else: counts by source and step, lengths, samples. It holds both
 * languages, of which `language` comes first.
 */
export function dataReportPage(report: DataReport, language: Language): string {
  const sources = largest(report.sources)
  const read = sum(sources, source => source.read)
  const kept = sum(sources, source => source.kept)
  return htmlPage({
    language,
    title: `${report.title}: 데이터 보고서 · data report`,
    style,
    body: [
      languageSwitch(language),
      `<h1>${escapeXml(report.title)} <small>${both({ ko: '데이터 보고서', en: 'data report' })}</small></h1>`,
      `<p>${both({
        ko: `문서 ${count(read)}개를 읽어 ${count(kept)}개(${share(kept, read)})를 남겼습니다. 남은 글은 ${count(sum(sources, source => source.charactersKept))}자입니다.`,
        en: `Of ${count(read)} documents ${count(kept)} (${share(kept, read)}) are left, with ${count(sum(sources, source => source.charactersKept))} characters.`,
      })}</p>`,
      ...sourceSection(sources, report.steps),
      ...stepSection(report.steps),
      ...lengthSection(sources),
      ...sampleSection(sources, report.steps),
    ],
  })
}

const mostSources = 24

/** The largest sources, and all others as one, so that a corpus of a thousand files still has a page. */
function largest(sources: readonly SourceSummary[]): readonly SourceSummary[] {
  if (sources.length <= mostSources) return sources
  const bySize = sources.toSorted((a, b) => b.charactersKept - a.charactersKept)
  const others = bySize.slice(mostSources - 1)
  const lengths = (of: (source: SourceSummary) => readonly number[]): number[] => addUp(others.map(of))
  return [
    ...bySize.slice(0, mostSources - 1),
    {
      name: `+ ${count(others.length)}`,
      read: sum(others, source => source.read),
      kept: sum(others, source => source.kept),
      charactersRead: sum(others, source => source.charactersRead),
      charactersKept: sum(others, source => source.charactersKept),
      lengthsRead: lengths(source => source.lengthsRead ?? []),
      lengthsKept: lengths(source => source.lengthsKept),
      samples: [],
    },
  ]
}

const addUp = (lists: readonly (readonly number[])[]): number[] =>
  Array.from({ length: Math.max(0, ...lists.map(list => list.length)) }, (_, k) => sum(lists, list => list[k] ?? 0))

const stepClass = (steps: readonly StepSummary[], name: string): string =>
  `step${steps.findIndex(step => step.name === name) % colours.length}`

function sourceSection(sources: readonly SourceSummary[], steps: readonly StepSummary[]): string[] {
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
    samples: [],
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

function stepSection(steps: readonly StepSummary[]): string[] {
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

function lengthSection(sources: readonly SourceSummary[]): string[] {
  const title = { ko: '길이마다 문서 수', en: 'Documents by length' }
  const read = sources.every(source => source.lengthsRead) ? addUp(sources.map(source => source.lengthsRead ?? [])) : []
  const total = { before: read, after: addUp(sources.map(source => source.lengthsKept)) }
  const bins = Math.max(total.before.length, total.after.length)
  const first = Array.from({ length: bins }, (_, k) => (total.before[k] ?? 0) + (total.after[k] ?? 0)).findIndex(
    Boolean,
  )
  const range = [Math.max(0, first), bins] as const
  const small = sources.map(({ name, lengthsRead = [], lengthsKept }) => {
    const chart = histogram(
      same(name),
      { before: lengthsRead, after: lengthsKept },
      { range, width: 260, height: 110, labels: false },
    )
    return `<figure>${chart}<figcaption>${escapeXml(name)}</figcaption></figure>`
  })
  return [
    `<h2>${both({ ko: '길이', en: 'Lengths' })}</h2>`,
    `<p>${both({
      ko: '가로는 글자 수(2의 거듭제곱마다 한 칸), 세로는 문서 수입니다.',
      en: 'Across: characters, a column for each power of two. Up: documents.',
    })}</p>`,
    legend([
      { name: { ko: '남은 문서', en: 'kept' }, className: 'kept' },
      ...(read.length > 0 ? [{ name: { ko: '읽은 문서', en: 'read' }, className: 'other' }] : []),
    ]),
    histogram(title, total, { range, width: 860, height: 220, labels: true }),
    ...(sources.length > 1 ? [`<div class="lengths">${small.join('\n')}</div>`] : []),
  ]
}

function sampleSection(sources: readonly SourceSummary[], steps: readonly StepSummary[]): string[] {
  const kept = sources.filter(source => source.samples.length > 0)
  const keptSamples = kept.map(
    ({ name, samples }) => `<h4>${escapeXml(name)}</h4>${samples.map(text => quote(text)).join('')}`,
  )
  const touched = steps.filter(step => step.samples.length > 0)
  if (kept.length + touched.length === 0) return []
  return [
    `<h2>${both({ ko: '보기', en: 'Samples' })}</h2>`,
    `<p>${both({
      ko: '고르지 않고 뽑은 것이며, 개인정보는 어디서나 가렸습니다.',
      en: 'Drawn, not picked; personal data is masked everywhere.',
    })}</p>`,
    ...touched.map(
      ({ name, samples }) =>
        `<details><summary>${both(stepWords[name].name)} (${samples.length})</summary>${samples.map(sampleOf).join('')}</details>`,
    ),
    ...(kept.length > 0
      ? [
          `<details><summary>${both({ ko: '남은 문서', en: 'Documents kept' })}</summary>${keptSamples.join('')}</details>`,
        ]
      : []),
  ]
}

const quote = (text: string, label?: Text): string =>
  `<blockquote>${label ? `<small>${both(label)}</small>` : ''}${escapeXml(text)}</blockquote>`

function sampleOf({ place, outcome, reason, text, before, original }: CleaningSample): string {
  const verb = outcome === 'dropped' ? { ko: '뺌', en: 'dropped' } : { ko: '고침', en: 'changed' }
  return [
    `<p>${both(verb)}: ${both(reasonText(reason))} <small>${escapeXml(place)}</small></p>`,
    before === undefined ? '' : quote(before, { ko: '앞', en: 'before' }),
    text === '' ? '' : quote(text, before === undefined ? undefined : { ko: '뒤', en: 'after' }),
    original
      ? `<p>${both({ ko: '먼저 나온 글', en: 'the earlier one' })} <small>${escapeXml(original.place)}</small></p>${quote(original.text)}`
      : '',
  ].join('\n')
}
