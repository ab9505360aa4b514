import OpenAI, { type APIError } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServer, serve } from './serve.ts'
import { randomModel } from './testModels.ts'

const model = await randomModel()
let server: RunningServer
let client: OpenAI

beforeAll(async () => {
  server = await serve({ port: 0, models: { random: model } })
  client = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 })
})
afterAll(() => server.stop())

const embed = (fields: object) =>
  client.embeddings.create({ model: 'random', encoding_format: 'float', ...fields } as OpenAI.EmbeddingCreateParams)
const vectorOf = async (input: string) => [...(await model.embed(input, {})).vector]

describe('embeddings', () => {
  test("are the model's, one for each text, in their order", async () => {
    const texts = ['바다', '산과 들', '바다']
    const { object, data, usage } = await embed({ input: texts })
    expect(object).toBe('list')
    expect(data.map(({ index, object }) => [index, object])).toEqual([0, 1, 2].map(index => [index, 'embedding']))
    expect(data.map(({ embedding }) => embedding)).toEqual(await Promise.all(texts.map(vectorOf)))
    expect(data[0].embedding).not.toEqual(data[1].embedding)
    expect(Math.hypot(...data[0].embedding)).toBeCloseTo(1, 5)
    // Each text comes after the token that begins documents.
    const tokens = texts.reduce((sum, text) => sum + 1 + model.tokenizer.encodePlain(text).length, 0)
    expect(usage).toEqual({ prompt_tokens: tokens, total_tokens: tokens })
  })

  test('are the same in base64, which the client asks for by itself', async () => {
    const { data } = await client.embeddings.create({ model: 'random', input: '바다' })
    expect(data.map(({ embedding }) => embedding)).toEqual([await vectorOf('바다')])
    const raw = await embed({ input: '바다', encoding_format: 'base64' })
    expect(typeof raw.data[0].embedding).toBe('string')
  })

  test('take token ids, of one text or several', async () => {
    const ids = [1, ...model.tokenizer.encodePlain('바다')]
    const expected = await vectorOf('바다')
    for (const input of [ids, [ids]]) {
      const { data, usage } = await embed({ input })
      expect(data.map(({ embedding }) => embedding)).toEqual([expected])
      expect(usage.prompt_tokens).toBe(ids.length)
    }
  })

  test('of long texts let an answer that has begun go on in between', async () => {
    const stream = await client.completions.create({ model: 'random', prompt: '바다', max_tokens: 8, stream: true })
    const order: string[] = []
    const embedding = embed({ input: Array.from({ length: 16 }, () => '바다와 산 '.repeat(90)) }).then(() =>
      order.push('embeddings'),
    )
    for await (const _ of stream) order.push('token')
    await embedding
    expect(order.at(-1)).toBe('embeddings')
  })

  test.each([
    ['nothing', { input: [] }, 'input', 'invalid_value'],
    ['no input', {}, 'input', 'missing_required_parameter'],
    ['a number among texts', { input: ['가', 1] }, 'input[1]', 'invalid_type'],
    ['a width that is not theirs', { input: '가', dimensions: 8 }, 'dimensions', 'unsupported_parameter'],
    ['another format', { input: '가', encoding_format: 'int8' }, 'encoding_format', 'invalid_value'],
    ['a text beyond the context', { input: '바다와 산 '.repeat(500) }, 'input', 'context_length_exceeded'],
    ['an id beyond the vocabulary', { input: [1_000_000] }, 'input', 'invalid_value'],
    ['too many texts', { input: Array.from({ length: 2049 }, () => '가') }, 'input', 'invalid_value'],
  ])('refuse %s', async (_, fields, param, code) => {
    const error: APIError = await embed(fields).then(
      () => expect.unreachable('was accepted'),
      error => error,
    )
    expect(error).toMatchObject({ status: 400, param, code })
  })

  test('take their own width as dimensions', async () => {
    const width = model.model.config.hiddenSize
    expect((await embed({ input: '가', dimensions: width })).data[0].embedding).toHaveLength(width)
  })
})
