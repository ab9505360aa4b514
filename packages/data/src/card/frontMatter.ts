import { sum } from '../report/figures.ts'
import type { DataCard } from './dataCard.ts'
import { huggingFaceLicense, licenseParts } from './licenses.ts'
import type { Field, FieldType } from './shape.ts'

/** What the Hugging Face hub reads: YAML, of which JSON's texts are a part. */
export function frontMatter({ name, sources }: DataCard): string {
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
