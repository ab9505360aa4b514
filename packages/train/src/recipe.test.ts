import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { loadRecipe, parseRecipe, sourcesToRead } from './recipe.ts'
import { testRecipe } from './testRecipe.ts'

test('defaults are filled in', () => {
  const recipe = parseRecipe(testRecipe)
  expect(recipe.pretrain).toMatchObject({ decay: 'cosine', clipNorm: 1, mtpWeight: 0 })
  expect(recipe.sources.chats).toMatchObject({ minHangul: 0.5 })
})

test('wrong and unknown fields are named', () => {
  const parse = (change: object) => () => parseRecipe({ ...testRecipe, ...change }, 'my.json')
  expect(parse({ sead: 3 })).toThrow('my.json: unknown field "sead" (did you mean "seed"?)')
  expect(parse({ pretrain: { ...testRecipe.pretrain, learningrate: 3, lr: 1 } })).toThrow(
    'unknown field "pretrain.learningrate" (did you mean "learningRate"?); unknown field "pretrain.lr" (there are steps, ',
  )
  const later = [{ fromStep: 2, mixtures: {}, mixture: { texts: 1 } }]
  expect(parse({ pretrain: { ...testRecipe.pretrain, laterMixtures: later } })).toThrow(
    'unknown field "pretrain.laterMixtures.0.mixtures" (did you mean "mixture"?)',
  )
  expect(parse({ pretrain: { ...testRecipe.pretrain, steps: 0 } })).toThrow('"pretrain.steps"')
  expect(parse({ model: { model_type: 'axk1' } })).toThrow('"model.max_position_embeddings"')
  const source = (a: object) => parse({ sources: { a: { files: ['a.jsonl'], format: 'text', license: 'x', ...a } } })
  expect(source({ licence: 'y' })).toThrow('unknown field "sources.a.licence" (did you mean "license"?)')
  expect(source({ format: 'csv' })).toThrow('"sources.a.format"')
  expect(source({ files: [] })).toThrow('"sources.a.files"')
  expect(source({ format: 'exercises' })).toThrow(/"sources.a.files".*"sources.a.kinds"/)
  expect(parse({ pretrain: { ...testRecipe.pretrain, mixture: { books: 1 } } })).toThrow(
    '"pretrain.mixture": "books" is not among the sources; there are texts, chats',
  )
})

test('a file that is missing or not JSON', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modu-recipe-'))
  expect(() => loadRecipe(join(folder, 'none.json'))).toThrow(/there is no recipe .*none\.json/)
  writeFileSync(join(folder, 'bad.json'), '{')
  expect(() => loadRecipe(join(folder, 'bad.json'))).toThrow(/bad\.json is not valid JSON/)
  writeFileSync(join(folder, 'good.json'), JSON.stringify({ ...testRecipe, dataDirectory: '../x' }))
  expect(loadRecipe(join(folder, 'good.json')).dataDirectory).toBe(join(folder, '../x'))
  rmSync(folder, { recursive: true })
})

test('files that begin with ./ lie beside the recipe, others in the data folder', () => {
  const files = ['./mine/a.jsonl', 'b.jsonl', '../c.jsonl']
  const recipe = parseRecipe({
    ...testRecipe,
    sources: { ...testRecipe.sources, texts: { ...testRecipe.sources.texts, files } },
  })
  const read = sourcesToRead(recipe, '/recipes')
  expect(read.texts!.files).toEqual([resolve('/recipes/mine/a.jsonl'), 'b.jsonl', '../c.jsonl'])
  expect(read.chats).toEqual(recipe.sources.chats)
})

test('the recipes of the repository are valid', () => {
  const folder = join(import.meta.dirname, '../../../recipes')
  const names = readdirSync(folder).filter(name => name.endsWith('.json'))
  expect(names.map(name => loadRecipe(join(folder, name)).recipe.name)).toEqual(names.map(name => name.slice(0, -5)))
})

test('weights that sum to nothing', () => {
  const parse = (mixture: object) => () => parseRecipe({ ...testRecipe, finetune: { ...testRecipe.finetune, mixture } })
  for (const mixture of [{}, { chats: 0 }]) {
    expect(parse(mixture)).toThrow('"finetune.mixture": the weights sum to nothing; give one above 0')
  }
  expect(parse({ chats: -1 })).toThrow('"finetune.mixture.chats"')
  expect(parse({ chats: 1, texts: 0 })).not.toThrow()
})
