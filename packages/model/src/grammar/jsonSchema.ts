import { isDeepStrictEqual } from 'node:util'
import { areDisjoint, both, pointerPath, resolve, resolved, supported, typesOf } from './combine.ts'
import { type Expression, ebnfOf, finiteRules, isLeftRecursive, literal } from './ebnf.ts'
import { assertionsOf, type Fields, formats, isFields, isOfType, saysOf, type Type, types } from './keywords.ts'
import { integersIn, type NumberRange, numbersIn } from './numbers.ts'
import { PatternError, patternGrammar, plainCharacter } from './pattern.ts'
import {
  countOf,
  type Document,
  deepest,
  type JsonSchema,
  listOfSchemas,
  mostSchemas,
  type Path,
  type Place,
  requireShallow,
  SchemaError,
  tooLarge,
} from './place.ts'

/** A tool as far as a call of it has a form. */
export interface CallableTool {
  readonly name: string
  /** The schema of its arguments, an object; any object if absent. */
  readonly parameters?: JsonSchema
  /** Whether a schema that cannot be kept is refused; otherwise what cannot be kept of it does not bind. */
  readonly strict?: boolean
}

/* Bounds as in place.ts, of what is counted over a whole grammar. */
const mostEnumerated = 1000
const longestPattern = 1000
const longestGrammar = 64_000
/** Characters of strings that are counted: each is a state of its own. */
const mostCounted = 1024
/** A larger `maxLength` or `maxItems` is taken for this one. */
const longestCount = 512

/**
 * EBNF of the JSON texts that a schema (JSON Schema 2020-12, and what older drafts and OpenAPI write the same) is fulfilled
 * by: not of all of them, but every text of the grammar fulfils the schema. Between parts stand `", "` and `": "`, properties
 * come in the schema's order, and where some are named no others come. A `SchemaError` names what is no schema, is
 * fulfilled by nothing, is too large, or cannot be kept.
 */
export function schemaGrammar(schema: JsonSchema): string {
  const writer = new GrammarWriter()
  writer.rule('root', { all: ['[ \\n]{0,2}', writer.document('whole', schema, { path: [], strict: true })] })
  return writer.finish()
}

/**
 * EBNF of a call in Hermes form, `{"name": "…", "arguments": {…}}`, of one of the tools. Errors as `schemaGrammar`, of the
 * tools as a list; but where a tool is not strict, what cannot be kept of its schema is passed over.
 */
export function callGrammar(tools: readonly CallableTool[]): string {
  const writer = new GrammarWriter()
  const calls = tools.map(({ name, parameters = {}, strict = false }, i): Expression => {
    const given = writer.document(`arguments_${i}`, parameters, { path: [i], strict }, { type: 'object' })
    return { all: [literal(`${JSON.stringify(name)}, "arguments": `), given] }
  })
  writer.rule('root', { all: ['[ \\n]{0,2}', literal('{"name": '), { any: calls }, literal('}'), '[ \\n]{0,2}'] })
  return writer.finish()
}

class GrammarWriter {
  readonly #rules = new Map<string, Expression>()
  readonly #documents = new Map<string, Path>()
  #schemas = 0
  #enumerated = 0
  #counted = 0

  /** A rule of this name; it begins the grammar if it is `root`. */
  rule(name: string, body: Expression): void {
    this.#rules.set(name, body)
  }

  /** A whole schema as a rule of this name, with what it must say besides. */
  document(
    name: string,
    schema: JsonSchema,
    where: Pick<Document, 'path' | 'strict'>,
    besides: Fields = {},
  ): Expression {
    const place = { path: where.path, depth: 0, document: { schema, named: new Map<string, string>(), ...where } }
    this.#documents.set(name, where.path)
    requireShallow(schema, where.path)
    const isMore = Object.keys(besides).length > 0
    this.rule(name, this.#schema(isMore ? both(resolved(schema, place), besides, place) : schema, place))
    return { rule: name }
  }

  /** The grammar, once it has its rules. */
  finish(): string {
    const rules = new Map([['root', this.#rules.get('root')!], ...this.#rules])
    const [first] = this.#documents.values()
    if (isLeftRecursive(rules)) throw new SchemaError(first!, 'refers to itself without anything between')
    const finite = finiteRules(rules)
    for (const [name, path] of this.#documents)
      if (!finite.has(name)) throw new SchemaError(path, 'is fulfilled by no value that comes to an end')
    const text = ebnfOf(rules)
    if (text.length > longestGrammar) throw tooLarge(first!)
    return text
  }

  #schema(schema: unknown, place: Place): Expression {
    const { path, depth } = place
    if (++this.#schemas > mostSchemas) throw tooLarge(path)
    if (depth > deepest) throw new SchemaError(path, `is nested deeper than ${deepest} levels, or refers to itself`)
    if (schema === true) return this.#any()
    if (schema === false) throw new SchemaError(path, 'is fulfilled by nothing')
    if (!isFields(schema)) throw new SchemaError(path, 'must be a schema: an object, or true')
    const fields = supported(schema, place)
    if (fields.$ref !== undefined) return this.#reference(fields, place)
    if (fields.allOf !== undefined) return this.#allOf(fields, place)
    if (fields.anyOf !== undefined) return this.#anyOf(fields, 'anyOf', place)
    if (fields.oneOf !== undefined) return this.#oneOf(fields, place)
    if (fields.const !== undefined) return this.#values(fields, 'const', [fields.const], place)
    if (fields.enum !== undefined) {
      if (!Array.isArray(fields.enum)) throw new SchemaError([...path, 'enum'], 'must be an array')
      return this.#values(fields, 'enum', fields.enum, place)
    }
    const wanted = typesOf(fields, place)
    if (wanted.length === types.length - 1 && wanted.every(type => !saysOf(fields, type))) return this.#any()
    return oneOf(wanted.map(type => this.#ofType(type, fields, place)))
  }

  #any(): Expression {
    if (!this.#rules.has('value')) {
      const [comma, string] = ['", "', { rule: 'string' }]
      const entry = { all: [string, '": "', { rule: 'value' }] }
      const listOf = (item: Expression): Expression => ({
        all: [item, { repeat: { all: [comma, item] }, least: 0 }],
      })
      this.#string()
      this.rule('number', numberText)
      this.rule('object', { any: ['"{}"', { all: ['"{"', listOf(entry), '"}"'] }] })
      this.rule('array', { any: ['"[]"', { all: ['"["', listOf({ rule: 'value' }), '"]"'] }] })
      const simple = ['"true"', '"false"', '"null"']
      const composed = ['object', 'array', 'string', 'number'].map(rule => ({ rule }))
      this.rule('value', { any: [...composed, ...simple] })
    }
    return { rule: 'value' }
  }

  #anyObject(): Expression {
    this.#any()
    return { rule: 'object' }
  }

  /** Any string. Runs of characters, with escapes between: that is what XGrammar is quick at. */
  #string(): Expression {
    this.rule('string', `"\\"" ${restOfString}`)
    this.rule('escape', escapeText)
    return { rule: 'string' }
  }

  #reference(fields: Fields, place: Place): Expression {
    const { path, document } = place
    const pointer = fields.$ref
    const target = resolve(pointer, [...path, '$ref'], document)
    if (Object.keys(assertionsOf(fields, '$ref')).length > 0)
      return this.#schema(resolved(fields, place), { ...place, depth: place.depth + 1 })
    const known = document.named.get(pointer as string)
    if (known !== undefined) return { rule: known }
    const name = `ref_${this.#rules.size}`
    document.named.set(pointer as string, name)
    // Its place among the rules is taken before what it refers to.
    this.rule(name, { any: [] })
    this.rule(
      name,
      this.#schema(target, {
        path: [...document.path, ...pointerPath(pointer as string)],
        depth: place.depth + 1,
        document,
      }),
    )
    return { rule: name }
  }

  #allOf(fields: Fields, place: Place): Expression {
    const parts = listOfSchemas(fields, 'allOf', place)
    const { allOf: _, ...rest } = fields
    const whole = parts.reduce<Fields>((all, part, i) => {
      const at = { ...place, path: [...place.path, 'allOf', i] }
      return both(all, resolved(part, at), at)
    }, rest)
    return this.#schema(whole, { ...place, depth: place.depth + 1 })
  }

  #anyOf(fields: Fields, key: 'anyOf' | 'oneOf', place: Place): Expression {
    const rest = assertionsOf(fields, key)
    const isAlone = Object.keys(rest).length === 0
    return oneOf(
      listOfSchemas(fields, key, place).flatMap((part, i) => {
        const at = { ...place, path: [...place.path, key, i], depth: place.depth + 1 }
        if (part === false) return []
        return [this.#schema(isAlone ? part : both(resolved(part, at), rest, at), at)]
      }),
    )
  }

  #oneOf(fields: Fields, place: Place): Expression {
    const parts = listOfSchemas(fields, 'oneOf', place).map((part, i) =>
      resolved(part, { ...place, path: [...place.path, 'oneOf', i] }),
    )
    const overlap = parts.some((part, i) => parts.slice(0, i).some(other => !areDisjoint(part, other, place)))
    if (overlap && place.document.strict)
      throw new SchemaError(
        [...place.path, 'oneOf'],
        'has alternatives that one value may fulfil together; tell them apart by type or by a required property with a const, or use anyOf',
      )
    return this.#anyOf(fields, 'oneOf', place)
  }

  #values(fields: Fields, key: 'const' | 'enum', values: readonly unknown[], place: Place): Expression {
    const { path, document } = place
    const beside = Object.keys(assertionsOf(fields, 'const', 'enum', 'type'))
    if (beside.length > 0 && document.strict)
      throw new SchemaError([...path, beside[0]!], `is said beside '${key}'; leave it out`)
    this.#enumerated += values.length
    if (this.#enumerated > mostEnumerated)
      throw new SchemaError([...path, key], `has too many values; all enumerations together may have ${mostEnumerated}`)
    const wanted = fields.type === undefined ? types : typesOf(fields, place)
    const fitting = values
      .filter(
        value => key === 'const' || !Array.isArray(fields.enum) || fields.enum.some(v => isDeepStrictEqual(v, value)),
      )
      .filter(value => wanted.some(type => isOfType(value, type)))
    if (fitting.length === 0) throw new SchemaError([...path, key], 'has no value that fits')
    return oneOf(fitting.map(value => literal(jsonText(value))))
  }

  #ofType(type: Type, fields: Fields, place: Place): Expression {
    switch (type) {
      case 'object':
        return this.#object(fields, place)
      case 'array':
        return this.#array(fields, place)
      case 'string':
        return this.#text(fields, place)
      case 'number':
      case 'integer':
        return this.#number(type, fields, place)
      case 'boolean':
        return '("true" | "false")'
      case 'null':
        return '"null"'
    }
  }

  #object(fields: Fields, place: Place): Expression {
    const { path } = place
    const { properties = {}, required = [], propertyNames = true } = fields
    const additional = fields.additionalProperties ?? fields.unevaluatedProperties ?? true
    if (!isFields(properties)) throw new SchemaError([...path, 'properties'], 'must be an object of schemas')
    if (!Array.isArray(required) || !required.every(name => typeof name === 'string'))
      throw new SchemaError([...path, 'required'], 'must be a list of names')
    if (required.length > mostSchemas) throw tooLarge([...path, 'required'])
    const [least, most] = [countOf(fields, 'minProperties', place), countOf(fields, 'maxProperties', place)]
    const below = (...keys: string[]) => ({ ...place, path: [...path, ...keys], depth: place.depth + 1 })
    const unnamed = required.filter((name: string) => !Object.hasOwn(properties, name))
    if (unnamed.length > 0 && additional === false)
      throw new SchemaError([...path, 'required'], `asks for '${unnamed[0]}', which is none of the properties`)
    const all = [
      ...Object.entries(properties).map(([name, schema]) => ({ name, schema, at: below('properties', name) })),
      ...unnamed.map((name: string) => ({ name, schema: additional, at: below('additionalProperties') })),
    ].filter(({ name, schema }) => schema !== false || required.includes(name))
    if (all.length === 0 && additional !== false) {
      if (least !== undefined && least > 1 && place.document.strict)
        throw new SchemaError([...path, 'minProperties'], 'may be 1 at most where no properties are named')
      if (additional === true && propertyNames === true && most === undefined && !least) return this.#anyObject()
      const key = isFields(propertyNames) ? { ...propertyNames, type: 'string' } : { type: 'string' }
      const entry = this.#shared({
        all: [
          this.#schema(key, below('propertyNames')),
          literal(': '),
          this.#schema(additional, below('additionalProperties')),
        ],
      })
      return this.#enclosed('{', '}', [entry], entry, Math.min(least ?? 0, 1), most)
    }
    // More that must be, or fewer that may: both only make the schema narrower.
    const isRequired = all.map(({ name }) => required.includes(name))
    for (let i = 0; i < all.length && isRequired.filter(Boolean).length < (least ?? 0); i++) isRequired[i] = true
    if ((least ?? 0) > all.length) throw new SchemaError([...path, 'minProperties'], 'asks for more than are named')
    let optional = (most ?? all.length) - isRequired.filter(Boolean).length
    if (optional < 0) throw new SchemaError([...path, 'maxProperties'], 'allows fewer than are required')
    const kept = all
      .map((one, i) => ({ ...one, isRequired: isRequired[i]! }))
      .filter(one => one.isRequired || optional-- > 0)
    return this.#properties(
      kept.map(({ name, schema, at, isRequired }) => ({
        text: { all: [literal(`${JSON.stringify(name)}: `), this.#schema(schema, at)] },
        isRequired,
      })),
    )
  }

  /** Properties in their order, each with a comma before it if another has come. */
  #properties(all: readonly { text: Expression; isRequired: boolean }[]): Expression {
    let [first, next]: [Expression, Expression] = ['"}"', '"}"']
    for (const { text, isRequired } of all.toReversed()) {
      const following: Expression = { all: ['", "', text, next] }
      const leading: Expression = { all: [text, next] }
      first = isRequired ? leading : this.#named('first', { any: [leading, first] })
      next = isRequired ? following : this.#named('next', { any: [following, next] })
    }
    return { all: ['"{"', first] }
  }

  /** An expression that stands in several places: by a name, lest its copies have copies of what is in it. */
  #shared(expression: Expression): Expression {
    return typeof expression === 'string' || 'rule' in expression ? expression : this.#named('part', expression)
  }

  #named(prefix: string, body: Expression): Expression {
    const name = `${prefix}_${this.#rules.size}`
    this.rule(name, body)
    return { rule: name }
  }

  #array(fields: Fields, place: Place): Expression {
    const { path } = place
    const isOld = Array.isArray(fields.items)
    const first = fields.prefixItems ?? (isOld ? fields.items : [])
    const others = (isOld ? fields.additionalItems : fields.items) ?? fields.unevaluatedItems ?? true
    if (!Array.isArray(first)) throw new SchemaError([...path, 'prefixItems'], 'must be a list of schemas')
    const [least = 0, most] = [countOf(fields, 'minItems', place), countOf(fields, 'maxItems', place)]
    if (least > longestCount) throw new SchemaError([...path, 'minItems'], `must be at most ${longestCount}`)
    if (most !== undefined && most < least) throw new SchemaError([...path, 'maxItems'], 'is below minItems')
    const below = (...keys: (string | number)[]) => ({ ...place, path: [...path, ...keys], depth: place.depth + 1 })
    const prefix = first
      .slice(0, most)
      .map((schema, i) => this.#shared(this.#schema(schema, below(isOld ? 'items' : 'prefixItems', i))))
    const ends = others === false || most === prefix.length
    if (ends && least > prefix.length)
      throw new SchemaError([...path, 'minItems'], 'asks for more items than there may be')
    if (ends && prefix.length === 0) return '"[]"'
    const item = ends ? undefined : this.#shared(this.#schema(others, below(isOld ? 'additionalItems' : 'items')))
    return this.#enclosed('[', ']', prefix, item, least, most)
  }

  /** A list between brackets: beginning with `prefix`, which may be cut from `least` on, then any number of `item`. */
  #enclosed(
    open: string,
    close: string,
    prefix: readonly Expression[],
    item: Expression | undefined,
    least: number,
    most: number | undefined,
  ): Expression {
    const leading = prefix.length > 0 ? prefix : [item!]
    const limit = most === undefined ? undefined : Math.max(0, Math.min(most, longestCount) - leading.length)
    const more: Expression[] = item
      ? [{ repeat: { all: ['", "', item] }, least: Math.max(0, least - leading.length), most: limit }]
      : []
    const whole = (count: number, rest: readonly Expression[]): Expression => ({
      all: [
        literal(open),
        ...leading.slice(0, count).flatMap((part, i) => (i === 0 ? [part] : ['", "', part])),
        ...rest,
        literal(close),
      ],
    })
    const shorter = Array.from({ length: leading.length }, (_, count) => count).filter(count => count >= least)
    if (most === 0) return literal(open + close)
    return oneOf([...shorter.map(count => whole(count, [])), whole(leading.length, more)])
  }

  #text(fields: Fields, place: Place): Expression {
    const { path, document } = place
    const [least, most] = [countOf(fields, 'minLength', place), countOf(fields, 'maxLength', place)]
    if (least !== undefined && most !== undefined && least > most)
      throw new SchemaError([...path, 'maxLength'], 'is below minLength')
    const { pattern, format } = fields
    if (pattern !== undefined) {
      if (typeof pattern !== 'string') throw new SchemaError([...path, 'pattern'], 'must be a regular expression')
      if (pattern.length > longestPattern) throw tooLarge([...path, 'pattern'])
      try {
        new RegExp(pattern, 'u')
        const { text, size } = patternGrammar(pattern)
        if ((least || most !== undefined) && document.strict)
          throw new SchemaError(
            [...path, least ? 'minLength' : 'maxLength'],
            "is said beside 'pattern'; put it into the pattern",
          )
        if (this.#canCount(size, [...path, 'pattern'], document)) return { all: ['"\\""', text, '"\\""'] }
      } catch (error) {
        if (error instanceof SyntaxError) throw new SchemaError([...path, 'pattern'], 'is no regular expression')
        if (!(error instanceof PatternError)) throw error
        if (document.strict)
          throw new SchemaError([...path, 'pattern'], `${error.message}, which this server cannot keep`)
      }
    }
    const known = typeof format === 'string' && Object.hasOwn(formats, format) ? formats[format] : undefined
    if (known !== undefined && least === undefined && most === undefined)
      return { all: ['"\\""', patternGrammar(known).text, '"\\""'] }
    if (!least && most === undefined) return this.#string()
    if ((least ?? 0) > longestCount) throw new SchemaError([...path, 'minLength'], `must be at most ${longestCount}`)
    const counted = most === undefined ? least! : Math.min(most, longestCount)
    const key = most === undefined ? 'minLength' : 'maxLength'
    if (!this.#canCount(counted, [...path, key], document)) return this.#string()
    if (most !== undefined) return `"\\"" ${plainCharacter}{${least ?? 0},${Math.min(most, longestCount)}} "\\""`
    this.#string()
    return `"\\"" ${plainCharacter}{${least}} ${restOfString}`
  }

  #number(type: 'number' | 'integer', fields: Fields, { path }: Place): Expression {
    const bound = (key: string): number | undefined => {
      const value = fields[key]
      if (value === undefined) return undefined
      if (typeof value !== 'number' || !Number.isFinite(value))
        throw new SchemaError([...path, key], 'must be a number')
      return value
    }
    const [least, above, most, below] = ['minimum', 'exclusiveMinimum', 'maximum', 'exclusiveMaximum'].map(bound)
    if ([least, above, most, below].every(value => value === undefined)) {
      if (type === 'integer') return integerText
      this.rule('number', numberText)
      return { rule: 'number' }
    }
    const isLeastOpen = above !== undefined && (least === undefined || above >= least)
    const isMostOpen = below !== undefined && (most === undefined || below <= most)
    const range: NumberRange = {
      least: isLeastOpen ? above : least,
      most: isMostOpen ? below : most,
      isLeastOpen,
      isMostOpen,
    }
    const text = type === 'integer' ? integersIn(range) : numbersIn(range)
    if (text === undefined) throw new SchemaError(path, 'is fulfilled by no number between its bounds')
    return `(${text})`
  }

  /** Keeps count of the characters that are counted, as long as there are not too many. */
  #canCount(characters: number, path: Path, { strict }: Document): boolean {
    if (this.#counted + characters > mostCounted) {
      const problem = `counts too much: all strings together may have ${mostCounted} characters that are counted`
      if (strict) throw new SchemaError(path, problem)
      return false
    }
    this.#counted += characters
    return true
  }
}

const escapeText = String.raw`["\\/bfnrt] | "u" ([0-9A-Ca-cE-Fe-f] [0-9A-Fa-f] | [Dd] [0-7]) [0-9A-Fa-f]{2}`
const restOfString = String.raw`${plainCharacter}* ("\\" escape ${plainCharacter}*)* "\""`
/* Not more digits than a double keeps, and no exponent that leads out of its range. */
const integerText = '("0" | "-"? [1-9] [0-9]{0,14})'
const numberText = '"-"? ("0" | [1-9] [0-9]{0,14}) ("." [0-9]{1,15})? ([eE] [+-]? [0-9]{1,2})?'

const oneOf = (parts: readonly Expression[]): Expression => (parts.length === 1 ? parts[0]! : { any: parts })

/** JSON as the grammars write it, with spaces behind commas and colons. */
function jsonText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonText).join(', ')}]`
  if (!isFields(value)) return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}: ${jsonText(inner)}`)
    .join(', ')}}`
}
