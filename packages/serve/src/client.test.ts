import OpenAI, { type APIError, BadRequestError, NotFoundError, RateLimitError } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServer, serve } from './serve.ts'
import { scriptedModel, talkingModels } from './testModels.ts'

/* The official client, unchanged, against the real server on a real socket. */

const user = [{ role: 'user' as const, content: '안녕?' }]
const weather = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: '날씨를 알려 준다',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}
const call = '<tool_call>\n{"name": "weather", "arguments": {"city": "서울"}}\n</tool_call>'

let server: RunningServer
let client: OpenAI

beforeAll(async () => {
  server = await serve({
    port: 0,
    models: await talkingModels({ caller: `알아볼게요.\n${call}`, eager: `${call}\n${call}` }),
  })
  client = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 })
})
afterAll(() => server.stop())

describe('models', () => {
  test('are listed', async () => {
    const ids: string[] = []
    for await (const model of client.models.list()) ids.push(model.id)
    expect(ids).toEqual(['random', 'polite', 'thinker', 'caller', 'eager'])
    expect(await client.models.retrieve('polite')).toMatchObject({ id: 'polite', object: 'model', owned_by: 'modu' })
  })
})

describe('chat', () => {
  test('answers as a whole', async () => {
    const answer = await client.chat.completions.create({ model: 'polite', messages: user })
    expect(answer.object).toBe('chat.completion')
    expect(answer.choices).toHaveLength(1)
    expect(answer.choices[0]).toMatchObject({
      index: 0,
      finish_reason: 'stop',
      message: { role: 'assistant', content: '안녕하세요! 반갑습니다.' },
    })
    const usage = answer.usage!
    expect(usage.prompt_tokens).toBeGreaterThan(0)
    expect(usage.completion_tokens).toBeGreaterThan(0)
    expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens)
  })

  test('streams the same, in whole characters', async () => {
    const stream = await client.chat.completions.create({ model: 'polite', messages: user, stream: true })
    const pieces: string[] = []
    const finishes: unknown[] = []
    let role: string | undefined
    for await (const chunk of stream) {
      expect(chunk.object).toBe('chat.completion.chunk')
      expect(chunk.usage).toBeUndefined()
      role ??= chunk.choices[0].delta.role
      pieces.push(chunk.choices[0].delta.content ?? '')
      if (chunk.choices[0].finish_reason) finishes.push(chunk.choices[0].finish_reason)
    }
    expect(role).toBe('assistant')
    expect(pieces.length).toBeGreaterThan(3)
    expect(pieces.join('')).toBe('안녕하세요! 반갑습니다.')
    expect(pieces.join('|')).not.toContain('\ufffd')
    expect(finishes).toEqual(['stop'])
  })

  test('ends a stream with the usage where it is asked for', async () => {
    const whole = await client.chat.completions.create({ model: 'polite', messages: user })
    const stream = await client.chat.completions.create({
      model: 'polite',
      messages: user,
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks = await Array.fromAsync(stream)
    expect(chunks.slice(0, -1).every(chunk => chunk.usage === null)).toBe(true)
    const { prompt_tokens, completion_tokens, total_tokens } = whole.usage!
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens, completion_tokens, total_tokens } })
  })

  test("the client's own accumulator understands the stream", async () => {
    const stream = client.chat.completions.stream({ model: 'caller', messages: user, tools: [weather] })
    const final = await stream.finalChatCompletion()
    expect(final.choices[0].message.content?.trim()).toBe('알아볼게요.')
    expect(final.choices[0].message.tool_calls).toMatchObject([{ function: { name: 'weather' } }])
    expect(final.choices[0].finish_reason).toBe('tool_calls')
  })

  test('stops before a stop string', async () => {
    const answer = await client.chat.completions.create({ model: 'polite', messages: user, stop: ['반갑', '없다'] })
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: '안녕하세요! ' } })
  })

  test('max_tokens and max_completion_tokens end an answer by its length', async () => {
    for (const limit of [{ max_tokens: 2 }, { max_completion_tokens: 2, max_tokens: 50 }]) {
      const answer = await client.chat.completions.create({ model: 'polite', messages: user, ...limit })
      expect(answer.choices[0].finish_reason).toBe('length')
      expect(answer.usage!.completion_tokens).toBe(2)
    }
  })

  test('gives n answers; the same seed gives the same ones', async () => {
    const ask = () =>
      client.chat.completions.create({ model: 'random', messages: user, n: 3, seed: 7, max_tokens: 12, temperature: 1 })
    const [first, second] = [await ask(), await ask()]
    const contents = first.choices.map(choice => choice.message.content)
    expect(first.choices.map(({ index }) => index)).toEqual([0, 1, 2])
    expect(new Set(contents).size).toBe(3)
    expect(second.choices.map(choice => choice.message.content)).toEqual(contents)

    const stream = await client.chat.completions.create({
      ...{ model: 'random', messages: user, n: 3, seed: 7, max_tokens: 12, temperature: 1 },
      stream: true,
    })
    const streamed = ['', '', '']
    for await (const { choices } of stream) streamed[choices[0].index] += choices[0].delta.content ?? ''
    expect(streamed).toEqual(contents)
  })

  test('every sampling parameter is accepted', async () => {
    const answer = await client.chat.completions.create({
      model: 'random',
      messages: user,
      max_tokens: 4,
      temperature: 0.7,
      top_p: 0.9,
      presence_penalty: 0.5,
      frequency_penalty: -0.5,
      seed: 1,
      ...{ top_k: 20, min_p: 0.05, repetition_penalty: 1.1 },
    })
    expect(answer.usage!.completion_tokens).toBeLessThanOrEqual(4)
  })
})

describe('thinking', () => {
  const ask = async (fields: object) => {
    const answer = await client.chat.completions.create({ model: 'thinker', messages: user, ...fields })
    return answer.choices[0].message as { content: string; reasoning_content?: string }
  }

  test('is asked for by chat_template_kwargs and comes apart from the answer', async () => {
    const message = await ask({ chat_template_kwargs: { enable_thinking: true } })
    expect(message.reasoning_content?.trim()).toBe('인사를 하자.')
    expect(message.content.trim()).toBe('안녕하세요!')
  })

  test('or by reasoning_effort, which chat_template_kwargs overrule', async () => {
    expect((await ask({ reasoning_effort: 'low' })).reasoning_content?.trim()).toBe('인사를 하자.')
    expect((await ask({ reasoning_effort: 'none' })).reasoning_content).toBeUndefined()
    const overruled = await ask({ reasoning_effort: 'high', chat_template_kwargs: { enable_thinking: false } })
    expect(overruled.reasoning_content).toBeUndefined()
  })

  test('ends within its budget, and the answer follows', async () => {
    const budgets = [
      { thinking_token_budget: 1 },
      { chat_template_kwargs: { enable_thinking: true, thinking_budget: 1 } },
    ]
    for (const budget of budgets) {
      const { choices, usage } = await client.chat.completions.create({
        ...{ model: 'random', messages: user, max_tokens: 30, reasoning_effort: 'low', ...budget },
      })
      // The tag that ends them is a token, too.
      expect(usage!.completion_tokens_details!.reasoning_tokens).toBe(2)
      expect(choices[0].message.content!.trim()).not.toBe('')
    }
  })

  test('is streamed as reasoning_content', async () => {
    const stream = await client.chat.completions.create({
      ...{ model: 'thinker', messages: user, chat_template_kwargs: { enable_thinking: true } },
      stream: true,
      stream_options: { include_usage: true },
    })
    let reasoning = ''
    let content = ''
    let usage: OpenAI.CompletionUsage | null | undefined
    for await (const chunk of stream) {
      usage = chunk.usage
      const delta = chunk.choices[0]?.delta as { content?: string; reasoning_content?: string } | undefined
      if (delta?.reasoning_content) expect(content).toBe('')
      reasoning += delta?.reasoning_content ?? ''
      content += delta?.content ?? ''
    }
    expect([reasoning.trim(), content.trim()]).toEqual(['인사를 하자.', '안녕하세요!'])
    expect(usage!.completion_tokens_details!.reasoning_tokens).toBeGreaterThan(0)
    expect(usage!.completion_tokens_details!.reasoning_tokens).toBeLessThan(usage!.completion_tokens)
  })
})

describe('tools', () => {
  test('calls come apart from the text', async () => {
    const answer = await client.chat.completions.create({ model: 'caller', messages: user, tools: [weather] })
    const [{ message, finish_reason }] = answer.choices
    expect(finish_reason).toBe('tool_calls')
    expect(message.content?.trim()).toBe('알아볼게요.')
    const [made] = message.tool_calls as OpenAI.ChatCompletionMessageFunctionToolCall[]
    expect(made).toMatchObject({ type: 'function', function: { name: 'weather' } })
    expect(made.id).toMatch(/^call_/)
    expect(JSON.parse(made.function.arguments)).toEqual({ city: '서울' })
  })

  test('what they return goes back into the conversation', async () => {
    const asked = await client.chat.completions.create({ model: 'caller', messages: user, tools: [weather] })
    const { message } = asked.choices[0]
    const answer = await client.chat.completions.create({
      model: 'polite',
      tools: [weather],
      messages: [...user, message, { role: 'tool', tool_call_id: message.tool_calls![0].id, content: '맑음, 21도' }],
    })
    expect(answer.choices[0].message.content).toBe('안녕하세요! 반갑습니다.')
    expect(answer.usage!.prompt_tokens).toBeGreaterThan(asked.usage!.prompt_tokens)
  })

  test('several calls are several, or one where the client says so', async () => {
    const ask = async (fields: object) => {
      const answer = await client.chat.completions.create({
        model: 'eager',
        messages: user,
        tools: [weather],
        ...fields,
      })
      return answer.choices[0].message.tool_calls!.map(({ id }) => id)
    }
    const both = await ask({})
    expect(both).toHaveLength(2)
    expect(new Set(both).size).toBe(2)
    expect(await ask({ parallel_tool_calls: false })).toHaveLength(1)
  })
})

describe('completions', () => {
  test('go on from one prompt, or from several, n times each', async () => {
    const one = await client.completions.create({ model: 'random', prompt: '옛날 옛적에', max_tokens: 5, seed: 3 })
    expect(one).toMatchObject({ object: 'text_completion', usage: { completion_tokens: expect.any(Number) } })
    const prompts = ['옛날 옛적에', '바다']
    const many = await client.completions.create({ model: 'random', prompt: prompts, n: 2, max_tokens: 5, seed: 3 })
    expect(many.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3])
    expect(many.choices[0].text).toBe(one.choices[0].text)
  })

  test('stop after 16 tokens unless told otherwise, and repeat the prompt where asked', async () => {
    const plain = await client.completions.create({ model: 'random', prompt: '바다', seed: 3 })
    expect(plain.usage!.completion_tokens).toBeLessThanOrEqual(16)
    const echoed = await client.completions.create({ model: 'random', prompt: '바다', seed: 3, echo: true })
    expect(echoed.choices[0].text).toBe(`바다${plain.choices[0].text}`)
  })

  test('stream the same text', async () => {
    const fields = { model: 'random', prompt: '바다', seed: 5, max_tokens: 10 }
    const whole = await client.completions.create(fields)
    const stream = await client.completions.create({ ...fields, stream: true, stream_options: { include_usage: true } })
    const chunks = await Array.fromAsync(stream)
    expect(chunks.map(({ choices }) => choices[0]?.text ?? '').join('')).toBe(whole.choices[0].text)
    expect(chunks.at(-1)!.usage).toEqual(whole.usage)
  })

  test('take token ids', async () => {
    const answer = await client.completions.create({ model: 'random', prompt: [20, 21, 22], max_tokens: 2 })
    expect(answer.usage!.prompt_tokens).toBe(3)
  })
})

describe('errors reach the client as its own classes', () => {
  const ask = (fields: object) => client.chat.completions.create({ model: 'polite', messages: user, ...fields })
  const refusal = (request: Promise<unknown>) =>
    request.then(
      () => expect.unreachable('was accepted'),
      error => error as APIError,
    )

  test('an unknown model', async () => {
    const error = await refusal(ask({ model: 'gpt-4o' }))
    expect(error).toBeInstanceOf(NotFoundError)
    expect(error).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' })
    expect(error.message).toContain("'gpt-4o'")
    expect(error.requestID).toBeTruthy()
  })

  test('a temperature below zero', async () => {
    const error = await refusal(ask({ temperature: -1 }))
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({ param: 'temperature', type: 'invalid_request_error' })
  })

  test.each([false, true])('a prompt longer than the context, stream: %s', async stream => {
    const error = await refusal(ask({ messages: [{ role: 'user', content: '바다 '.repeat(5000) }], stream }))
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({ status: 400, code: 'context_length_exceeded', param: 'messages' })
  })

  test.each([false, true])('more tokens asked for than the context holds, stream: %s', async stream => {
    const error = await refusal(ask({ max_tokens: 1_000_000, stream }))
    expect(error).toMatchObject({ status: 400, param: 'max_tokens' })
    const completion = client.completions.create({ model: 'random', prompt: '바다', max_tokens: 1_000_000, stream })
    expect(await refusal(completion)).toMatchObject({ status: 400, param: 'max_tokens' })
  })

  test('more tokens asked for than the prompt leaves room for', async () => {
    const error = await refusal(ask({ max_tokens: 2040 }))
    expect(error).toMatchObject({ status: 400, code: 'context_length_exceeded', param: 'max_tokens' })
  })

  test('a tool call in the conversation whose arguments are no JSON', async () => {
    const call = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":' } }
    const error = await refusal(ask({ messages: [...user, { role: 'assistant', tool_calls: [call] }, ...user] }))
    expect(error).toMatchObject({ status: 400, param: 'messages[1].tool_calls[0].function.arguments' })
  })

  test('a token id the vocabulary does not have', async () => {
    const error = await refusal(client.completions.create({ model: 'random', prompt: [1_000_000] }))
    expect(error).toMatchObject({ status: 400, param: 'prompt' })
  })

  test('a full server', async () => {
    // The first answer must last until the second question is there.
    const talkative = await scriptedModel('파도 소리가 들려요. '.repeat(200))
    const full = await serve({ port: 0, models: { random: talkative }, seats: 1, line: 0 })
    try {
      const impatient = new OpenAI({ apiKey: 'unused', baseURL: `${full.url}/v1`, maxRetries: 0 })
      const fields = { model: 'random', prompt: '바다', max_tokens: 400 }
      const first = await impatient.completions.create({ ...fields, stream: true })
      const error = await refusal(impatient.completions.create(fields))
      expect(error).toBeInstanceOf(RateLimitError)
      expect(error.headers!.get('retry-after')).toBe('2')
      first.controller.abort()
      // With its own patience, the client tries again and is served once the seat is free.
      const patient = new OpenAI({ apiKey: 'unused', baseURL: `${full.url}/v1`, maxRetries: 5 })
      await patient.completions.create({ ...fields, max_tokens: 2 })
    } finally {
      await full.stop()
    }
  })
})
