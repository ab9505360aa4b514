import { stepWords } from '../report/words.ts'
import { citation, dateOf } from './croissant.ts'
import type { DataCard } from './dataCard.ts'
import { huggingFaceLicense, licenseParts } from './licenses.ts'
import { describe, grouped, limits, percent, sum } from './limits.ts'
import { type Field, type FieldType, fieldPaths } from './shape.ts'

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
  const bytes = sources.flatMap(({ files }) => files).reduce((total, file) => total + file.bytes, 0)
  const sourceRows = sources.map(({ name, origin, records, characters, hangul }) => [
    origin.url === undefined ? name : `[${name}](${origin.url})`,
    grouped(records),
    grouped(characters),
    percent(hangul),
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
    files.map(({ path, bytes, sha256 }) => [`\`${path}\``, grouped(bytes), `\`${sha256}\``]),
  )
  return `${frontMatter(card)}
# ${name}

${about.ko}

*English: ${about.en} A summary in English stands at the end.*

${list([
  `레코드 ${grouped(sum(sources, source => source.records))}개, ${grouped(sum(sources, source => source.characters))}자, ${grouped(bytes)} 바이트`,
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
    ...[documents, changed, dropped].map(grouped),
  ])
  return `${words.intro}\n\n${table(words.head, rows)}`
}

/** What the Hugging Face hub reads: YAML, of which JSON's texts are a part. */
function frontMatter({ name, sources }: DataCard): string {
  const parts = [...new Set(sources.flatMap(({ origin }) => licenseParts(origin.license)))]
  const ids = [...new Set(parts.map(part => huggingFaceLicense(part) ?? 'other'))]
  const others = parts.filter(part => huggingFaceLicense(part) === undefined)
  const configs = sources.flatMap(({ name, files }) => [
    `- config_name: ${JSON.stringify(name)}`,
    '  data_files:',
    ...files.map(({ path }) => `  - ${JSON.stringify(path)}`),
  ])
  return [
    '---',
    `pretty_name: ${JSON.stringify(name)}`,
    'language:',
    '- ko',
    'license:',
    ...ids.map(id => `- ${id}`),
    ...(others.length > 0 ? [`license_name: ${JSON.stringify(others.join(', '))}`] : []),
    'task_categories:',
    '- text-generation',
    'size_categories:',
    `- ${sizeCategory(sum(sources, source => source.records))}`,
    'configs:',
    ...configs,
    'dataset_info:',
    ...sources.flatMap(({ name, fields }) => [
      `- config_name: ${JSON.stringify(name)}`,
      '  features:',
      ...features(fields).map(line => `  ${line}`),
    ]),
    '---',
    '',
  ].join('\n')
}

const dtypes: Readonly<Record<FieldType, string>> = {
  Text: 'string',
  Date: 'timestamp[s]',
  DateTime: 'timestamp[s]',
  Integer: 'int64',
  Float: 'float64',
  Boolean: 'bool',
  Object: 'json',
}

/**
 * Fields as the library `datasets` writes them. Told in advance because it guesses them from the first 10 MB of a file,
 * and fails where a later record has another field.
 */
const features = (fields: readonly Field[]): string[] =>
  fields.flatMap(({ name, type, isArray, fields: inner }) => {
    const head = `- name: ${JSON.stringify(name)}`
    if (inner.length > 0) return [head, isArray ? '  list:' : '  struct:', ...features(inner).map(line => `  ${line}`)]
    return [head, `  ${isArray ? 'list' : 'dtype'}: ${dtypes[type]}`]
  })

/** Hugging Face's classes: `n<1K`, `1K<n<10K`, … */
function sizeCategory(records: number): string {
  const bounds = ['1K', '10K', '100K', '1M', '10M', '100M', '1B', '10B', '100B', '1T']
  const at = bounds.findIndex((_, i) => records < 10 ** (i + 3))
  if (at === 0) return 'n<1K'
  return at < 0 ? 'n>1T' : `${bounds[at - 1]}<n<${bounds[at]}`
}
