import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServer, serve } from './serve.ts'
import { randomModel } from './testModels.ts'

let server: RunningServer
let client: OpenAI

beforeAll(async () => {
  server = await serve({ port: 0, models: { 'org/random': await randomModel(), other: await randomModel() } })
  client = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 })
})
afterAll(() => server.stop())

interface Tokenized {
  count: number
  max_model_len: number
  tokens: number[]
  token_strs: string[] | null
}
const tokenize = (fields: object) =>
  client.post<Tokenized>(`${server.url}/tokenize`, { body: { model: 'org/random', ...fields } })
const detokenize = async (tokens: number[]) => {
  const body = { model: 'org/random', tokens }
  return (await client.post<{ prompt: string }>(`${server.url}/detokenize`, { body })).prompt
}

describe('/tokenize', () => {
  test('gives the tokens of a text, which /detokenize turns back into it', async () => {
    const text = '안녕하세요! 가나다 <|end|> 🌊'
    const { tokens, count, max_model_len, token_strs } = await tokenize({ prompt: text, add_special_tokens: false })
    expect(count).toBe(tokens.length)
    expect(max_model_len).toBe(2048)
    expect(token_strs).toBeNull()
    expect(await detokenize(tokens)).toBe(text)
  })

  test('reads a text as /v1/completions does', async () => {
    const prompt = '바다와 산 <|end|>'
    const { count, tokens, token_strs } = await tokenize({ prompt, return_token_strs: true })
    expect(token_strs![0]).toBe('<|begin|>')
    const ask = { model: 'org/random', max_tokens: 1, temperature: 0 }
    const byText = await client.completions.create({ ...ask, prompt })
    expect(byText.usage!.prompt_tokens).toBe(count)
    const byTokens = await client.completions.create({ ...ask, prompt: tokens })
    expect(byTokens.choices[0]!.text).toBe(byText.choices[0]!.text)
  })

  test('reads a conversation as /v1/chat/completions does', async () => {
    const messages = [
      { role: 'system' as const, content: '친절하게' },
      { role: 'user' as const, content: '안녕? <|user|>' },
    ]
    const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: { type: 'object' } } }]
    const kwargs = { chat_template_kwargs: { enable_thinking: true } }
    const { count, tokens } = await tokenize({ messages, tools, ...kwargs })
    const answer = await client.chat.completions.create({
      ...{ model: 'org/random', messages, tools, max_tokens: 1, ...kwargs },
    })
    expect(answer.usage!.prompt_tokens).toBe(count)
    expect((await detokenize(tokens)).endsWith('<|assistant|><think>')).toBe(true)
    const open = await tokenize({ messages, tools, add_generation_prompt: false })
    expect(tokens.slice(0, open.count)).toEqual(open.tokens)
  })

  test.each([
    [{}, 'prompt'],
    [{ prompt: 'a', messages: [{ role: 'user', content: 'b' }] }, 'prompt'],
    [{ prompt: 3 }, 'prompt'],
    [{ messages: [{ role: 'robot', content: 'b' }] }, 'messages[0].role'],
    [{ messages: [{ role: 'user', content: 'b' }], tools: [{ type: 'function' }] }, 'tools[0].function'],
  ])('%j is refused at %s', async (fields, param) => {
    await expect(tokenize(fields)).rejects.toMatchObject({ status: 400, param })
  })
})

describe('/tokenizer_info', () => {
  test('tells of control tokens and the template, of the first model where none is named', async () => {
    const { chat_template, ...info } = await client.get<Record<string, unknown>>(`${server.url}/tokenizer_info`)
    expect(info).toMatchObject({ bos_token: '<|begin|>', eos_token: '<|end|>', model_max_length: 2048 })
    expect(chat_template).toContain('<|assistant|>')
    const { tokens } = await client.post<Tokenized>(`${server.url}/tokenize`, { body: { prompt: '가' } })
    expect(tokens).toEqual((await tokenize({ prompt: '가' })).tokens)
    await expect(client.get(`${server.url}/tokenizer_info?model=none`)).rejects.toMatchObject({ status: 404 })
  })
})

describe('/detokenize', () => {
  test.each([[[-1]], [[0.5]], [[320]], [[1, 'a']]])('%j is refused by name', async tokens => {
    await expect(detokenize(tokens as number[])).rejects.toMatchObject({
      status: 400,
      param: expect.stringMatching(/^tokens\[\d\]$/),
    })
  })

  test('of nothing is nothing', async () => {
    expect(await detokenize([])).toBe('')
  })
})

describe('/v1/models', () => {
  test('is understood by OpenAI’s and Anthropic’s clients', async () => {
    const anthropic = new Anthropic({ apiKey: 'unused', baseURL: server.url, maxRetries: 0 })
    const ids = ['org/random', 'other']
    expect((await Array.fromAsync(client.models.list())).map(({ id }) => id)).toEqual(ids)
    expect((await Array.fromAsync(anthropic.models.list())).map(({ id }) => id)).toEqual(ids)
    const model = await client.models.retrieve('org/random')
    expect(model).toMatchObject({ id: 'org/random', object: 'model', owned_by: 'modu', max_model_len: 2048 })
    const same = await anthropic.models.retrieve('org/random')
    expect(same).toMatchObject({ type: 'model', display_name: 'org/random' })
    expect(Date.parse(same.created_at)).toBe(model.created * 1000)
  })
})

describe('/ready', () => {
  test('says that requests are taken, until the server stops', async () => {
    const stopping = await serve({ port: 0, models: { random: await randomModel() } })
    const ready = await fetch(`${stopping.url}/ready`)
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready', models: ['random'] }])
    await stopping.stop()
    await expect(fetch(`${stopping.url}/ready`)).rejects.toThrow()
  })
})
