/**
 * What a field holds: `Text` also where its values are of several kinds, `Object` where `fields` do not tell more. Dates
 * are told from texts because the libraries that read JSON lines take them for dates too.
 */
export type FieldType = 'Text' | 'Date' | 'DateTime' | 'Integer' | 'Float' | 'Boolean' | 'Object'

/** A field of records. One with `fields` holds an object of these, or with `isArray` a list of such. */
export interface Field {
  readonly name: string
  readonly type: FieldType
  readonly isArray: boolean
  readonly fields: readonly Field[]
}

// An object of so many different keys is a map, not a record.
const mostKeys = 50

/** The union of all values met: which fields there are and what they hold. Missing and null values say nothing. */
export class Shape {
  private readonly types = new Set<FieldType>()
  private inLists = false
  private alone = false
  private readonly inner = new Map<string, Shape>()

  add(value: unknown): void {
    if (value === null || value === undefined) return
    if (Array.isArray(value)) {
      this.inLists = true
      for (const item of value) this.addOne(item)
    } else {
      this.alone = true
      this.addOne(value)
    }
  }

  private addOne(value: unknown): void {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, inside] of Object.entries(value)) {
        const shape = this.inner.get(key) ?? new Shape()
        this.inner.set(key, shape)
        shape.add(inside)
      }
    } else if (value !== null) this.types.add(typeOf(value))
  }

  /** The fields of the objects met, in the order in which they came. */
  fields(depth = 0): Field[] {
    return [...this.inner].map(([name, shape]) => shape.field(name, depth))
  }

  private field(name: string, depth: number): Field {
    const isMixed = (this.inLists && this.alone) || (this.types.size > 0 && this.inner.size > 0)
    const isObject = this.inner.size > 0
    const isRecord = isObject && !isMixed && depth === 0 && this.inner.size <= mostKeys
    return {
      name,
      type: isObject ? 'Object' : isMixed ? 'Text' : commonType([...this.types]),
      isArray: this.inLists && !this.alone,
      fields: isRecord ? this.fields(depth + 1) : [],
    }
  }
}

/** Types of which the first also holds values of the second. */
const wider: readonly (readonly [FieldType, FieldType])[] = [
  ['Float', 'Integer'],
  ['DateTime', 'Date'],
]

function commonType(types: readonly FieldType[]): FieldType {
  const [only = 'Text', ...others] = types
  if (others.length === 0) return only
  return wider.find(pair => types.every(type => pair.includes(type)))?.[0] ?? 'Text'
}

function typeOf(value: unknown): FieldType {
  if (typeof value === 'boolean') return 'Boolean'
  if (typeof value === 'object') return 'Object'
  if (typeof value === 'number') return Number.isInteger(value) ? 'Integer' : 'Float'
  const [, time] = /^\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d)?$/.exec(String(value)) ?? [undefined, 'none']
  if (time === 'none' || Number.isNaN(Date.parse(String(value)))) return 'Text'
  return time === undefined ? 'Date' : 'DateTime'
}

/** All fields that hold values, by path: `messages[].role`. */
export const fieldPaths = (fields: readonly Field[], before = ''): (readonly [string, FieldType])[] =>
  fields.flatMap(({ name, type, isArray, fields: inner }) => {
    const path = `${before}${name}${isArray ? '[]' : ''}`
    return inner.length > 0 ? fieldPaths(inner, `${path}.`) : [[path, type] as const]
  })
