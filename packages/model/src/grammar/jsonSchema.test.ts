import { Ajv2020 } from 'ajv/dist/2020.js'
import formatsOf from 'ajv-formats'
import { afterAll, describe, expect, test } from 'vitest'
import { trainTokenizer } from '../bpeTrainer.ts'
import { Random } from '../random.ts'
import { ReplySampler } from '../replySampler.ts'
import { checkSampling, Sampler } from '../sampling.ts'
import { Tokenizer } from '../tokenizer.ts'
import { GrammarText, GrammarVocabulary } from './grammar.ts'
import { callGrammar, schemaGrammar } from './jsonSchema.ts'
import { type JsonSchema, SchemaError } from './place.ts'

/* Noise, forced into a schema, and judged by another's validator. */

const tokenizer = new Tokenizer(
  await trainTokenizer(['{"이름": "홍길동", "나이": 20, "주소": {"도시": "서울"}} [1, 2.5, true, null]'], {
    vocabularySize: 310,
  }),
)
const stopIds = new Set([tokenizer.controlId('<|end|>')])
const ajv = new Ajv2020({ strict: false, validateFormats: true })
formatsOf.default(ajv)

const texts: GrammarText[] = []
afterAll(() => {
  for (const text of texts) text.release()
})

/** What ends a value is likelier, so that noise comes to its end. */
const closing = tokenizer.encodePlain('"}]')

/** Texts of a grammar, by seed; undefined where noise was not over in time. */
async function drawn(ebnf: string, seeds: number, temperature = 1): Promise<(string | undefined)[]> {
  const text = new GrammarText(tokenizer, ebnf, stopIds)
  texts.push(text)
  await text.prepare()
  return Array.from({ length: seeds }, (_, seed) => {
    const random = new Random(seed)
    const drawing = new Sampler(checkSampling({ temperature }), random)
    const sampler = new ReplySampler(tokenizer, drawing, { prompt: [], thinking: false, stopIds, answer: text })
    const tokens: number[] = []
    for (let count = 0; count < 300; count++) {
      const logits = Float32Array.from({ length: tokenizer.vocabularySize }, () => random.normal())
      for (const id of closing) logits[id]! += 3
      const token = sampler.next(logits)
      if (stopIds.has(token)) return Buffer.concat(tokens.map(id => tokenizer.tokenBytes(id))).toString()
      tokens.push(token)
    }
    return undefined
  })
}

const person = {
  type: 'object',
  properties: {
    이름: { type: 'string', maxLength: 8 },
    나이: { type: 'integer', minimum: 0, maximum: 130 },
    주소: {
      type: 'object',
      properties: { 도시: { enum: ['서울', '부산', '"광주"\\'] }, 번지: { type: ['string', 'null'], maxLength: 3 } },
      required: ['도시'],
    },
  },
  required: ['이름', '나이', '주소'],
  additionalProperties: false,
}

const fulfilled: Record<string, JsonSchema> = {
  anything: true,
  'an object': { type: 'object' },
  'nested objects': person,
  'optional properties': {
    type: 'object',
    properties: { a: { type: 'boolean' }, b: { type: 'null' }, c: { type: 'integer' }, d: { const: 'x' } },
    required: ['c'],
  },
  'only optional properties, some of which must be': {
    properties: { a: { type: 'boolean' }, b: { type: 'null' }, c: { type: 'boolean' } },
    minProperties: 1,
    maxProperties: 2,
  },
  'a map': { type: 'object', additionalProperties: { type: 'integer' }, propertyNames: { pattern: '^[a-z]{2,4}$' } },
  'a required property that is not described': {
    type: 'object',
    required: ['x'],
    additionalProperties: { type: 'boolean' },
  },
  'an array': { type: 'array', items: { type: 'number' }, minItems: 2, maxItems: 4 },
  'a tuple': { type: 'array', prefixItems: [{ type: 'boolean' }, { type: 'null' }], items: { const: 1 }, minItems: 1 },
  'a closed tuple': { prefixItems: [{ type: 'boolean' }, { type: 'null' }], items: false },
  'an empty array': { type: 'array', maxItems: 0 },
  values: { enum: [1, 'two', { three: [3, null] }, ['넷'], '"\\\n', false] },
  'values of a type': { type: 'string', enum: ['a', 1, 'b'] },
  alternatives: {
    anyOf: [{ type: 'integer' }, { type: 'array', items: { type: 'boolean' } }, { $ref: '#/$defs/s' }],
    $defs: { s: { type: 'string', maxLength: 2 } },
  },
  'alternatives beside properties': {
    type: 'object',
    properties: { a: { type: 'boolean' }, b: { type: 'boolean' } },
    anyOf: [{ required: ['a'] }, { required: ['b'] }],
  },
  'alternatives told apart by type': { oneOf: [{ type: 'integer' }, { type: 'string', maxLength: 3 }] },
  'alternatives told apart by a property': {
    oneOf: [
      {
        type: 'object',
        properties: { kind: { const: '원' }, radius: { type: 'number' } },
        required: ['kind', 'radius'],
      },
      { type: 'object', properties: { kind: { enum: ['점', '선'] } }, required: ['kind'] },
    ],
  },
  'all of several': {
    allOf: [{ $ref: '#/$defs/a' }, { properties: { b: { type: 'integer', maximum: 3 } }, required: ['b'] }],
    $defs: {
      a: { type: 'object', properties: { a: { type: 'boolean' }, b: { type: 'number', minimum: 1 } }, required: ['a'] },
    },
  },
  'a reference with remarks and rules beside it': {
    $ref: '#/$defs/n',
    description: '수',
    maximum: 5,
    $defs: { n: { type: 'integer', minimum: 3 } },
  },
  recursion: {
    $ref: '#/$defs/tree',
    $defs: {
      tree: {
        type: 'object',
        properties: {
          name: { enum: ['가', '나'] },
          children: { type: 'array', items: { $ref: '#/$defs/tree' }, maxItems: 2 },
        },
        required: ['name', 'children'],
      },
    },
  },
  'strings of a length': { type: 'string', minLength: 2, maxLength: 5 },
  'strings not too short': { type: 'string', minLength: 3 },
  'a pattern': { type: 'string', pattern: '^(?:010|02)-\\d{3,4}-\\d{4}$' },
  'a pattern of what JSON escapes': { type: 'string', pattern: '^["\\\\\\n][^"a]+[^\\s]?(x|"y")*$' },
  'a pattern of alternatives': { type: 'string', pattern: '^가[나-라]|마+$' },
  'a pattern of Korean': { type: 'string', pattern: '^[가-힣]{2,4}[^가-힣a😀]$' },
  integers: { type: 'integer' },
  'integers between': { type: 'integer', minimum: -17, maximum: 1234 },
  'integers above': { type: 'integer', exclusiveMinimum: 99 },
  'integers below': { type: 'integer', exclusiveMaximum: -5.5 },
  'numbers between': { type: 'number', minimum: -0.25, maximum: 1.5 },
  'numbers between fractions': { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 0.001 },
  'large and small bounds': { type: 'number', minimum: 1e-7, maximum: 1e21 },
  ...Object.fromEntries(
    ['date', 'time', 'date-time', 'uuid', 'email', 'ipv4', 'uri'].map(format => [format, { type: 'string', format }]),
  ),
}

describe('whatever the model wants, its text is', () => {
  test.each(Object.entries(fulfilled))('%s', async (_name, schema) => {
    const validate = ajv.compile(schema as object)
    let whole = 0
    for (const text of await drawn(schemaGrammar(schema), 12)) {
      if (text === undefined) continue
      const value = JSON.parse(text)
      expect(validate(value), `${text}: ${ajv.errorsText(validate.errors)}`).toBe(true)
      whole++
    }
    expect(whole).toBeGreaterThan(4)
  })
})

describe('a call', () => {
  const tools = [
    { name: '주문', parameters: { properties: { menu: { enum: ['김밥', '라면'] } }, required: ['menu'] } },
    { name: 'now' },
  ]

  test('is one of the tools with arguments of its schema', async () => {
    const names = new Set<string>()
    for (const text of await drawn(callGrammar(tools), 20)) {
      if (text === undefined) continue
      const call = JSON.parse(text)
      names.add(call.name)
      expect(Object.keys(call)).toEqual(['name', 'arguments'])
      if (call.name === '주문') expect(['김밥', '라면']).toContain(call.arguments.menu)
      else expect(call.arguments).toBeTypeOf('object')
    }
    expect([...names].sort()).toEqual(['now', '주문'])
  })

  test('keeps what can be kept of a schema unless it is strict', () => {
    const parameters = { properties: { a: { type: 'integer', multipleOf: 7 } }, patternProperties: { x: {} } }
    expect(callGrammar([{ name: 'f', parameters }])).toBe(
      callGrammar([{ name: 'f', parameters: { properties: { a: { type: 'integer' } } } }]),
    )
    expect(() => callGrammar([tools[0]!, { name: 'f', parameters, strict: true }])).toThrow(
      'the schema.1.patternProperties is something that this server cannot keep',
    )
  })
})

describe('what is refused', () => {
  test.each<[JsonSchema, string]>([
    [false, ' is fulfilled by nothing'],
    [{ type: 'strin' }, '.type must be one or several of'],
    [{ properties: [] }, '.properties must be an object'],
    [{ required: 'a' }, '.required must be a list of names'],
    [{ properties: {}, required: ['a'], additionalProperties: false }, ".required asks for 'a'"],
    [{ minProperties: 3 }, '.minProperties may be 1 at most'],
    [{ properties: { a: {} }, minProperties: 2 }, '.minProperties asks for more'],
    [{ anyOf: [] }, '.anyOf must be a list'],
    [{ items: { uniqueItems: true } }, '.items.uniqueItems is something that this server cannot keep'],
    [
      { oneOf: [{ type: 'number' }, { type: 'integer' }] },
      '.oneOf has alternatives that one value may fulfil together',
    ],
    [{ allOf: [{ pattern: 'a' }, { pattern: 'b' }] }, '.allOf.1.pattern is said twice'],
    [
      { allOf: [{ properties: { a: {} }, additionalProperties: false }, { properties: { b: {} } }] },
      ".allOf.1.additionalProperties is said where 'b'",
    ],
    [{ enum: [] }, '.enum has no value that fits'],
    [{ enum: [1, 20], maximum: 5 }, ".maximum is said beside 'enum'"],
    [{ type: 'string', pattern: '(?=a)b' }, '.pattern has a look-around'],
    [{ type: 'string', pattern: '(a' }, '.pattern is no regular expression'],
    [{ type: 'string', pattern: 'a', minLength: 2 }, ".minLength is said beside 'pattern'"],
    [{ type: 'string', minLength: 3, maxLength: 2 }, '.maxLength is below minLength'],
    [{ type: 'integer', minimum: 0.1, maximum: 0.9 }, ' is fulfilled by no number'],
    [{ $ref: '#/$defs/a' }, '.$ref points to nothing'],
    [{ $ref: '#' }, ' refers to itself'],
    [{ allOf: [{ $ref: '#' }] }, ' is nested deeper than 32 levels, or refers to itself'],
    [{ properties: { a: { $ref: '#' } }, required: ['a'] }, ' is fulfilled by no value that comes to an end'],
    [{ type: 'array', items: { $ref: '#' }, minItems: 1 }, ' is fulfilled by no value that comes to an end'],
    [{ enum: Array.from({ length: 1001 }, (_, i) => i) }, '.enum has too many values'],
    [
      { properties: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`a${i}`, {}])) },
      '.properties.a3999 is too large',
    ],
  ])('%j', (schema, message) => {
    const refused = expect(() => schemaGrammar(schema))
    refused.toThrow(SchemaError)
    refused.toThrow(`the schema${message}`)
  })
})

test('grammars are compiled once, and no more than some are kept', async () => {
  const vocabulary = GrammarVocabulary.of(tokenizer)
  const compiled = vocabulary.compiled('root ::= "a"')
  expect(vocabulary.compiled('root ::= "a"')).toBe(compiled)
  for (let i = 0; i < 80; i++) await vocabulary.compiled(`root ::= "${i}"`)
  expect(vocabulary.kept).toBe(64)
  expect(vocabulary.compiled('root ::= "a"')).not.toBe(compiled)
})

test('a text goes on when its grammar has been forgotten', async () => {
  const text = new GrammarText(tokenizer, 'root ::= "ab" [c] "d"', stopIds)
  await text.prepare()
  for (let i = 0; i < 80; i++) await GrammarVocabulary.of(tokenizer).compiled(`root ::= "b${i}"`)
  for (const char of 'abcd') {
    const [id] = tokenizer.encodePlain(char)
    const logits = new Float32Array(tokenizer.vocabularySize)
    text.forbid(logits)
    expect(logits[id!]).toBe(0)
    text.follow(id!)
  }
  const logits = new Float32Array(tokenizer.vocabularySize)
  text.forbid(logits)
  expect([...logits.entries()].filter(([, value]) => value === 0).map(([id]) => id)).toEqual([...stopIds])
  text.release()
})
