import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { cleanCorpus } from '../corpus.ts'
import { sourceSchema } from '../source.ts'
import { citation } from './citation.ts'
import type { DataCard } from './dataCard.ts'
import { huggingFaceLicense, licenseParts, licenseUrl } from './licenses.ts'
import { limits } from './limits.ts'
import { Shape } from './shape.ts'
import { type CardOptions, writeDataCard } from './writeDataCard.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-card-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, contents: string | Uint8Array): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, contents)
  return path
}

const lines = (records: readonly object[]) => records.map(record => `${JSON.stringify(record)}\n`).join('')
const date = new Date('2026-11-26T12:00:00Z')
const make = (inputs: readonly string[], out: string, options: Partial<CardOptions> = {}) =>
  writeDataCard({ inputs, out: join(folder, out), date, ...options })
const read = (path: string) => readFileSync(join(folder, path), 'utf8')

// biome-ignore lint/suspicious/noExplicitAny: JSON as it is read
type Node = { readonly [key: string]: any }

const stories = [
  { text: '옛날 옛적에 호랑이가 살았어요.', title: '호랑이' },
  { text: '토끼도 살았어요.', views: 3, date: '2017-08-25' },
]
const chats = [
  {
    id: 'a',
    messages: [
      { role: 'user', content: '3 더하기 5는?' },
      { role: 'assistant', content: '8이에요.', reasoning_content: '셋에 다섯을 더한다.' },
    ],
    tools: ['계산기'],
  },
  {
    id: 'b',
    messages: [
      { role: 'user', content: '날씨 어때?' },
      { role: 'assistant', content: '', tool_calls: [{ function: { name: 'weather', arguments: { city: '서울' } } }] },
    ],
  },
]

describe('a dataset of several sources', async () => {
  file('in/stories-00001-of-00002.jsonl', lines(stories))
  file('in/stories-00002-of-00002.jsonl', lines(stories.toReversed()))
  file('in/chat.jsonl.gz', gzipSync(lines(chats)))
  file(
    'in/pairs.jsonl',
    lines([
      { 'q-1': '왜?', ok: true, labels: { 'real-label': 3.5 } },
      { 'q-1': '그냥', ok: false },
    ]),
  )
  file('in/README.md', '# 옛 카드\n')
  const license = 'CC-BY-4.0'
  const origins = {
    chat: { license: 'KOGL Type 1', creator: '아무개', url: 'https://example.org/chat', description: '대화.' },
  }
  file('in/sources.json', JSON.stringify(origins))
  const card = await make([join(folder, 'in')], 'set', {
    name: '시험 자료',
    license,
    creator: '모두',
    url: 'https://example.org/set',
  })
  const metadata = JSON.parse(read('set/croissant.json')) as Node

  test('has all that Croissant requires', () => {
    const required = [
      '@context',
      '@type',
      'conformsTo',
      'description',
      'license',
      'name',
      'url',
      'creator',
      'datePublished',
    ]
    for (const key of [...required, 'version', 'citeAs', 'inLanguage', 'distribution', 'recordSet']) {
      expect(metadata).toHaveProperty([key])
    }
    expect(metadata.conformsTo).toContain('http://mlcommons.org/croissant/1.1')
    expect(metadata.license).toEqual(['KOGL Type 1', 'https://spdx.org/licenses/CC-BY-4.0.html'])
    expect(metadata.version).toBe('2026.11.26')
    const ids: string[] = []
    const references: string[] = []
    const visit = (node: unknown): void => {
      if (Array.isArray(node)) for (const item of node) visit(item)
      else if (typeof node === 'object' && node !== null) {
        const { '@type': type, '@id': id } = node as Node
        if (type && id) ids.push(id)
        for (const [key, inner] of Object.entries(node)) {
          if (key === 'fileObject' || key === 'fileSet') references.push((inner as Node)['@id'])
          visit(inner)
        }
      }
    }
    visit(metadata.distribution)
    visit(metadata.recordSet)
    expect(new Set(ids).size).toBe(ids.length)
    for (const reference of references) expect(ids).toContain(reference)
  })

  test('checksums and sizes are those of the files', () => {
    const files = (metadata.distribution as Node[]).filter(node => node['@type'] === 'cr:FileObject')
    expect(files.map(node => node.contentUrl)).toEqual([
      'data/chat.jsonl.gz',
      'data/pairs.jsonl',
      'data/stories-00001-of-00002.jsonl',
      'data/stories-00002-of-00002.jsonl',
    ])
    for (const { contentUrl, sha256, contentSize } of files) {
      const bytes = readFileSync(join(folder, 'set', contentUrl))
      expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
      expect(contentSize).toBe(`${bytes.length} B`)
      expect(read('set/README.md')).toContain(`\`${contentUrl}\` | ${bytes.length} | \`${sha256}\``)
    }
    expect(files[0]).toMatchObject({
      encodingFormat: ['application/jsonlines', 'application/gzip'],
      'prov:wasDerivedFrom': { '@id': 'https://example.org/chat' },
      'prov:wasAttributedTo': { 'prov:label': '아무개' },
    })
    expect(readdirSync(join(folder, 'set')).sort()).toEqual(['README.md', 'croissant.json', 'data'])
  })

  test('fields are described as far as Croissant can', () => {
    const [chat, pairs, tales] = metadata.recordSet as Node[]
    expect(chat!.field.map((field: Node) => field['@id'])).toEqual(['chat/id', 'chat/messages', 'chat/tools'])
    expect(chat!.field[1].subField.map((field: Node) => field.name)).toEqual(['role', 'content', 'reasoning_content'])
    expect(chat!.description.en).toMatch('messages[].tool_calls[]')
    expect(chat!.field[2]).toMatchObject({ isArray: true, dataType: 'sc:Text' })
    expect(pairs!.field[0].source.extract).toEqual({ column: 'q-1' })
    expect(pairs!.field[2].subField[0]).toMatchObject({
      dataType: 'sc:Float',
      source: { extract: { column: 'labels' }, transform: { jsonPath: '"real-label"' } },
    })
    expect(tales!.field.map((field: Node) => [field.name, field.dataType])).toEqual([
      ['text', 'sc:Text'],
      ['title', 'sc:Text'],
      ['views', 'sc:Integer'],
      ['date', 'sc:Date'],
    ])
    expect(tales!.field[0].source).toEqual({ fileSet: { '@id': 'stories-files' }, extract: { column: 'text' } })
  })

  test('the card is one of Hugging Face, in Korean and English', () => {
    const readme = read('set/README.md')
    expect(readme).toMatch(
      /^---\npretty_name: "시험 자료"\nlanguage:\n- ko\nlicense:\n- other\n- cc-by-4\.0\nlicense_name: "KOGL Type 1"\n/,
    )
    expect(readme).toContain('- config_name: "stories"\n  data_files:\n  - "data/stories-00001-of-00002.jsonl"\n')
    expect(readme).toContain(
      '- config_name: "pairs"\n  features:\n  - name: "q-1"\n    dtype: string\n  - name: "ok"\n    dtype: bool\n',
    )
    expect(readme).toContain('  - name: "labels"\n    struct:\n    - name: "real-label"\n      dtype: float64\n')
    expect(readme).toContain('    - name: "tool_calls"\n      list: json\n')
    expect(readme).toMatch(/size_categories:\n- n<1K\n/)
    expect(readme).toContain('| [chat](https://example.org/chat) | 2 | ')
    expect(readme).toContain('다듬은 기록이 없습니다.')
    expect(readme).toContain('Personal data was not looked for')
    expect(readme).toContain('출처마다 이용 허락이 다릅니다')
    expect(readme).not.toMatch(/undefined|NaN|\[object/)
    expect(card.creators).toEqual(['모두'])
  })

  test('made again from its own folder it is the same', async () => {
    const own = {
      name: '시험 자료',
      license,
      creator: '모두',
      url: 'https://example.org/set',
      sources: join(folder, 'in/sources.json'),
    }
    const before = read('set/croissant.json')
    const times = statSync(join(folder, 'set/data/pairs.jsonl')).mtimeMs
    await make([join(folder, 'set')], 'set', own)
    expect(read('set/croissant.json')).toBe(before)
    expect(statSync(join(folder, 'set/data/pairs.jsonl')).mtimeMs).toBe(times)
  })

  const python = process.env.MODU_PYTHON
  test.runIf(python && hasMlcroissant(python))('mlcroissant validates it and loads every record', () => {
    const script = `
import json, logging, sys, mlcroissant
logging.disable(logging.CRITICAL)
dataset = mlcroissant.Dataset(jsonld=sys.argv[1])
text = lambda value: value.decode() if isinstance(value, bytes) else str(value)
records = {each.id: list(dataset.records(each.id)) for each in dataset.metadata.record_sets}
print(json.dumps([dataset.metadata.ctx.issues.report(), records], default=text, ensure_ascii=False))`
    const output = execFileSync(python!, ['-c', script, join(folder, 'set/croissant.json')], {
      encoding: 'utf8',
      env: { ...process.env, PYTHONIOENCODING: 'utf-8' },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [issues, records] = JSON.parse(output) as [string, Record<string, Node[]>]
    expect(issues).toBe('')
    expect(records.stories!.map(record => record['stories/text'])).toEqual(
      [...stories, ...stories.toReversed()].map(each => each.text),
    )
    expect(records.chat![0]!['chat/messages'][1]).toEqual({
      'chat/messages/role': 'assistant',
      'chat/messages/content': '8이에요.',
      'chat/messages/reasoning_content': '셋에 다섯을 더한다.',
    })
    expect(records.pairs![0]!['pairs/labels']).toEqual({ 'pairs/labels/real-label': 3.5 })
    expect(records.pairs!.map(record => [record['pairs/q-1'], record['pairs/ok']])).toEqual([
      ['왜?', true],
      ['그냥', false],
    ])
  })
})

function hasMlcroissant(python: string): boolean {
  try {
    execFileSync(python, ['-c', 'import mlcroissant'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test('the corpus of a run, with the licences of its recipe and what cleaning did', async () => {
  const text = (n: number) => `${n}번째 이야기입니다. 문의는 02-123-456${n}로 주세요.`
  file('raw/a.jsonl', lines([1, 1, 2].map(n => ({ text: text(n) }))))
  const source = sourceSchema.parse({ files: ['a.jsonl'], format: 'text', license: 'CC0-1.0' })
  const exercises = sourceSchema.parse({ format: 'exercises', kinds: ['arithmetic'], count: 3, license: 'Apache-2.0' })
  await cleanCorpus({ tales: source, sums: exercises }, join(folder, 'raw'), join(folder, 'run/corpus'))
  file('run/recipe.json', JSON.stringify({ name: 'tiny', sources: { tales: source, sums: exercises } }))
  const card = await make([join(folder, 'run')], 'corpus-set')
  expect(card.name).toBe('corpus-set')
  expect(card.sources.map(({ name, origin, records }) => [name, origin.license, records])).toEqual([
    ['sums', 'Apache-2.0', 3],
    ['tales', 'CC0-1.0', 2],
  ])
  const readme = read('corpus-set/README.md')
  expect(readme).toContain('`modu train`으로 이 차례대로 다듬었습니다')
  expect(readme).toMatch(/\| 같은 글 \| [^|]+ \| 6 \| 0 \| 1 \|/)
  expect(readme).toContain('가린 개인정보: 가린 곳 3.')
  expect(readme).toContain('`a.jsonl`')
  expect(readme).toContain('sums: 규칙으로 만들어 낸 문제이므로')
  expect(readme).toContain('거르지 않은 것: 글의 질, 평가 자료, 비슷한 글.')
})

const fixture = join(import.meta.dirname, '../../fixtures/stories-zstd.parquet')

test('a table (parquet)', async () => {
  const { sources } = await make([fixture], 'table', { license: 'MIT' })
  expect(sources).toMatchObject([{ name: 'stories-zstd', records: 7, files: [{ path: 'data/stories-zstd.parquet' }] }])
  const [stories] = JSON.parse(read('table/croissant.json')).recordSet
  expect(stories.field.map((field: Node) => [field.name, field.dataType])).toEqual([
    ['text', 'sc:Text'],
    ['views', 'sc:Integer'],
    ['messages', undefined],
    ['title', 'sc:Text'],
  ])
})

describe('refuses', () => {
  const data = file('one.jsonl', lines(stories))

  test('a source without a licence, and says how to give one', async () => {
    await expect(make([data], 'x')).rejects.toThrow(/licence of "one" is not known: give --license .*sources\.json/)
  })

  test.each([
    [
      'a file of sources with an unknown name',
      '{"two": {"license": "MIT"}}',
      /tells of "two", but the sources are one/,
    ],
    ['a file of sources that is none', '{"one": {"licence": "MIT"}}', /"one": Unrecognized key.*license/],
  ])('%s', async (_, contents, message) => {
    await expect(make([data], 'x', { sources: file('s.json', contents) })).rejects.toThrow(message)
  })

  test('files without fields, records that are none, and two files of one name', async () => {
    await expect(make([file('a.txt', '글')], 'x', { license: 'MIT' })).rejects.toThrow(
      /a\.txt is none of \.jsonl.*modu data clean/,
    )
    await expect(make([file('bad.jsonl', '{"a":1}\n{\n')], 'x', { license: 'MIT' })).rejects.toThrow(
      /bad\.jsonl:2: no record/,
    )
    file('mixed/a.jsonl', lines(stories))
    file('mixed/b.json', '[{}]')
    await expect(make([join(folder, 'mixed')], 'x', { license: 'MIT' })).rejects.toThrow(/b\.json is none of \.jsonl/)
    await expect(make([data, fixture], 'x', { license: 'MIT' })).rejects.toThrow(
      /parquet is a table and .*one\.jsonl is not/,
    )
    await expect(make([data, file('b/one.jsonl', '{}')], 'x', { license: 'MIT' })).rejects.toThrow(
      /one\.jsonl have one name/,
    )
    await expect(make([join(folder, 'no.jsonl')], 'x', { license: 'MIT' })).rejects.toMatchObject({ code: 'missing' })
  })
})

test('licences by their identifiers', () => {
  expect(licenseParts('MIT OR Apache-2.0')).toEqual(['MIT', 'Apache-2.0'])
  expect(['CC-BY-2.5', 'CC-BY', 'KOGL Type 1'].map(huggingFaceLicense)).toEqual(['cc-by-2.5', undefined, undefined])
  expect(['MIT', 'BSD-3-Clause', 'CC-BY'].map(licenseUrl)).toEqual([
    'https://spdx.org/licenses/MIT.html',
    'https://spdx.org/licenses/BSD-3-Clause.html',
    'CC-BY',
  ])
})

test('a shape is the union of all records', () => {
  const shape = new Shape()
  for (const record of [
    { a: 1, b: [1, 2] },
    { a: 1.5, b: null, c: 'x', d: {} },
    { c: 3, e: [{ f: { g: 1 } }, { h: [] }], b: [] },
  ]) {
    shape.add(record)
  }
  expect(shape.fields()).toEqual([
    { name: 'a', type: 'Float', isArray: false, fields: [] },
    { name: 'b', type: 'Integer', isArray: true, fields: [] },
    { name: 'c', type: 'Text', isArray: false, fields: [] },
    { name: 'd', type: 'Text', isArray: false, fields: [] },
    {
      name: 'e',
      type: 'Object',
      isArray: true,
      fields: [
        { name: 'f', type: 'Object', isArray: false, fields: [] },
        { name: 'h', type: 'Text', isArray: true, fields: [] },
      ],
    },
  ])
})

test.each([
  [['2017-08-25', '2026-11-26'], 'Date'],
  [['2017-08-25', '2017-08-25 12:30:00'], 'DateTime'],
  [['2017-08-25', '2017-99-25'], 'Text'],
  [['2017-08-25', 3], 'Text'],
  [[true, null], 'Boolean'],
  [[null], 'Text'],
])('values %j are of the type %s', (values, type) => {
  const shape = new Shape()
  for (const value of values) shape.add({ value })
  expect(shape.fields()[0]?.type ?? 'Text').toBe(type)
})

test('limits follow from the counts', () => {
  const source = { origin: { license: 'MIT' }, files: [], fields: [], hangul: 0.9 }
  const card: DataCard = {
    name: '자료 1호',
    creators: [],
    date,
    sources: [
      { ...source, name: 'large', records: 3, characters: 900, lengths: [0, 0, 0, 0, 0, 0, 0, 0, 3] },
      { ...source, name: 'small', records: 1, characters: 100, lengths: [1], hangul: 0.2 },
    ],
  }
  expect(limits(card).biases.map(({ en }) => en)).toEqual([
    '90.0% of the characters come from large: its tone and topics weigh most.',
    'small: only 20.0% of the letters are Hangul.',
    'The median record has 256 to 511 characters.',
  ])
  expect(citation(card)).toBe('@misc{1,\n  title = {자료 1호},\n  year = {2026}\n}')
})
