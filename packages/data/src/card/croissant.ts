import { stepWords } from '../report/words.ts'
import { citation, dateOf, versionOf } from './citation.ts'
import { croissantContext } from './croissantContext.ts'
import type { CardFile, CardSource, DataCard } from './dataCard.ts'
import { licenseParts, licenseUrl } from './licenses.ts'
import { describe, limits } from './limits.ts'
import { type Field, fieldPaths } from './shape.ts'

function encodingOf(path: string): string | string[] {
  if (path.endsWith('.parquet')) return 'application/x-parquet'
  return path.endsWith('.gz') ? ['application/jsonlines', 'application/gzip'] : 'application/jsonlines'
}

/** The metadata of a dataset in Croissant 1.1 (JSON-LD), https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html. */
export function croissant(card: DataCard): Record<string, unknown> {
  const licenses = new Set(card.sources.flatMap(({ origin }) => licenseParts(origin.license)))
  const { biases, limitations, personal } = limits(card)
  const urls = card.sources.flatMap(({ origin }) => origin.url ?? [])
  return {
    '@context': croissantContext,
    '@type': 'sc:Dataset',
    conformsTo: ['http://mlcommons.org/croissant/1.1', 'http://mlcommons.org/croissant/RAI/1.0'],
    name: card.name,
    description: describe(card),
    license: [...licenses].map(licenseUrl),
    ...(card.url !== undefined && { url: card.url }),
    ...(card.creators.length > 0 && {
      creator: card.creators.map(name => ({ '@type': 'sc:Organization', name })),
    }),
    datePublished: dateOf(card),
    version: versionOf(card),
    inLanguage: 'ko',
    keywords: ['Korean', '한국어', 'text', 'language modeling'],
    citeAs: citation(card),
    ...(urls.length > 0 && { 'prov:wasDerivedFrom': urls.map(url => ({ '@id': url })) }),
    ...generated(card),
    'rai:dataPreprocessingProtocol': (card.cleaning?.report.steps ?? []).map(
      ({ name, changed, dropped }) =>
        `${stepWords[name].name.en}: ${stepWords[name].about.en} (${changed} changed, ${dropped} dropped)`,
    ),
    'rai:dataBiases': biases.map(({ en }) => en),
    'rai:dataLimitations': limitations.map(({ en }) => en),
    'rai:personalSensitiveInformation': personal.map(({ en }) => en),
    distribution: card.sources.flatMap(source => [
      ...source.files.map(file => fileObject(file, source)),
      ...fileSet(source),
    ]),
    recordSet: card.sources.map(recordSet),
  }
}

function generated({ cleaning }: DataCard): Record<string, unknown> {
  if (!cleaning) return {}
  const steps = cleaning.report.steps.map(({ name }) => stepWords[name].name.en).join(', ')
  return { 'prov:wasGeneratedBy': { '@type': 'prov:Activity', 'prov:label': `${cleaning.command}: ${steps}` } }
}

// An identifier is a part of an address, in which spaces may not stand.
const idOf = (path: string): string => path.replace(/\s+/g, '-')

function fileObject({ path, bytes, sha256 }: CardFile, { origin }: CardSource): Record<string, unknown> {
  const { license, creator, url, madeFrom } = origin
  return {
    '@type': 'cr:FileObject',
    '@id': idOf(path),
    name: path,
    contentUrl: path,
    contentSize: `${bytes} B`,
    encodingFormat: encodingOf(path),
    sha256,
    license: licenseParts(license).map(licenseUrl),
    ...(url !== undefined
      ? { 'prov:wasDerivedFrom': { '@id': url } }
      : madeFrom && madeFrom.length > 0 && { 'prov:wasDerivedFrom': madeFrom }),
    ...(creator !== undefined && { 'prov:wasAttributedTo': { '@type': 'prov:Agent', 'prov:label': creator } }),
  }
}

/** The files of a source of which there are several, as one. */
const fileSet = ({ name, files }: CardSource): Record<string, unknown>[] =>
  files.length === 1
    ? []
    : [
        {
          '@type': 'cr:FileSet',
          '@id': `${name}-files`,
          encodingFormat: encodingOf(files[0]!.path),
          includes: files.map(file => file.path),
        },
      ]

function recordSet(source: CardSource): Record<string, unknown> {
  const { name, records, origin, fields } = source
  const about = [...(origin.description === undefined ? [] : [origin.description]), `${records} records.`]
  const undescribed = fieldPaths(fields).filter(([, type]) => type === 'Object')
  if (undescribed.length > 0) {
    about.push(`Nested objects, which are not described here: ${undescribed.map(([path]) => path).join(', ')}.`)
  }
  return {
    '@type': 'cr:RecordSet',
    '@id': name,
    name,
    description: { en: about.join(' ') },
    field: fieldsOf(fields, name, source),
  }
}

/** Croissant has no type for objects without known fields, so these are left out. */
function fieldsOf(fields: readonly Field[], parent: string, source: CardSource, column?: string): object[] {
  return fields.flatMap(({ name, type, isArray, fields: inner }): object[] => {
    const id = `${parent}/${idOf(name)}`
    const common = { '@type': 'cr:Field', '@id': id, name, ...(isArray && { isArray: true, arrayShape: '-1' }) }
    const subField = fieldsOf(inner, id, source, name)
    if (type === 'Object') return subField.length > 0 ? [{ ...common, subField }] : []
    return [{ ...common, dataType: `sc:${type}`, source: sourceOf(name, source, column) }]
  })
}

/** Where values come from: a column of the file, or what stands in the objects of one. */
function sourceOf(field: string, { name, files }: CardSource, column: string | undefined): object {
  const [file, ...more] = files
  const from = more.length === 0 ? { fileObject: { '@id': idOf(file!.path) } } : { fileSet: { '@id': `${name}-files` } }
  // A name that JSONPath would misread stands in quotation marks.
  const jsonPath = /^[A-Za-z_]\w*$/.test(field) ? field : `"${field}"`
  return { ...from, extract: { column: column ?? field }, ...(column !== undefined && { transform: { jsonPath } }) }
}
