import { describe, expect, test } from 'vitest'
import { callProgress } from './toolCall.ts'

const names = ['weather', 'now', 'now.utc']

const whole = [
  '{"name": "weather", "arguments": {"city": "서울", "days": [1, -2.5e+3, 0]}}',
  '{"name":"now","arguments":{}}',
  '\n{"name": "now.utc", "arguments": {"a": {"b": [true, false, null, [], {"c": ""}]}}}\n',
  String.raw`{"name": "now", "arguments": {"따옴표 \"와\" \\ \/ \u00e9": "\n 한 줄"}}`,
]

const wrong = [
  '{"name": "c',
  '{"name": "weathers',
  '{"a',
  '[',
  '{"name": "now", "arguments": [',
  '{"name": "now", "arguments": {"a": 01',
  '{"name": "now", "arguments": {"a": 1.}',
  '{"name": "now", "arguments": {"a": .',
  '{"name": "now", "arguments": {"a": 1-',
  '{"name": "now", "arguments": {"a": nul1',
  '{"name": "now", "arguments": {"a": T',
  '{"name": "now", "arguments": {"a"}',
  '{"name": "now", "arguments": {"a": 1,}',
  '{"name": "now", "arguments": {"a": [1,]',
  '{"name": "now", "arguments": {"a": [1}',
  '{"name": "now", "arguments": {"a": "b" "',
  '{"name": "now", "arguments": {"a": "줄\n',
  String.raw`{"name": "now", "arguments": {"a": "\x`,
  String.raw`{"name": "now", "arguments": {"a": "\u00g`,
  "{'",
  '{"name": "now", "arguments": {},',
  '{"name": "now", "arguments": {}}}',
  '{"name": "now", "arguments": {}} 네',
  '네',
]

describe('a call', () => {
  test.each(whole)('is whole at its end, and begun before: %j', text => {
    const end = text.trimEnd().length
    for (let length = 0; length < end; length++)
      expect(callProgress(text.slice(0, length), names), text.slice(0, length)).toBe('begun')
    for (let length = end; length <= text.length; length++)
      expect(callProgress(text.slice(0, length), names)).toBe('whole')
    expect(Object.keys(JSON.parse(text))).toEqual(['name', 'arguments'])
  })

  test.each(wrong)('is wrong from its last character on: %j', text => {
    expect(callProgress(text, names)).toBe('wrong')
    expect(callProgress(text.slice(0, -1), names)).not.toBe('wrong')
    expect(callProgress(`${text}"}}`, names)).toBe('wrong')
  })

  test('of no tool cannot be', () => {
    expect(callProgress('{"name": "', [])).toBe('wrong')
  })
})
