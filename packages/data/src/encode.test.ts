import { ChatTemplate, moduChatTemplate, Tokenizer, tokenizerConfig, trainTokenizer } from '@modu/model'
import { beforeAll, expect, test } from 'vitest'
import { encodeDocument } from './encode.ts'
import type { EncodedDocument } from './shard.ts'
import type { CorpusDocument } from './source.ts'

let tokenizer: Tokenizer
const template = new ChatTemplate(moduChatTemplate)
const tools = new Map([['lamp', { type: 'function', function: { name: 'lamp', description: '불을 끈다' } }]])

beforeAll(async () => {
  const json = await trainTokenizer(['안녕하세요 반가워요 불을 껐어요 생각해 보자'], { vocabularySize: 280 })
  tokenizer = new Tokenizer(json, tokenizerConfig(json, 64))
})

const encode = (document: CorpusDocument) => encodeDocument(document, tokenizer, template, tools)
const whole = ({ ids }: EncodedDocument) => tokenizer.decode(ids)
const counted = ({ ids, counted }: EncodedDocument) => tokenizer.decode(ids.filter((_, i) => counted[i]))

test('a text stands between begin and end, and every token counts', () => {
  const [text, ...more] = encode({ text: '불을 <|end|> 껐어요' })
  expect(more).toEqual([])
  expect(whole(text!)).toBe('<|begin|>불을 <|end|> 껐어요<|end|>')
  // What a corpus wrote is never a control token.
  expect(text!.ids.filter(id => tokenizer.isControl(id))).toHaveLength(2)
  expect(text!.counted.every(Boolean)).toBe(true)
})

test('in a conversation the assistant counts; reasoning is seen with and without', () => {
  const messages = [
    { role: 'user' as const, content: '안녕' },
    { role: 'assistant' as const, content: '반가워요', reasoning_content: '생각해 보자' },
  ]
  const [thinking, plain, ...more] = encode({ id: 'a', messages })
  expect(more).toEqual([])
  expect(whole(thinking!)).toBe('<|begin|><|user|>안녕<|end|><|assistant|><think>생각해 보자</think>반가워요<|end|>')
  expect(counted(thinking!)).toBe('생각해 보자</think>반가워요<|end|>')
  expect(whole(plain!)).toBe('<|begin|><|user|>안녕<|end|><|assistant|>반가워요<|end|>')
  expect(counted(plain!)).toBe('반가워요<|end|>')
  expect(encode({ id: 'b', messages: messages.map(({ role, content }) => ({ role, content })) })).toHaveLength(1)
})

test('tools are offered by name, and an unknown one is named', () => {
  const call = { type: 'function' as const, function: { name: 'lamp', arguments: { on: false } } }
  const messages = [
    { role: 'user' as const, content: '불 꺼' },
    { role: 'assistant' as const, content: '', tool_calls: [call] },
    { role: 'tool' as const, content: '{"ok":true}' },
    { role: 'assistant' as const, content: '껐어요' },
  ]
  const [document] = encode({ id: 'a', messages, tools: ['lamp'] })
  expect(whole(document!)).toContain('불을 끈다')
  expect(counted(document!)).toBe(
    '<tool_call>{"name": "lamp", "arguments": {"on": false}}</tool_call><|end|>껐어요<|end|>',
  )
  expect(() => encode({ id: 'a', messages, tools: ['oven'] })).toThrow(/conversation a: the tool "oven"/)
})
