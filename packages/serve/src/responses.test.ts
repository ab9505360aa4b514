import OpenAI, { type APIError } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServer, serve } from './serve.ts'
import { failingModel, talkingModels } from './testModels.ts'

/* The official client's Responses API. */

const weather = {
  type: 'function' as const,
  name: 'weather',
  description: '날씨를 알려 준다',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  strict: false,
}
const call = '<tool_call>{"name": "weather", "arguments": {"city": "서울"}}</tool_call>'

let server: RunningServer
let client: OpenAI

beforeAll(async () => {
  server = await serve({
    port: 0,
    models: { ...(await talkingModels({ caller: `알아볼게요.${call}`, eager: call })), broken: await failingModel(5) },
  })
  client = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 })
})
afterAll(() => server.stop())

const ask = (fields: object) =>
  client.responses.create({
    model: 'polite',
    input: '안녕?',
    ...fields,
  } as OpenAI.Responses.ResponseCreateParamsNonStreaming)

/** Without what the cache says, which depends on what came before. */
const counts = ({ usage }: OpenAI.Responses.Response) => ({ ...usage, input_tokens_details: undefined })

/** Without what is drawn anew each time. */
const lasting = (response: OpenAI.Responses.Response) => ({
  status: response.status,
  usage: counts(response),
  output: response.output.map(item => ({ ...item, id: undefined, call_id: undefined })),
})

describe('a response', () => {
  test('answers as a whole', async () => {
    const response = await ask({ instructions: '친절하게', metadata: { a: 'b' } })
    expect(response).toMatchObject({
      object: 'response',
      status: 'completed',
      model: 'polite',
      error: null,
      instructions: '친절하게',
      metadata: { a: 'b' },
      output_text: '안녕하세요! 반갑습니다.',
      output: [{ type: 'message', role: 'assistant', status: 'completed' }],
    })
    const { input_tokens, output_tokens, total_tokens } = response.usage!
    expect(total_tokens).toBe(input_tokens + output_tokens)
    expect((await ask({})).usage!.input_tokens).toBeLessThan(input_tokens)
  })

  test.each([
    ['polite', {}, 'output_text'],
    ['thinker', { reasoning: { effort: 'low' } }, 'reasoning_text'],
    ['caller', { tools: [weather] }, 'function_call_arguments'],
    ['polite', { max_output_tokens: 2 }, 'output_text'],
  ])('of %s with %j streams the same, event by event', async (model, fields, kind) => {
    const whole = await ask({ model, ...fields })
    const request = { model, input: '안녕?', stream: true, ...fields } as OpenAI.Responses.ResponseCreateParamsStreaming
    const events = await Array.fromAsync(await client.responses.create(request))
    expect(events.map(event => event.sequence_number)).toEqual(events.map((_, i) => i))
    const types = events.map(({ type }) => type.replace('response.', ''))
    const last = events.at(-1) as OpenAI.Responses.ResponseCompletedEvent
    expect(types.slice(0, 3)).toEqual(['created', 'in_progress', 'output_item.added'])
    expect(last.type).toBe(`response.${whole.status}`)
    expect(lasting(last.response)).toEqual(lasting(whole))
    expect(types).toContain(`${kind}.done`)
    let text = ''
    for (const event of events) {
      if (event.type === `response.${kind}.delta`) text += (event as { delta: string }).delta
      if (event.type === 'response.output_item.done')
        expect(event.item).toEqual(last.response.output[event.output_index])
    }
    const done = events.find(({ type }) => type === `response.${kind}.done`) as { text?: string; arguments?: string }
    expect(done.text ?? done.arguments).toBe(text)
  })

  test("is understood by the client's own accumulator", async () => {
    const stream = client.responses.stream({ model: 'caller', input: '안녕?', tools: [weather] })
    const final = await stream.finalResponse()
    expect(final.output).toMatchObject([{ type: 'message' }, { type: 'function_call', arguments: '{"city": "서울"}' }])
    expect(final.output_text).toBe('알아볼게요.')
  })

  test('that is cut by its length is incomplete', async () => {
    expect(await ask({ max_output_tokens: 2 })).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output: [{ status: 'incomplete' }],
    })
  })
})

describe('reasoning', () => {
  test('is an item of its own', async () => {
    const { output, usage } = await ask({ model: 'thinker', reasoning: { effort: 'high' } })
    expect(output).toMatchObject([
      { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: '인사를 하자.' }] },
      { type: 'message', content: [{ type: 'output_text', text: '안녕하세요!' }] },
    ])
    expect(usage!.output_tokens_details.reasoning_tokens).toBeGreaterThan(0)
    expect((await ask({ model: 'thinker', reasoning: { effort: 'none' } })).output).toHaveLength(1)
  })
})

describe('a conversation', () => {
  test('goes on from a response by its id as if all of it were sent', async () => {
    const first = await ask({ model: 'caller', tools: [weather], instructions: '짧게' })
    const made = first.output.find(item => item.type === 'function_call')!
    const output = { type: 'function_call_output', call_id: made.call_id, output: '맑음' }
    const byId = await ask({ previous_response_id: first.id, input: [output], tools: [weather] })
    const begin = { role: 'user', content: [{ type: 'input_text', text: '안녕?' }] }
    const sent = await ask({ input: [begin, ...first.output, output], tools: [weather] })
    expect(byId.output_text).toBe('안녕하세요! 반갑습니다.')
    expect(counts(byId)).toEqual(counts(sent))
    const third = await ask({ previous_response_id: byId.id, input: '고마워', tools: [weather] })
    expect(third.usage!.input_tokens).toBeGreaterThan(byId.usage!.input_tokens + byId.usage!.output_tokens)
  })

  test('can be fetched and deleted, unless it was not to be stored', async () => {
    const response = await ask({})
    expect(await client.responses.retrieve(response.id)).toEqual(response)
    await client.responses.delete(response.id)
    await expect(client.responses.retrieve(response.id)).rejects.toMatchObject({ status: 404 })
    const { id } = await ask({ store: false })
    await expect(ask({ previous_response_id: id })).rejects.toMatchObject({
      status: 404,
      param: 'previous_response_id',
    })
  })
})

describe('tools', () => {
  test('are called for certain where the request says so', async () => {
    for (const tool_choice of ['required', { type: 'function', name: 'weather' }]) {
      const { output } = await ask({ model: 'eager', tools: [weather], tool_choice, parallel_tool_calls: false })
      expect(output).toMatchObject([{ type: 'function_call', name: 'weather', arguments: '{"city": "서울"}' }])
    }
    const none = await ask({ model: 'caller', tools: [weather], tool_choice: 'none', max_output_tokens: 30 })
    expect(none.output.map(({ type }) => type)).toEqual(['message'])
  })
})

describe('errors', () => {
  test.each([
    [{ model: 'gpt' }, 404, 'model'],
    [{ input: [] }, 400, 'input'],
    [{ input: [{ role: 'robot', content: '' }] }, 400, 'input[0].role'],
    [{ input: [{ type: 'function_call', call_id: 'a', name: 'b', arguments: '[' }] }, 400, 'input[0].arguments'],
    [{ max_output_tokens: 5000 }, 400, 'max_output_tokens'],
    [{ tools: [{ type: 'web_search' }] }, 400, 'tools[0].type'],
    [{ tool_choice: 'required' }, 400, 'tool_choice'],
    [{ text: { format: { type: 'xml' } } }, 400, 'text.format.type'],
    [{ text: { format: { type: 'json_schema', name: 'a', schema: { not: {} } } } }, 400, 'text.format.schema.not'],
    [{ tools: [{ ...weather, strict: true, parameters: { not: {} } }] }, 400, 'tools[0].parameters.not'],
    [{ background: true }, 400, 'background'],
    [{ previous_response_id: 'resp_1' }, 404, 'previous_response_id'],
  ])('%j is refused by name', async (fields, status, param) => {
    await expect(ask(fields)).rejects.toMatchObject({ status, param })
  })

  test('in the middle of a stream are its last event', async () => {
    const events: OpenAI.Responses.ResponseStreamEvent[] = []
    const stream = await client.responses.create({ model: 'broken', input: '안녕?', stream: true })
    const failure = await (async () => {
      for await (const event of stream) events.push(event)
    })().catch(error => error as APIError)
    expect(failure).toBeUndefined()
    expect(events.at(-1)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'server_error' } },
    })
  })
})
