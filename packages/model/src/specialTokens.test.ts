import { expect, test } from 'vitest'
import { isSkippedInDecoding, specialTokenId, specialTokens } from './specialTokens.ts'

test('ids are fixed for good', () => {
  const ids = {
    '<|pad|>': 0,
    '<|begin|>': 1,
    '<|end|>': 2,
    '<|user|>': 4,
    '<|assistant|>': 5,
    '<think>': 7,
    '</think>': 8,
  }
  for (const [token, id] of Object.entries(ids)) expect(specialTokenId(token as keyof typeof ids)).toBe(id)
  expect(new Set(specialTokens).size).toBe(specialTokens.length)
})

test('parsers of other servers still see thinking and tool tags', () => {
  expect(specialTokens.filter(token => !isSkippedInDecoding(token))).toEqual([
    '<think>',
    '</think>',
    '<tool_call>',
    '</tool_call>',
    '<tools>',
    '</tools>',
  ])
})
