import { isDeepStrictEqual } from 'node:util'
import {
  assertionsOf,
  commonTypes,
  type Fields,
  isFields,
  mergedProperties,
  remarks,
  saysOf,
  type Type,
  types,
  unsupported,
} from './keywords.ts'
import { type Document, deepest, type JsonSchema, type Path, type Place, SchemaError } from './place.ts'

/* What schemas mean that point to others, and what several of them say together. */

/** The schema itself, or what it refers to. */
export function resolved(schema: JsonSchema, place: Place): Fields {
  let target: unknown = schema
  for (let steps = 0; isFields(target) && typeof target.$ref === 'string'; steps++) {
    if (steps > deepest) throw new SchemaError(place.path, 'refers to itself')
    const rest = assertionsOf(target, '$ref')
    const inner = resolve(target.$ref, [...place.path, '$ref'], place.document)
    target = inner === true ? rest : inner === false ? false : both(inner as Fields, rest, place)
  }
  if (target === true) return {}
  if (!isFields(target)) throw new SchemaError(place.path, 'must be a schema that something fulfils')
  return supported(target, place)
}

/** What a `$ref` in a document points to. */
export function resolve(pointer: unknown, path: Path, { schema }: Document): JsonSchema {
  if (typeof pointer !== 'string' || !/^#(?:\/|$)/.test(pointer))
    throw new SchemaError(path, "must point into the schema itself, such as '#/$defs/name'")
  let target: unknown = schema
  for (const key of pointerPath(pointer)) {
    const inner = typeof target === 'object' && target !== null && Object.hasOwn(target, key)
    if (!inner) throw new SchemaError(path, 'points to nothing')
    target = (target as Fields)[key]
  }
  if (!isFields(target) && typeof target !== 'boolean') throw new SchemaError(path, 'points to no schema')
  return target
}

/** A schema that says what both say. */
export function both(one: Fields, other: Fields, place: Place): Fields {
  const all: Record<string, unknown> = { ...one }
  for (const [key, value] of Object.entries(other)) {
    const before = all[key]
    if (before === undefined || remarks.has(key) || isDeepStrictEqual(before, value)) all[key] = value
    else if (key === 'type') all.type = commonTypes(before, value)
    else if (key === 'required' && Array.isArray(before) && Array.isArray(value))
      all.required = [...new Set([...before, ...value])]
    else if (key === 'properties' && isFields(before) && isFields(value))
      all.properties = mergedProperties(before, value)
    else if (key === 'allOf' && Array.isArray(before) && Array.isArray(value)) all.allOf = [...before, ...value]
    else if (/^(min|exclusiveMin)/.test(key)) all[key] = Math.max(Number(before), Number(value))
    else if (/^(max|exclusiveMax)/.test(key)) all[key] = Math.min(Number(before), Number(value))
    else if (place.document.strict)
      throw new SchemaError([...place.path, key], 'is said twice, which this server cannot bring together; say it once')
  }
  // What one schema does not name is what it calls additional.
  const namesOf = ({ properties }: Fields) => (isFields(properties) ? Object.keys(properties) : [])
  for (const [closed, open] of [
    [one, other],
    [other, one],
  ] as const) {
    const isClosed = ![undefined, true].includes(closed.additionalProperties as boolean | undefined)
    const missing = isClosed ? namesOf(open).find(name => !namesOf(closed).includes(name)) : undefined
    if (missing !== undefined && place.document.strict)
      throw new SchemaError(
        [...place.path, 'additionalProperties'],
        `is said where '${missing}' is not named; name all properties in one place`,
      )
  }
  return all
}

/** Without remarks and what asks for nothing. What cannot be kept is refused where the schema is strict. */
export function supported(schema: Fields, { path, document }: Place): Fields {
  return Object.fromEntries(
    Object.entries(schema).filter(([key, value]) => {
      if (value === undefined) return false
      const isHarmless = Object.hasOwn(unsupported, key) ? unsupported[key] : undefined
      if (!isHarmless) return true
      if (!isHarmless(value) && document.strict)
        throw new SchemaError([...path, key], 'is something that this server cannot keep; leave it out')
      return false
    }),
  )
}

/** Whether no value fulfils both, as far as types and a property that tells them apart say. */
export function areDisjoint(one: Fields, other: Fields, place: Place): boolean {
  const [a, b] = [valuesOf(one), valuesOf(other)]
  if (a && b && [...a, ...b].every(value => !(value instanceof Object))) return new Set(a).isDisjointFrom(new Set(b))
  const [ours, theirs] = [one, other].map(part => typesOf(part, place).map(t => (t === 'integer' ? 'number' : t)))
  if (!ours!.some(type => theirs!.includes(type))) return true
  const [mine, its] = [one, other].map(({ properties }) => (isFields(properties) ? properties : {}))
  const required = [one, other].map(part => (Array.isArray(part.required) ? part.required : []))
  return Object.keys(mine!).some(name => {
    if (!Object.hasOwn(its!, name) || !required.every(names => names.includes(name))) return false
    const [a, b] = [mine![name], its![name]]
    return isFields(a) && isFields(b) && ours!.length === 1 && theirs!.length === 1 && areDisjoint(a, b, place)
  })
}

/** The values of an enumeration. */
function valuesOf({ const: only, enum: several }: Fields): readonly unknown[] | undefined {
  return only !== undefined ? [only] : Array.isArray(several) ? several : undefined
}

/** The types that are wanted: those that are named, or those that the other keywords speak of, or all. */
export function typesOf(fields: Fields, { path }: Place): Type[] {
  const { type } = fields
  const named = typeof type === 'string' ? [type] : type
  if (named === undefined) {
    const meant = types.filter(name => name !== 'integer' && saysOf(fields, name))
    return meant.length > 0 ? meant : types.filter(name => name !== 'integer')
  }
  if (!Array.isArray(named) || named.length === 0 || !named.every(name => types.includes(name)))
    throw new SchemaError([...path, 'type'], `must be one or several of ${types.join(', ')}`)
  return named.filter((name, i) => named.indexOf(name) === i && !(name === 'integer' && named.includes('number')))
}

/** The keys of a JSON pointer (RFC 6901) behind `#`. */
export const pointerPath = (pointer: string): string[] =>
  pointer
    .slice(1)
    .replace(/(?:%[\da-f]{2})+/gi, bytes => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString())
    .split('/')
    .slice(1)
    .map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'))
