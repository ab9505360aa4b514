import type { DataReport, SourceSummary } from './dataReport.ts'
import { addUp, count, share, sum } from './figures.ts'
import { both, escapeXml, htmlPage, type Language, languageStyle, languageSwitch } from './html.ts'
import { lengthSection } from './lengthSection.ts'
import { sampleSection } from './sampleSection.ts'
import { sourceSection, stepColours } from './sourceSection.ts'
import { stepSection } from './stepSection.ts'

const style = `${languageStyle}
td, th { overflow-wrap: normal } .scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9rem } th { text-align: left; font-weight: 600 }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
.count { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.kept { fill: var(--bar) } .other { fill: var(--other) } .changed { fill: light-dark(#93c5fd, #1d4ed8) } .lost { fill: light-dark(#dc2626, #f87171) }
${stepColours.map(([light, dark], i) => `.step${i} { fill: light-dark(${light}, ${dark}) }`).join(' ')}
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .85rem } .square { width: .7rem; margin-right: .35rem }
.lengths { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1rem }
figure { margin: 0 } figcaption { font-size: .85rem } details { margin: .5rem 0 } summary { cursor: pointer; font-weight: 600 }
blockquote { margin: .5rem 0; padding: .1rem .8rem; border-left: 3px solid var(--line); white-space: pre-wrap; font-size: .9rem }
blockquote small { float: right; margin-left: 1rem }`

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
      ...sampleSection(report),
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
    },
  ]
}
