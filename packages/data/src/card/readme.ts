import { count, share, sum } from '../report/figures.ts'
import { stepWords } from '../report/words.ts'
import { citation, dateOf } from './citation.ts'
import type { DataCard } from './dataCard.ts'
import { frontMatter } from './frontMatter.ts'
import { describe, limits } from './limits.ts'
import { fieldPaths } from './shape.ts'

/** Text as it may stand in a cell of a Markdown table. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.map(cell).join(' | ')} |`).join('\n')

const list = (items: readonly string[]): string => items.map(item => `- ${item}`).join('\n')

/** A data card (README.md) with the front matter of a Hugging Face dataset: Korean, and a summary in English. */
export function readme(card: DataCard): string {
  const { name, sources, creators, url, cleaning } = card
  const about = describe(card)
  const { biases, limitations, personal } = limits(card)
  const bytes = sum(sources, ({ files }) => sum(files, file => file.bytes))
  const sourceRows = sources.map(({ name, origin, records, characters, hangul }) => [
    origin.url === undefined ? name : `[${name}](${origin.url})`,
    count(records),
    count(characters),
    share(hangul, 1),
    origin.license,
    origin.creator ?? '',
    origin.madeFrom?.map(file => `\`${file}\``).join(', ') ?? '',
  ])
  const described = sources.flatMap(({ name, origin }) =>
    origin.description ? [`**${name}**: ${origin.description}`] : [],
  )
  const fieldRows = sources.flatMap(source =>
    fieldPaths(source.fields).map(([field, type], i) => [i === 0 ? source.name : '', `\`${field}\``, type]),
  )
  const fileRows = sources.flatMap(({ files }) =>
    files.map(({ path, bytes, sha256 }) => [`\`${path}\``, count(bytes), `\`${sha256}\``]),
  )
  return `${frontMatter(card)}
# ${name}

${about.ko}

*English: ${about.en} A summary in English stands at the end.*

${list([
  `레코드 ${count(sum(sources, source => source.records))}개, ${count(sum(sources, source => source.characters))}자, ${count(bytes)} 바이트`,
  ...(creators.length > 0 ? [`만든이: ${creators.join(', ')}`] : []),
  ...(url === undefined ? [] : [`주소: <${url}>`]),
  `날짜: ${dateOf(card)}`,
])}

\`\`\`python
from datasets import load_dataset
data = load_dataset("이 폴더나 저장소", "${sources[0]!.name}", split="train")
\`\`\`

\`croissant.json\`은 같은 내용을 기계가 읽는 형식([Croissant](https://mlcommons.org/croissant))으로 담습니다.

## 출처와 이용 허락

${table(['출처', '레코드', '글자', '한글', '이용 허락', '만든이', '원래 파일'], sourceRows)}
${described.length > 0 ? `\n${list(described)}\n` : ''}
## 칸

${table(['출처', '칸', '형'], fieldRows)}

## 다듬은 방법

${cleaning ? cleaningText(cleaning, 'ko') : '다듬은 기록이 없습니다.'}

## 한계와 치우침

${list([...limitations, ...biases].map(({ ko }) => ko))}

## 개인정보

${list(personal.map(({ ko }) => ko))}

## 파일과 체크섬

${table(['파일', '바이트', 'SHA-256'], fileRows)}

## 인용

\`\`\`bibtex
${citation(card)}
\`\`\`

## English summary

${about.en}

${table(
  ['source', 'records', 'characters', 'Hangul', 'licence'],
  sourceRows.map(row => row.slice(0, 5)),
)}

${cleaning ? `${cleaningText(cleaning, 'en')}\n\n` : ''}${list([...limitations, ...biases, ...personal].map(({ en }) => en))}
`
}

function cleaningText({ report, command }: NonNullable<DataCard['cleaning']>, language: 'ko' | 'en'): string {
  const words = {
    ko: {
      intro: `\`${command}\`으로 이 차례대로 다듬었습니다.`,
      head: ['단계', '하는 일', '들어온 문서', '고침', '뺌'],
    },
    en: {
      intro: `Cleaned with \`${command}\`, in these steps.`,
      head: ['step', 'what it does', 'documents', 'changed', 'dropped'],
    },
  }[language]
  const rows = report.steps.map(({ name, documents, changed, dropped }) => [
    stepWords[name].name[language],
    stepWords[name].about[language],
    ...[documents, changed, dropped].map(count),
  ])
  return `${words.intro}\n\n${table(words.head, rows)}`
}
