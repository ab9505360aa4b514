import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Keys } from '../keys/keys.ts'
import { unlimited } from '../keys/testTerms.ts'
import { type RunningServer, serve } from '../serve.ts'
import { testDatabase } from '../store/testDatabase.ts'
import { randomModel, scriptedModel } from '../testModels.ts'
import { usageReport } from '../usage/report.ts'
import { chatAnswer, chatEnd, errorOf, sendJson, testGateway, testUpstream } from './testUpstream.ts'

/* A gateway in front of a real server: another Modu. */

const said = '안녕하세요, 반갑습니다.'
const user = [{ role: 'user' as const, content: '안녕?' }]

let modu: RunningServer
beforeAll(async () => {
  modu = await serve({ port: 0, models: { inner: await scriptedModel(said) } })
})
afterAll(() => modu.stop())

const behind = () => ({ modu: { baseUrl: `${modu.url}/v1` } })

describe('every route answers as the server behind does, under the name that clients have for the model', () => {
  test('chat and completions, whole and streamed, through the client of OpenAI', async () => {
    const { url } = await testGateway(behind())
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused' })
    const whole = await openai.chat.completions.create({ model: 'outer', messages: user })
    expect(whole).toMatchObject({ model: 'outer', choices: [{ message: { content: said } }] })

    const chunks = await Array.fromAsync(
      await openai.chat.completions.create({ model: 'outer', messages: user, stream: true }),
    )
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(said)
    expect(new Set(chunks.map(({ model }) => model))).toEqual(new Set(['outer']))

    const completion = await openai.completions.create({ model: 'outer', prompt: '바다', max_tokens: 5 })
    expect(completion).toMatchObject({ model: 'outer', usage: { completion_tokens: 5 } })
  })

  test('the usage of a stream is told to those who ask for it, and to nobody else', async () => {
    const { chat } = await testGateway(behind())
    const usages = async (fields: object) => {
      const events = (await (await chat({ stream: true, ...fields })).text()).trim().split('\n\n')
      expect(events.at(-1)).toBe('data: [DONE]')
      return events.slice(0, -1).map(event => JSON.parse(event.slice('data: '.length)).usage)
    }
    const asked = await usages({ stream_options: { include_usage: true } })
    expect(asked.at(-1)).toMatchObject({ completion_tokens: expect.any(Number) })
    const unasked = await usages({})
    expect(unasked.every(usage => usage === undefined)).toBe(true)
    expect(unasked.length).toBe(asked.length - 1)
  })

  test('responses and messages, through the clients of OpenAI and Anthropic', async () => {
    const { url } = await testGateway(behind())
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused' })
    const response = await openai.responses.create({ model: 'outer', input: '안녕?' })
    expect(response).toMatchObject({ model: 'outer', output_text: said })
    const events = await Array.fromAsync(
      await openai.responses.create({ model: 'outer', input: '안녕?', stream: true }),
    )
    expect(events.at(-1)).toMatchObject({ type: 'response.completed', response: { model: 'outer' } })

    const anthropic = new Anthropic({ baseURL: url, apiKey: 'unused' })
    const request = { model: 'outer', max_tokens: 50, messages: user }
    expect(await anthropic.messages.create(request)).toMatchObject({ model: 'outer', content: [{ text: said }] })
    const message = await anthropic.messages.stream(request).finalMessage()
    expect(message).toMatchObject({ model: 'outer', content: [{ text: said }], stop_reason: 'end_turn' })
    expect(await anthropic.messages.countTokens(request)).toEqual({ input_tokens: message.usage.input_tokens })
  })

  test('embeddings', async () => {
    const { url } = await testGateway(behind())
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused' })
    const { model, data, usage } = await openai.embeddings.create({ model: 'outer', input: ['바다', '산'] })
    expect([model, data.length, usage.prompt_tokens > 0]).toEqual(['outer', 2, true])
  })

  test('what the server behind refuses is refused in its words', async () => {
    const { chat } = await testGateway(behind())
    expect(await errorOf(await chat({ temperature: 3 }))).toMatchObject({
      status: 400,
      code: 'invalid_value',
      param: 'temperature',
    })
  })
})

test('models of upstreams and those here stand side by side', async () => {
  const database = await testDatabase()
  const { url, chat, post } = await testGateway(behind(), { models: { here: await randomModel() }, database })
  const list = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] }
  expect(list.data.map(({ id }) => id)).toEqual(['here', 'outer'])
  expect(await (await fetch(`${url}/v1/models/outer`)).json()).toMatchObject({ id: 'outer', object: 'model' })
  expect(await (await fetch(`${url}/ready`)).json()).toEqual({ status: 'ready', models: ['here', 'outer'] })
  for (const model of ['here', 'outer']) expect((await chat({ model, max_tokens: 3 })).status).toBe(200)
  const unknown = await errorOf(await chat({ model: 'inner' }))
  expect(unknown).toMatchObject({ status: 404, code: 'model_not_found' })
  expect(unknown.message).toContain("'here', 'outer'")
  expect(await errorOf(await post('/tokenize', { model: 'outer', prompt: '바다' }))).toMatchObject({ status: 400 })
  expect(await usageReport(database)).toMatchObject([
    { model: 'here', requests: 1 },
    { model: 'outer', requests: 1 },
  ])
})

test('a model of the same name here and there is refused at the start', async () => {
  const start = testGateway(behind(), { models: { outer: await randomModel() } })
  await expect(start).rejects.toMatchObject({ code: 'config-invalid', message: expect.stringContaining("'outer'") })
})

describe('usage', () => {
  test('is what the server behind counted, streamed or not, of every route', async () => {
    const database = await testDatabase()
    const { chat, post } = await testGateway(behind(), { database })
    const whole = (await (await chat()).json()) as { usage: { prompt_tokens: number; completion_tokens: number } }
    const { prompt_tokens, completion_tokens } = whole.usage
    await (await chat({ stream: true })).text()
    for (const stream of [true, false]) {
      await (await post('/v1/responses', { model: 'outer', input: '안녕?', stream })).text()
      await (await post('/v1/messages', { model: 'outer', max_tokens: 90, messages: user, stream })).text()
    }
    expect(await usageReport(database)).toMatchObject([
      { requests: 6, prompt_tokens: 6 * prompt_tokens, completion_tokens: 6 * completion_tokens },
    ])
    const embedding = await post('/v1/embeddings', { model: 'outer', input: '바다' })
    const { usage } = (await embedding.json()) as { usage: { prompt_tokens: number } }
    expect(await usageReport(database)).toMatchObject([
      {
        requests: 7,
        prompt_tokens: 6 * prompt_tokens + usage.prompt_tokens,
        completion_tokens: 6 * completion_tokens,
      },
    ])
  })

  test('keys, their models and their limits hold', async () => {
    const database = await testDatabase()
    const keys = new Keys(database)
    const here = await keys.create({ ...unlimited, name: 'here', models: ['here'] })
    const little = await keys.create({ ...unlimited, name: 'little', tokensPerMonth: 3 })
    const { chat, url } = await testGateway(behind(), { database })
    const as = ({ secret }: { secret: string }) => ({
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${secret}` },
    })
    expect((await chat()).status).toBe(401)
    expect(await errorOf(await chat({}, as(here)))).toMatchObject({ status: 403, code: 'model_not_allowed' })
    const list = (await (await fetch(`${url}/v1/models`, as(here))).json()) as { data: unknown[] }
    expect(list.data).toEqual([])
    const stream = await (await chat({ stream: true }, as(little))).text()
    expect(stream).toContain('"code":"insufficient_quota"')
    expect(stream).not.toContain('[DONE]')
    expect(await errorOf(await chat({}, as(little)))).toMatchObject({ status: 429, code: 'insufficient_quota' })
  })
})

describe('the server behind', () => {
  test('gets its own name for the model, its key, and nothing of the client but the request', async () => {
    process.env.MODU_TEST_KEY = 'sk-behind'
    onTestFinished(() => {
      delete process.env.MODU_TEST_KEY
    })
    const a = await testUpstream(response => sendJson(response, chatAnswer('네')))
    const { chat, lines } = await testGateway({ a: { ...a.config, apiKeyEnv: 'MODU_TEST_KEY' } }, { logLevel: 'debug' })
    const init = { headers: { 'Content-Type': 'application/json', Authorization: 'Bearer mine', Cookie: 'a=b' } }
    const response = await chat({ temperature: 0.5, some_future_field: [1] }, init)
    expect(a.received).toMatchObject([
      {
        url: '/v1/chat/completions',
        headers: { authorization: 'Bearer sk-behind', 'x-request-id': response.headers.get('X-Request-Id') },
        body: { model: 'inner', messages: user, temperature: 0.5, some_future_field: [1] },
      },
    ])
    expect(a.received[0]!.headers).not.toHaveProperty('cookie')
    expect(lines.join()).not.toContain('sk-behind')
  })

  test('gets thoughts, and tells its own, under the names that each side knows', async () => {
    const delta = { index: 0, delta: { reasoning: '음…' } }
    const a = await testUpstream((response, { body }) => {
      if (body.stream) return response.end(`data: ${JSON.stringify({ choices: [delta] })}\n\n${chatEnd}`)
      const message = { role: 'assistant', content: '네', reasoning: '음…' }
      sendJson(response, { ...chatAnswer('네'), choices: [{ index: 0, message }] })
    })
    const { chat } = await testGateway({ a: a.config })
    const thought = { role: 'assistant', content: '네', reasoning_content: '아…' }
    const messages = [...user, thought, ...user]
    const whole = (await (await chat({ messages })).json()) as object
    expect(whole).toMatchObject({ choices: [{ message: { reasoning_content: '음…' } }] })
    expect(await (await chat({ messages, stream: true })).text()).toContain('"reasoning_content":"음…"')
    for (const { body } of a.received)
      expect(body.messages).toEqual([...user, { ...thought, reasoning: '아…' }, ...user])
  })

  test('must have its key when the gateway starts', async () => {
    const start = testGateway({ a: { baseUrl: 'http://127.0.0.1:9/v1', apiKeyEnv: 'MODU_NO_SUCH_KEY' } })
    await expect(start).rejects.toThrow('set the environment variable MODU_NO_SUCH_KEY')
  })

  test('keeps no state for clients', async () => {
    const { post } = await testGateway(behind())
    const body = { model: 'outer', input: '그리고?', previous_response_id: 'resp_1' }
    expect(await errorOf(await post('/v1/responses', body))).toMatchObject({
      status: 400,
      code: 'unsupported_parameter',
      param: 'previous_response_id',
    })
  })

  test('is the same one for all turns of a conversation, also when another one is idle', async () => {
    const all = await Promise.all([1, 2, 3].map(() => testUpstream(response => sendJson(response, chatAnswer('네')))))
    const { chat } = await testGateway(Object.fromEntries(all.map(({ config }, i) => [`u${i}`, config])))
    for (const name of ['가', '나', '다', '라', '마', '바']) {
      const messages = [{ role: 'user', content: name }]
      for (let turn = 0; turn < 3; turn++) {
        await chat({ messages })
        messages.push({ role: 'assistant', content: '네' }, { role: 'user', content: `${turn}` })
      }
    }
    const conversations = all.map(({ received }) =>
      received.map(({ body }) => (body.messages as typeof user)[0]!.content),
    )
    for (const each of conversations) expect(each.length).toBe(3 * new Set(each).size)
    expect(conversations.filter(({ length }) => length > 0).length).toBeGreaterThan(1)
  })
})
