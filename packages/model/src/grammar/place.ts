import { ModelError } from '../errors.ts'
import type { Fields } from './keywords.ts'

/* Where in a schema something stands, and how large it may be. */

export type JsonSchema = boolean | Readonly<Record<string, unknown>>

export type Path = readonly (string | number)[]
/** One schema's place among those that are written. */
export interface Place {
  readonly path: Path
  readonly depth: number
  /** The schema that `#` means, and where it stands. */
  readonly document: Document
}

export interface Document {
  readonly schema: JsonSchema
  readonly path: Path
  readonly strict: boolean
  /** Rules of what `$ref` has pointed to. */
  readonly named: Map<string, string>
}

/** A schema that is none, or that cannot be kept. */
export class SchemaError extends ModelError {
  /** Where in the schema. */
  readonly path: readonly (string | number)[]
  /** What is wrong there, without the place. */
  readonly problem: string

  constructor(path: readonly (string | number)[], problem: string) {
    super('option', `the schema${path.map(key => `.${key}`).join('')} ${problem}`)
    this.path = path
    this.problem = problem
  }
}

/*
 * Bounds, so that a schema is refused rather than waited for: a grammar of this size compiles in about a second of CPU time
 * for a vocabulary of 8,192.
 */
export const deepest = 32
export const mostSchemas = 4000
const mostAlternatives = 100

export const tooLarge = (path: Path) =>
  new SchemaError(path, 'is too large to be kept; use fewer or shorter properties and values')

/** The schemas that a keyword lists. */
export function listOfSchemas(fields: Fields, key: string, { path }: Place): JsonSchema[] {
  const list = fields[key]
  if (!Array.isArray(list) || list.length === 0) throw new SchemaError([...path, key], 'must be a list of schemas')
  if (list.length > mostAlternatives) throw tooLarge([...path, key])
  return list
}

/** A count that a keyword gives. */
export function countOf(fields: Fields, key: string, { path }: Place): number | undefined {
  const value = fields[key]
  if (value === undefined) return undefined
  if (!Number.isInteger(value) || (value as number) < 0)
    throw new SchemaError([...path, key], 'must be a whole number of 0 or more')
  return value as number
}

/** Refuses what recursion could not go through: schemas may have values of any depth, in enumerations for instance. */
export function requireShallow(schema: unknown, path: Path): void {
  let level: unknown[] = [schema]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > 8 * deepest) throw new SchemaError(path, `is nested deeper than ${deepest} levels`)
    level = level.flatMap(value => (typeof value === 'object' && value !== null ? Object.values(value) : []))
  }
}
