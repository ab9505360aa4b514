import { escapeXml, htmlPage } from '@modu/data'
import { saidText } from './answer.ts'
import { promptText } from './answersTable.ts'
import type { EvalReport } from './evaluate.ts'
import type { Metric, Result } from './result.ts'
import { baselineName, intervalText, type Language, metrics, noteLines, valueText } from './words.ts'

const style = `
.model { fill: var(--bar) } .baseline { fill: var(--other) } .interval { stroke: var(--ink); stroke-width: 1.5 }
dt { font-weight: 600; margin-top: 1rem; white-space: pre-wrap } dd { margin: 0; white-space: pre-wrap }`

/** The report as one page that needs nothing else: for each metric a chart, then the answers word for word. */
export function reportPage({ model, seed, results, answers }: EvalReport, language: Language): string {
  const words = {
    ko: {
      title: `${model} 평가`,
      about: `막대는 값, 선은 95% 부트스트랩 구간입니다. 회색 막대는 기준입니다. 시드 ${seed}.`,
      answers: '고르지 않은 답',
      cut: '길이 제한에서 끊김',
    },
    en: {
      title: `Evaluation of ${model}`,
      about: `Bars are values, lines their 95% bootstrap intervals; grey bars are baselines. Seed ${seed}.`,
      answers: 'Answers, unpicked',
      cut: 'cut at the limit',
    },
  }[language]
  const kinds = [...new Set(results.map(result => result.metric))]
  const answerList = [...Map.groupBy(answers, answer => answer.source)].map(([source, all]) => {
    const items = all.map(answer => {
      const cut = answer.ended ? '' : ` <small>(${words.cut})</small>`
      return `<dt>${escapeXml(promptText(answer))}</dt><dd>${escapeXml(saidText(answer))}${cut}</dd>`
    })
    return `<h3>${escapeXml(source)} (${all.length})</h3><dl>${items.join('\n')}</dl>`
  })
  const body = [
    `<h1>${escapeXml(words.title)}</h1><p>${words.about}</p>`,
    ...kinds.map(kind =>
      chart(
        kind,
        results.filter(result => result.metric === kind),
        language,
      ),
    ),
    ...noteLines(results, language).map(line => `<p>${escapeXml(line)}</p>`),
    ...(answers.length > 0 ? [`<h2>${words.answers}</h2>`, ...answerList] : []),
  ]
  return htmlPage({ language, title: words.title, style, body })
}

const left = 200
const plotWidth = 460
const width = 860
const rowHeight = 24

interface Bar {
  readonly label: string
  readonly value: number
  readonly text: string
  readonly interval?: readonly [number, number]
}

/** One metric: a bar for each source with its interval, baselines below it in grey. */
function chart(metric: Metric, results: readonly Result[], language: Language): string {
  const bars = results.flatMap((result): Bar[] => [
    {
      label: `${result.source} (${result.items.toLocaleString('en-US')})`,
      value: result.value,
      text: `${valueText(metric, result.value)} (${intervalText(result)})`,
      interval: [result.low, result.high],
    },
    ...result.baselines.map(baseline => ({
      label: baselineName(baseline, language),
      value: baseline.value,
      text: valueText(metric, baseline.value),
    })),
  ])
  const ends = bars.flatMap(bar => [bar.value, ...(bar.interval ?? [])])
  const from = Math.min(0, ...ends)
  const to = metrics[metric].percent ? 1 : Math.max(...ends, from + 1e-9)
  const x = (value: number) => left + ((value - from) / (to - from)) * plotWidth
  const rows = bars.map((bar, i) => {
    const y = i * rowHeight
    const [start, end] = [x(Math.min(0, bar.value)), x(Math.max(0, bar.value))]
    const line = bar.interval?.map(value => x(value).toFixed(1))
    return [
      `<text x="${left - 8}" y="${y + 17}" text-anchor="end"${line ? '' : ' class="soft"'}>${escapeXml(bar.label)}</text>`,
      `<rect x="${start.toFixed(1)}" y="${y + 4}" width="${(end - start).toFixed(1)}" height="16" class="${line ? 'model' : 'baseline'}"/>`,
      line
        ? `<path d="M${line[0]} ${y + 12}H${line[1]}M${line[0]} ${y + 8}v8M${line[1]} ${y + 8}v8" class="interval"/>`
        : '',
      `<text x="${left + plotWidth + 8}" y="${y + 17}" class="soft">${escapeXml(bar.text)}</text>`,
    ].join('')
  })
  const { name, lessIsBetter } = metrics[metric]
  const better = lessIsBetter
    ? { ko: '낮을수록 좋음', en: 'lower is better' }
    : { ko: '높을수록 좋음', en: 'higher is better' }
  const height = bars.length * rowHeight
  return [
    `<h2>${escapeXml(name[language])} <small>${better[language]}</small></h2>`,
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(name[language])}">`,
    `<path d="M${x(0).toFixed(1)} 0V${height}" class="axis"/>`,
    ...rows,
    '</svg>',
  ].join('\n')
}
