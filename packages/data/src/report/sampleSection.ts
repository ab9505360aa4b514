import type { CleaningSample } from '../steps/report.ts'
import type { DataReport } from './dataReport.ts'
import { both, escapeXml, type Text } from './html.ts'
import { reasonText, stepWords } from './words.ts'

/** Documents that steps changed or dropped, and some that are left. */
export function sampleSection({ steps, samples }: DataReport): string[] {
  const groups = [
    ...steps.map(({ name, samples }) => ({ name: stepWords[name].name, items: samples.map(sampleOf) })),
    {
      name: { ko: '남은 문서', en: 'documents kept' },
      items: samples.map(({ place, text }) => `<p><small>${escapeXml(place)}</small></p>${quote(text)}`),
    },
  ].filter(({ items }) => items.length > 0)
  if (groups.length === 0) return []
  return [
    `<h2>${both({ ko: '보기', en: 'Samples' })}</h2>`,
    `<p>${both({
      ko: '고르지 않고 뽑은 것이며, 개인정보는 어디서나 가렸습니다.',
      en: 'Drawn, not picked; personal data is masked everywhere.',
    })}</p>`,
    ...groups.map(
      ({ name, items }) => `<details><summary>${both(name)} (${items.length})</summary>${items.join('')}</details>`,
    ),
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
