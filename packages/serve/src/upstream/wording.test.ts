import { describe, expect, test } from 'vitest'
import { emptyUsage } from '../wire.ts'
import { type Answer, type Body, beginningOf, count } from './wording.ts'

const system = { role: 'system', content: '친절하게 답하세요.' }
const question = { role: 'user', content: '바다는 왜 파래요?' }
const later = [
  { role: 'assistant', content: '빛 때문입니다.' },
  { role: 'user', content: '자세히요.' },
]

describe('the beginning of a conversation', () => {
  test.each<[string, Body, Body]>([
    ['of a chat', { messages: [system, question] }, { messages: [system, question, ...later] }],
    ['of messages', { system: '짧게', messages: [question] }, { system: '짧게', messages: [question, ...later] }],
    ['of a response', { input: [question] }, { input: [question, ...later], temperature: 1 }],
    ['of a text', { prompt: '가'.repeat(600) }, { prompt: '가'.repeat(900) }],
    ['of tokens', { prompt: Array(600).fill(1) }, { prompt: Array(900).fill(1) }],
  ])('%s is the same in every turn', (_, first, second) => {
    expect(beginningOf(second)).toBe(beginningOf(first))
  })

  test.each<[string, Body, Body]>([
    ['of another question', { messages: [system, question] }, { messages: [system, later[1]] }],
    ['of another system prompt', { messages: [system, question] }, { messages: [question] }],
    ['of other instructions', { instructions: '짧게', input: '안녕' }, { instructions: '길게', input: '안녕' }],
    ['of another text', { prompt: '가나' }, { prompt: '다라' }],
  ])('%s is another one', (_, first, second) => {
    expect(beginningOf(second)).not.toBe(beginningOf(first))
  })

  test('is found in whatever is sent', () => {
    for (const body of [{}, { messages: null }, { messages: [null, 3] }, { input: 3 }]) {
      expect(beginningOf(body as Body)).toEqual(expect.any(String))
    }
  })
})

describe('tokens', () => {
  const counted = (...answers: Answer[]) => {
    const usage = emptyUsage()
    for (const answer of answers) count(answer, usage)
    return [usage.promptTokens, usage.completionTokens]
  }
  const delta = (fields: Record<string, unknown>): Answer => ({ choices: [{ delta: fields }] })

  test('are pieces of what is said, thought or called, until the server tells better', () => {
    const pieces = [
      delta({ role: 'assistant', content: '' }),
      delta({ reasoning: '음', reasoning_content: '음' }),
      delta({ content: '네' }),
      delta({ tool_calls: [{ index: 0 }] }),
      delta({ content: null, tool_calls: [] }),
    ]
    expect(counted(...pieces)).toEqual([0, 3])
    expect(counted(...pieces, { choices: [], usage: { prompt_tokens: 9, completion_tokens: 8 } })).toEqual([9, 8])
    expect(counted({ choices: [{ text: '바' }, { text: '다' }] })).toEqual([0, 2])
  })

  test("of Anthropic's stream: those from the cache are tokens of the prompt, too", () => {
    const start = { input_tokens: 5, cache_read_input_tokens: 20, cache_creation_input_tokens: 1, output_tokens: 1 }
    const events = [{ type: 'message_start', message: { usage: start } }, { type: 'content_block_delta' }]
    expect(counted(...events)).toEqual([26, 2])
    expect(counted(...events, { type: 'message_delta', usage: { output_tokens: 7 } })).toEqual([26, 7])
  })

  test('of responses', () => {
    const usage = { input_tokens: 4, output_tokens: 6 }
    const text = { type: 'response.output_text.delta' }
    expect(counted(text, text)).toEqual([0, 2])
    expect(counted(text, { type: 'response.completed', response: { usage } })).toEqual([4, 6])
  })

  test('are whole numbers, whatever the server says', () => {
    for (const wrong of [-1, 1.5, '7', null, 1e300]) {
      expect(counted(delta({ content: '네' }), { usage: { prompt_tokens: wrong, completion_tokens: wrong } })).toEqual([
        0, 1,
      ])
    }
  })
})
