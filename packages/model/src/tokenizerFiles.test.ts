import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { trainTokenizer } from './bpeTrainer.ts'
import { ChatTemplate, moduChatTemplate } from './chatTemplate.ts'
import { Tokenizer } from './tokenizer.ts'
import { loadChatTemplate, saveTokenizerFiles, tokenizerConfig } from './tokenizerFiles.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-tokenizer-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'))

test('what is saved is loaded again, with the fields that transformers looks for', async () => {
  const json = await trainTokenizer(['안녕하세요 안녕하세요'], { vocabularySize: 275 })
  const tokenizer = new Tokenizer(json, tokenizerConfig(json, 1024))
  saveTokenizerFiles(folder, tokenizer, new ChatTemplate(moduChatTemplate), { do_sample: true, temperature: 0.7 })
  expect(readdirSync(folder).toSorted()).toEqual([
    'chat_template.jinja',
    'generation_config.json',
    'special_tokens_map.json',
    'tokenizer.json',
    'tokenizer_config.json',
  ])

  const loaded = Tokenizer.load(folder)
  expect(loaded.json).toEqual(json)
  expect([loaded.padId, loaded.bosId, loaded.eosId]).toEqual([0, 1, 2])
  expect(loadChatTemplate(folder, loaded.config)?.source).toBe(moduChatTemplate)

  const config = read('tokenizer_config.json')
  expect(config.tokenizer_class).toBe('PreTrainedTokenizerFast')
  expect(config.chat_template).toBe(moduChatTemplate)
  expect(config.model_max_length).toBe(1024)
  expect(config.added_tokens_decoder[2]).toMatchObject({ content: '<|end|>', special: true })
  expect(config.added_tokens_decoder[7]).toMatchObject({ content: '<think>', special: false })
  expect(read('special_tokens_map.json')).toEqual({
    bos_token: '<|begin|>',
    eos_token: '<|end|>',
    pad_token: '<|pad|>',
  })
  expect(read('generation_config.json')).toEqual({
    bos_token_id: 1,
    eos_token_id: 2,
    pad_token_id: 0,
    do_sample: true,
    temperature: 0.7,
  })
})

test('a template may stand in tokenizer_config.json, alone or among named ones, or nowhere', () => {
  expect(loadChatTemplate(folder, { chat_template: 'a' })?.source).toBe('a')
  const named = [
    { name: 'rag', template: 'b' },
    { name: 'default', template: 'c' },
  ]
  expect(loadChatTemplate(folder, { chat_template: named })?.source).toBe('c')
  expect(loadChatTemplate(folder, {})).toBeUndefined()
})
