import Anthropic from '@anthropic-ai/sdk'
import OpenAI, { type APIError } from 'openai'
import { zodFunction, zodResponseFormat, zodTextFormat } from 'openai/helpers/zod'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type RunningServer, serve } from './serve.ts'
import { randomModel, scriptedModel } from './testModels.ts'

/* A model that talks noise, made to say what a schema wants, and asked and read by the official clients' own helpers. */

const user = [{ role: 'user' as const, content: '사람 하나를 지어 줘.' }]
const Person = z.object({
  이름: z.string().max(6),
  나이: z.number().int().min(0).max(120),
  도시: z.enum(['서울', '부산']),
  친구: z.array(z.object({ 이름: z.string().max(4), 키: z.union([z.number().min(0).max(3), z.null()]) })).max(2),
})
const Order = z.object({ menu: z.enum(['김밥', '라면']), count: z.number().int().min(1).max(9) })

let server: RunningServer
let client: OpenAI
let anthropic: Anthropic
/** Makes strings end sooner than noise would. */
let logit_bias: Record<string, number>

beforeAll(async () => {
  const random = await randomModel()
  logit_bias = Object.fromEntries(random.tokenizer.encodePlain('"').map(id => [id, 4]))
  server = await serve({
    port: 0,
    models: {
      random,
      thinker: await scriptedModel('숫자 하나를 고르자.</think>{"menu": "라면", "count": 3}'),
      caller: await scriptedModel(
        '<tool_call>{"name": "order", "arguments": {"menu": "김밥", "count": 2}}</tool_call>',
      ),
    },
  })
  client = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 })
  anthropic = new Anthropic({ apiKey: 'unused', baseURL: server.url, maxRetries: 0 })
})
afterAll(() => server.stop())

describe('the answer', () => {
  test("fulfils the schema of the client's own helper, whatever the seed, and greedily", async () => {
    const names = new Set<string>()
    for (const fields of [{ temperature: 0 }, { seed: 1 }, { seed: 2 }, { seed: 3, temperature: 2 }]) {
      const answer = await client.chat.completions.parse({
        model: 'random',
        messages: user,
        response_format: zodResponseFormat(Person, 'person'),
        ...fields,
      })
      expect(answer.choices[0]!.finish_reason).toBe('stop')
      names.add(answer.choices[0]!.message.parsed!.이름)
    }
    expect(names.size).toBeGreaterThan(2)
  })

  test('is streamed to the same helper', async () => {
    const stream = client.chat.completions.stream({
      model: 'random',
      messages: user,
      response_format: zodResponseFormat(Person, 'person'),
      seed: 4,
    })
    const parsed: unknown[] = []
    stream.on('content.delta', ({ parsed: soFar }) => parsed.push(soFar))
    const final = await stream.finalChatCompletion()
    expect(Person.parse(final.choices[0]!.message.parsed)).toEqual(parsed.at(-1))
  })

  test('is an object where any JSON will do', async () => {
    const answer = await client.chat.completions.create({
      model: 'random',
      messages: user,
      response_format: { type: 'json_object' },
      logit_bias: { ...logit_bias },
      seed: 1,
      max_tokens: 600,
    })
    const [{ finish_reason, message }] = answer.choices as [OpenAI.ChatCompletion.Choice]
    expect(message.content).toMatch(/^\s{0,2}\{/)
    if (finish_reason === 'stop') expect(JSON.parse(message.content!)).toBeTypeOf('object')
  })

  test('comes behind the reasoning', async () => {
    const answer = await client.chat.completions.parse({
      model: 'thinker',
      messages: user,
      response_format: zodResponseFormat(Order, 'order'),
      reasoning_effort: 'low',
    })
    expect(answer.choices[0]!.message).toMatchObject({
      reasoning_content: '숫자 하나를 고르자.',
      parsed: { menu: '라면', count: 3 },
    })
  })

  test('that is cut says so', async () => {
    const answer = await client.chat.completions.create({
      model: 'random',
      messages: user,
      response_format: zodResponseFormat(Person, 'person'),
      max_tokens: 5,
      seed: 1,
    })
    expect(answer.choices[0]!.finish_reason).toBe('length')
  })

  test('of the Responses API, too', async () => {
    const response = await client.responses.parse({
      model: 'random',
      input: '사람 하나를 지어 줘.',
      text: { format: zodTextFormat(Person, 'person') },
    })
    expect(response.output_parsed).toEqual(Person.parse(JSON.parse(response.output_text)))
    expect(response.text).toMatchObject({ format: { type: 'json_schema', name: 'person' } })
  })
})

describe('arguments', () => {
  const tools = [zodFunction({ name: 'order', parameters: Order }), zodFunction({ name: 'person', parameters: Person })]

  /** As the client's helper has parsed them. */
  const callsOf = (message: { tool_calls?: unknown }) =>
    message.tool_calls as { function: { name: string; parsed_arguments: unknown } }[]

  test('fulfil the schema of the tool that is called', async () => {
    const called = new Set<string>()
    for (let seed = 0; seed < 6; seed++) {
      const { choices } = await client.chat.completions.parse({
        model: 'random',
        messages: user,
        tools,
        tool_choice: 'required',
        parallel_tool_calls: false,
        seed,
      })
      const [call, ...more] = callsOf(choices[0]!.message)
      expect(choices[0]!.finish_reason).toBe('tool_calls')
      expect(more).toEqual([])
      ;(call!.function.name === 'order' ? Order : Person).parse(call!.function.parsed_arguments)
      called.add(call!.function.name)
    }
    expect(called.size).toBeGreaterThan(0)
  })

  test('are those of the tool that is named', async () => {
    for (let seed = 0; seed < 3; seed++) {
      const tool_choice = { type: 'function' as const, function: { name: 'order' } }
      const { choices } = await client.chat.completions.parse({
        model: 'random',
        messages: user,
        tools,
        tool_choice,
        seed,
      })
      const [call, ...more] = callsOf(choices[0]!.message)
      expect(Order.parse(call!.function.parsed_arguments)).toBeTruthy()
      expect(more).toEqual([])
    }
  })

  test('are streamed as they are written', async () => {
    const request = { model: 'caller', messages: user, tools } as const
    const chunks = await Array.fromAsync(await client.chat.completions.create({ ...request, stream: true }))
    const deltas = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])
    expect(deltas[0]).toMatchObject({ index: 0, type: 'function', function: { name: 'order', arguments: '' } })
    expect(deltas[0]!.id).toMatch(/^call_/)
    for (const delta of deltas.slice(1)) expect(Object.keys(delta).sort()).toEqual(['function', 'index'])
    expect(deltas.length).toBeGreaterThan(5)
    const given = deltas.map(delta => delta.function!.arguments).join('')
    const whole = await client.chat.completions.create(request)
    const [call] = whole.choices[0]!.message.tool_calls as [OpenAI.ChatCompletionMessageFunctionToolCall]
    expect(given).toBe(call.function.arguments)
    expect(JSON.parse(given)).toEqual({ menu: '김밥', count: 2 })
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('tool_calls')
  })

  test('that are cut are a call with the reason why', async () => {
    const { tokenizer } = await randomModel()
    const max_tokens = tokenizer.encode('<tool_call>{"name": "order", "arguments": {"me').length
    const request = { model: 'caller', messages: user, tools, max_tokens } as const
    const { choices } = await client.chat.completions.create(request)
    expect(choices[0]).toMatchObject({ finish_reason: 'length', message: { tool_calls: [{ type: 'function' }] } })
    const input_schema = { type: 'object' as const, properties: { menu: { type: 'string' } } }
    const message = await anthropic.messages.create({
      ...request,
      tools: [{ name: 'order', input_schema }],
    })
    expect(message).toMatchObject({ stop_reason: 'max_tokens', content: [{ type: 'tool_use', input: {} }] })
    const response = await client.responses.create({
      model: 'caller',
      input: '주문해 줘.',
      tools: [{ type: 'function', name: 'order', parameters: input_schema, strict: true }],
      max_output_tokens: max_tokens,
    })
    expect(response.output).toMatchObject([{ type: 'function_call', status: 'incomplete' }])
    expect(
      (await client.responses.create({ model: 'caller', input: '또', previous_response_id: response.id })).id,
    ).toBeTruthy()
  })

  test("are streamed in Anthropic's shape and in that of Responses", async () => {
    const input_schema = z.toJSONSchema(Order) as Anthropic.Tool.InputSchema
    const stream = anthropic.messages.stream({
      model: 'caller',
      max_tokens: 300,
      messages: user,
      tools: [{ name: 'order', input_schema }],
    })
    const pieces: string[] = []
    stream.on('inputJson', piece => pieces.push(piece))
    expect((await stream.finalMessage()).content).toMatchObject([{ input: { menu: '김밥', count: 2 } }])
    expect(pieces.length).toBeGreaterThan(5)

    const events = await Array.fromAsync(
      await client.responses.create({
        model: 'caller',
        input: '주문해 줘.',
        tools: [{ type: 'function', name: 'order', parameters: input_schema, strict: true }],
        stream: true,
      }),
    )
    const deltas = events.filter(({ type }) => type === 'response.function_call_arguments.delta')
    expect(deltas.length).toBeGreaterThan(5)
  })
})

describe('a schema that cannot be kept is refused at its place', () => {
  const ask = (schema: Record<string, unknown>) =>
    client.chat.completions
      .create({
        model: 'random',
        messages: user,
        response_format: { type: 'json_schema', json_schema: { name: 'a', schema } },
      })
      .then(
        () => expect.unreachable('was accepted'),
        error => error as APIError,
      )
  const place = 'response_format.json_schema.schema'
  const deep = (levels: number): Record<string, unknown> =>
    levels === 0 ? {} : { type: 'object', properties: { a: deep(levels - 1) } }

  test.each<[Record<string, unknown>, string]>([
    [{ type: 'strin' }, '.type'],
    [{ properties: { a: { items: { not: {} } } } }, '.properties.a.items.not'],
    [{ $ref: '#' }, ''],
    [{ $ref: '#/%' }, '.$ref'],
    [{ anyOf: [{ $ref: '#' }, { type: 'null' }] }, ''],
    [{ $ref: 'https://example.com/schema' }, '.$ref'],
    [{ properties: { a: { $ref: '#' } }, required: ['a'] }, ''],
    [{ enum: Array.from({ length: 2000 }, (_, i) => i) }, '.enum'],
    [{ type: 'string', minLength: 100_000 }, '.minLength'],
    [{ type: 'string', pattern: '(a{500}){500}' }, '.pattern'],
    [{ type: 'integer', minimum: 5, maximum: 2 }, ''],
    [deep(40), '.properties.a'.repeat(33)],
  ])('%j', async (schema, path) => {
    expect(await ask(schema)).toMatchObject({ status: 400, param: place + path })
  })
})
