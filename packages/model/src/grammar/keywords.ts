import { isDeepStrictEqual } from 'node:util'

/* What the keywords of JSON Schema (2020-12, older drafts, OpenAPI) speak of, and what may be said of them without a place. */

export type Fields = Readonly<Record<string, unknown>>

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const types = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const
export type Type = (typeof types)[number]

/** The keywords that say something about values of one type only. */
const keywordsOf: Readonly<Record<Type, readonly string[]>> = {
  object: [
    'properties',
    'required',
    'additionalProperties',
    'unevaluatedProperties',
    'propertyNames',
    'minProperties',
    'maxProperties',
  ],
  array: ['items', 'prefixItems', 'additionalItems', 'unevaluatedItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  boolean: [],
  null: [],
}

/** Keywords that forbid something which no grammar of ours can; `uniqueItems` and `multipleOf` unless they ask for nothing. */
export const unsupported: Readonly<Record<string, (value: unknown) => boolean>> = {
  not: () => false,
  if: () => false,
  contains: () => false,
  patternProperties: value => isDeepStrictEqual(value, {}),
  dependentRequired: () => false,
  dependentSchemas: () => false,
  dependencies: () => false,
  $dynamicRef: () => false,
  $recursiveRef: () => false,
  uniqueItems: value => value === false,
  multipleOf: () => false,
}

/** What formats look like, as patterns. Others are, as the standard has it, remarks. */
export const formats: Readonly<Record<string, string>> = (() => {
  const month31 = '(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])'
  const month30 = '(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)'
  const date = `\\d{4}-(?:${month31}|${month30}|02-(?:0[1-9]|1\\d|2[0-8]))`
  const time = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,6})?(?:Z|[+-](?:0\\d|1[0-3]):[0-5]\\d)'
  const byte = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
  const label = '[a-z0-9]{1,20}'
  return {
    date,
    time,
    'date-time': `${date}T${time}`,
    uuid: '[\\da-f]{8}-[\\da-f]{4}-[1-8][\\da-f]{3}-[89ab][\\da-f]{3}-[\\da-f]{12}',
    email: `${label}(?:[._-]${label})?@${label}(?:\\.${label})?\\.[a-z]{2,6}`,
    ipv4: `${byte}(?:\\.${byte}){3}`,
    uri: `https?://${label}(?:\\.${label}){1,2}(?:/[\\w.~-]{0,20}){0,3}`,
  }
})()

/** Keywords that forbid nothing. */
export const remarks = new Set([
  '$schema',
  '$id',
  '$anchor',
  '$comment',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
])

/** The keywords of a schema that say something, without those of `except`. */
export function assertionsOf(fields: Fields, ...except: string[]): Fields {
  const known = new Set<string>([
    ...Object.values(keywordsOf).flat(),
    ...['type', 'enum', 'const', 'anyOf', 'oneOf', 'allOf', '$ref'],
  ])
  return Object.fromEntries(Object.entries(fields).filter(([key]) => known.has(key) && !except.includes(key)))
}

export const saysOf = (fields: Fields, type: Type): boolean => keywordsOf[type].some(key => fields[key] !== undefined)

export function isOfType(value: unknown, type: Type): boolean {
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return isFields(value)
  // The names that are left are those of typeof.
  return typeof value === type
}

/** The types that both name; an integer is a number, too. */
export function commonTypes(one: unknown, other: unknown): unknown[] {
  const [ours, theirs] = [one, other].map(type => (Array.isArray(type) ? type : [type]))
  const fits = (type: unknown, list: unknown[]) =>
    list.includes(type) || (type === 'integer' && list.includes('number'))
  return [...new Set([...ours!.filter(type => fits(type, theirs!)), ...theirs!.filter(type => fits(type, ours!))])]
}

export const mergedProperties = (one: Fields, other: Fields): Fields => ({
  ...one,
  ...Object.fromEntries(
    Object.entries(other).map(([name, schema]) => [
      name,
      Object.hasOwn(one, name) && !isDeepStrictEqual(one[name], schema) ? { allOf: [one[name], schema] } : schema,
    ]),
  ),
})
