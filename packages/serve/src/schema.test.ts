import { describe, expect, test } from 'vitest'
import { ApiError } from './errors.ts'
import { parseChatRequest, parseCompletionRequest } from './schema.ts'

const messages = [{ role: 'user', content: '안녕' }]
const chat = (fields: object) => parseChatRequest({ model: 'nano', messages, ...fields })
const completion = (fields: object) => parseCompletionRequest({ model: 'nano', prompt: '옛날', ...fields })

function refusal(parse: () => unknown): Pick<ApiError, 'status' | 'param' | 'code'> & { message: string } {
  try {
    parse()
  } catch (error) {
    expect(error).toBeInstanceOf(ApiError)
    const { status, param, code, message } = error as ApiError
    return { status, param, code, message }
  }
  throw new Error('was accepted')
}

describe('chat requests', () => {
  test('what official clients send besides is ignored', () => {
    const request = chat({
      user: 'u-1',
      metadata: { a: 'b' },
      store: false,
      service_tier: 'auto',
      logprobs: false,
      response_format: { type: 'text' },
      logit_bias: {},
      tool_choice: 'auto',
      temperature: null,
      stop: null,
      top_logprobs: null,
      something_new: [1],
    })
    expect(request).toMatchObject({ model: 'nano', messages })
    expect(request.temperature).toBeUndefined()
    expect(request.stop).toBeUndefined()
  })

  test('one stop string is a list of one; parts of text are joined', () => {
    expect(chat({ stop: '끝' }).stop).toEqual(['끝'])
    const parts = [
      { type: 'text', text: '안' },
      { type: 'text', text: '녕' },
    ]
    expect(chat({ messages: [{ role: 'user', content: parts }] }).messages[0].content).toBe('안녕')
  })

  test.each([
    ['temperature', -1],
    ['temperature', 2.5],
    ['top_p', 1.1],
    ['top_k', -2],
    ['top_k', 1.5],
    ['min_p', -0.1],
    ['presence_penalty', 3],
    ['frequency_penalty', -3],
    ['repetition_penalty', 0],
    ['repetition_penalty', 5e-324],
    ['max_tokens', 0],
    ['thinking_token_budget', -1],
    ['thinking_token_budget', 1.5],
    ['max_completion_tokens', 1.5],
    ['n', 0],
    ['n', 17],
    ['seed', 0.5],
    ['stop', ''],
    ['stop', 3],
    ['reasoning_effort', 'very'],
    ['tool_choice', 'always'],
    ['top_logprobs', 21],
    ['top_logprobs', 3],
    ['messages', []],
  ])('%s = %j is out of range, by name', (param, value) => {
    const refused = refusal(() => chat({ [param]: value }))
    expect(refused).toMatchObject({ status: 400, param, code: 'invalid_value' })
    expect(refused.message).toContain(JSON.stringify(value))
  })

  test.each([
    ['model', 3],
    ['temperature', 'warm'],
    ['stream', 'yes'],
    ['max_tokens', '5'],
    ['messages', 'hello'],
    ['tools', {}],
    ['stream_options', true],
  ])('%s = %j is of the wrong type, by name', (param, value) => {
    expect(refusal(() => chat({ [param]: value }))).toMatchObject({ status: 400, param, code: 'invalid_type' })
  })

  test.each([
    ['functions', []],
    ['audio', {}],
  ])('%s = %j asks for what there is not', (param, value) => {
    expect(refusal(() => chat({ [param]: value }))).toMatchObject({ status: 400, param, code: 'unsupported_parameter' })
  })

  test.each([
    [{ model: undefined }, 'model'],
    [{ messages: undefined }, 'messages'],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content'],
    [{ messages: [...messages, { role: 'assistant' }] }, 'messages[1].content'],
    [{ messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages[0].content[0].text'],
    [{ tools: [{ type: 'function' }] }, 'tools[0].function'],
  ])('%j misses %s', (fields, param) => {
    expect(refusal(() => chat(fields))).toMatchObject({ status: 400, param, code: 'missing_required_parameter' })
  })

  test.each([
    [[{ role: 'robot', content: '' }], 'messages[0].role'],
    [[{ role: 'user', content: 3 }], 'messages[0].content'],
    [[{ role: 'user', content: null }], 'messages[0].content'],
    [[{ role: 'user', content: [{ type: 'image_url', image_url: { url: '' } }] }], 'messages[0].content[0].type'],
  ])('%j is refused at %s', (messages, param) => {
    expect(refusal(() => chat({ messages }))).toMatchObject({ status: 400, param, code: 'invalid_value' })
  })

  test('a bias is by token', () => {
    expect(chat({ logit_bias: { 5: 10, 7: -100 } }).logit_bias).toEqual(
      new Map([
        [5, 10],
        [7, -100],
      ]),
    )
    expect(refusal(() => chat({ logit_bias: { 5: 101 } })).param).toBe('logit_bias.5')
    expect(refusal(() => chat({ logit_bias: { many: 1 } })).param).toBe('logit_bias.many')
  })

  test.each([null, [], 'text', 3])('%j is not a request', body => {
    expect(refusal(() => parseChatRequest(body))).toMatchObject({ status: 400, param: null, code: 'invalid_type' })
  })
})

describe('completion requests', () => {
  test('every kind of prompt becomes a list', () => {
    expect(completion({}).prompt).toEqual(['옛날'])
    expect(completion({ prompt: ['a', 'b'] }).prompt).toEqual(['a', 'b'])
    expect(completion({ prompt: [1, 2] }).prompt).toEqual([[1, 2]])
    expect(completion({ prompt: [[1], [2, 3]] }).prompt).toEqual([[1], [2, 3]])
  })

  test.each([
    [[], 'prompt', 'invalid_value'],
    [{ text: 'a' }, 'prompt', 'invalid_value'],
    [[1, -2], 'prompt[1]', 'invalid_value'],
    [undefined, 'prompt', 'missing_required_parameter'],
  ])('prompt = %j is refused', (prompt, param, code) => {
    expect(refusal(() => completion({ prompt }))).toMatchObject({ status: 400, param, code })
  })

  test.each([
    ['best_of', 3],
    ['suffix', '끝'],
  ])('%s = %j asks for what there is not', (param, value) => {
    expect(refusal(() => completion({ [param]: value }))).toMatchObject({ param, code: 'unsupported_parameter' })
  })
})
