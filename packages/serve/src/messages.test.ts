import Anthropic, { type APIError } from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServer, serve } from './serve.ts'
import { failingModel, talkingModels } from './testModels.ts'

/* Anthropic's official client, unchanged. */

const user = [{ role: 'user' as const, content: '안녕?' }]
const weather = {
  name: 'weather',
  description: '날씨를 알려 준다',
  input_schema: { type: 'object' as const, properties: { city: { type: 'string' } } },
}
const call = '<tool_call>{"name": "weather", "arguments": {"city": "서울"}}</tool_call>'

let server: RunningServer
let client: Anthropic

beforeAll(async () => {
  server = await serve({
    port: 0,
    models: {
      ...(await talkingModels({ caller: `알아볼게요.${call}${call}`, eager: call })),
      broken: await failingModel(5),
    },
  })
  client = new Anthropic({ apiKey: 'unused', baseURL: server.url, maxRetries: 0 })
})
afterAll(() => server.stop())

const ask = (fields: object) =>
  client.messages.create({
    model: 'polite',
    max_tokens: 300,
    messages: user,
    ...fields,
  } as Anthropic.MessageCreateParamsNonStreaming)
const stream = (fields: object) =>
  client.messages.stream({
    model: 'polite',
    max_tokens: 300,
    messages: user,
    ...fields,
  } as Anthropic.MessageStreamParams)
/** All tokens that were read: those in the cache are counted apart. */
const inputOf = ({ input_tokens, cache_read_input_tokens }: Anthropic.Usage) => input_tokens + cache_read_input_tokens!

describe('a message', () => {
  test('answers as a whole', async () => {
    const message = await ask({ system: [{ type: 'text', text: '친절하게' }] })
    expect(message).toMatchObject({ type: 'message', role: 'assistant', model: 'polite', stop_reason: 'end_turn' })
    expect(message.content).toEqual([{ type: 'text', text: '안녕하세요! 반갑습니다.', citations: null }])
    const { input_tokens } = await client.messages.countTokens({ model: 'polite', messages: user, system: '친절하게' })
    expect(inputOf(message.usage)).toBe(input_tokens)
    expect(message.usage.output_tokens).toBeGreaterThan(3)
  })

  test.each([
    ['polite', {}],
    ['thinker', { thinking: { type: 'enabled', budget_tokens: 50 } }],
    ['caller', { tools: [weather] }],
  ])('of %s streams the same, in the order of events that the API promises', async (model, fields) => {
    const whole = await ask({ model, ...fields })
    const streaming = stream({ model, ...fields })
    const events: Anthropic.MessageStreamEvent[] = []
    for await (const event of streaming) events.push(event)
    const streamed = await streaming.finalMessage()
    const anonymous = (content: object[]) => content.map(block => ({ ...block, id: undefined }))
    expect(anonymous(streamed.content)).toMatchObject(anonymous(whole.content))
    expect(streamed.stop_reason).toBe(whole.stop_reason)
    expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens)
    expect(inputOf(streamed.usage)).toBe(inputOf(whole.usage))
    expect(events.map(({ type }) => type).join(' ')).toMatch(
      /^message_start( content_block_start( content_block_delta)+ content_block_stop)+ message_delta message_stop$/,
    )
    expect(events.find(({ type }) => type === 'message_start')).toMatchObject({
      message: { usage: { input_tokens: streamed.usage.input_tokens } },
    })
  })

  test('ends at a stop sequence, or by its length', async () => {
    const stopped = await ask({ stop_sequences: ['없다', '반갑'] })
    expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: '반갑' })
    expect(stopped.content).toMatchObject([{ text: '안녕하세요! ' }])
    expect(await ask({ max_tokens: 2 })).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 2 } })
  })
})

describe('thinking', () => {
  const thinking = { type: 'enabled', budget_tokens: 50 }

  test('comes as a block of its own', async () => {
    const { content } = await ask({ model: 'thinker', thinking })
    expect(content).toMatchObject([
      { type: 'thinking', thinking: '인사를 하자.' },
      { type: 'text', text: '안녕하세요!' },
    ])
    expect((await ask({ model: 'thinker' })).content.some(({ type }) => type === 'thinking')).toBe(false)
  })

  test('keeps its budget', async () => {
    const { content } = await ask({ model: 'random', thinking: { ...thinking, budget_tokens: 1 }, max_tokens: 20 })
    expect(content.map(({ type }) => type).at(-1)).toBe('text')
  })
})

describe('tools', () => {
  test('are called, and what they return goes back', async () => {
    const asked = await ask({ model: 'caller', tools: [weather] })
    expect(asked.stop_reason).toBe('tool_use')
    expect(asked.content.map(({ type }) => type)).toEqual(['text', 'tool_use', 'tool_use'])
    const use = asked.content[1] as Anthropic.ToolUseBlock
    expect(use).toMatchObject({ name: 'weather', input: { city: '서울' } })
    expect(use.id).toMatch(/^toolu_/)
    const results = asked.content.flatMap(block =>
      block.type === 'tool_use'
        ? [{ type: 'tool_result', tool_use_id: block.id, content: [{ type: 'text', text: '맑음' }] }]
        : [],
    )
    const messages = [...user, { role: 'assistant', content: asked.content }, { role: 'user', content: results }]
    const answer = await ask({ messages, tools: [weather] })
    expect(answer.content).toMatchObject([{ text: '안녕하세요! 반갑습니다.' }])
    expect(inputOf(answer.usage)).toBeGreaterThan(inputOf(asked.usage))
  })

  test('are called one at a time, not at all, or for certain, as the request says', async () => {
    const types = async (tool_choice: object, fields: object = {}) =>
      (await ask({ model: 'caller', tools: [weather], tool_choice, ...fields })).content.map(({ type }) => type)
    expect(await types({ type: 'auto', disable_parallel_tool_use: true })).toEqual(['text', 'tool_use'])
    expect(await types({ type: 'none' })).not.toContain('tool_use')
    for (const choice of [{ type: 'any' }, { type: 'tool', name: 'weather' }]) {
      const events: Anthropic.MessageStreamEvent[] = []
      for await (const event of stream({ model: 'eager', tools: [weather], tool_choice: choice })) events.push(event)
      expect(events[1]).toMatchObject({ content_block: { type: 'tool_use', name: 'weather' } })
    }
  })
})

describe('errors have the shape of the API', () => {
  const refusal = (request: Promise<unknown>) =>
    request.then(
      () => expect.unreachable('was accepted'),
      error => error as APIError,
    )

  test.each([
    [{ model: 'claude' }, 404, 'not_found_error', 'claude'],
    [{ max_tokens: undefined }, 400, 'invalid_request_error', 'max_tokens'],
    [{ max_tokens: 5000 }, 400, 'invalid_request_error', 'max_tokens'],
    [{ temperature: 1.5 }, 400, 'invalid_request_error', 'temperature'],
    [{ messages: [] }, 400, 'invalid_request_error', 'messages'],
    [{ messages: [...user, { role: 'assistant', content: '음,' }] }, 400, 'invalid_request_error', 'user'],
    [{ messages: [{ role: 'user', content: [{ type: 'image' }] }] }, 400, 'invalid_request_error', 'text only'],
    [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, 400, 'invalid_request_error', 'custom'],
    [{ tool_choice: { type: 'tool', name: 'rain' }, tools: [weather] }, 400, 'invalid_request_error', 'rain'],
  ])('%j', async (fields, status, type, message) => {
    const error = await refusal(ask(fields))
    expect(error.status).toBe(status)
    expect(error.error).toMatchObject({ type: 'error', error: { type, message: expect.stringContaining(message) } })
  })

  test('in the middle of a stream, too', async () => {
    const error = await refusal(stream({ model: 'broken' }).finalMessage())
    expect(error.message).toContain('api_error')
  })
})
