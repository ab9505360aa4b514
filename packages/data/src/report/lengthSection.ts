import { histogram, legend } from './charts.ts'
import type { SourceSummary } from './dataReport.ts'
import { addUp, same } from './figures.ts'
import { both, escapeXml } from './html.ts'

/** Documents by length, of all and of each source. */
export function lengthSection(sources: readonly SourceSummary[]): string[] {
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
