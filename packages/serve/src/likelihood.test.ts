import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServer, serve } from './serve.ts'
import { randomModel, scriptedModel } from './testModels.ts'

/* logprobs and logit_bias of both APIs. */

let server: RunningServer
let client: OpenAI
const { tokenizer, model } = await randomModel()
const user = [{ role: 'user' as const, content: '안녕?' }]

beforeAll(async () => {
  server = await serve({
    port: 0,
    models: {
      random: await randomModel(),
      silent: await scriptedModel(''),
      polite: await scriptedModel('안녕하세요!'),
    },
  })
  client = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 })
})
afterAll(() => server.stop())

/** ln P of a sequence but its first token, as training measures it. */
function logProbability(ids: number[]): number {
  const tokens = Int32Array.from(ids)
  const sum = -model.loss(tokens, tokens, 1).reals[0]! * (ids.length - 1)
  model.device.reset()
  return sum
}
const sum = (numbers: readonly (number | null)[]) => numbers.reduce<number>((total, n) => total + n!, 0)

describe('completions', () => {
  const text = '옛날 옛적에 호랑이가 🌊 '
  const echo = { model: 'random', echo: true, logprobs: 2, max_tokens: 1, temperature: 0 }

  test('tell how likely an echoed prompt is, as an evaluation harness asks', async () => {
    const prompts = [text, '바다'].map(prompt => [1, ...tokenizer.encodePlain(prompt)])
    const { choices } = await client.completions.create({ ...echo, prompt: prompts })
    for (const [i, ids] of prompts.entries()) {
      const { tokens, token_logprobs, top_logprobs, text_offset } = choices[i]!.logprobs!
      for (const list of [tokens, token_logprobs, top_logprobs, text_offset]) expect(list).toHaveLength(ids.length + 1)
      expect([token_logprobs![0], top_logprobs![0]]).toEqual([null, null])
      expect(sum(token_logprobs!.slice(1, -1))).toBeCloseTo(logProbability(ids), 2)
      for (const [at, top] of top_logprobs!.slice(1).entries()) {
        expect([2, 3]).toContain(Object.keys(top).length)
        expect(token_logprobs![at + 1]).toBeLessThanOrEqual(Math.max(...Object.values(top)))
      }
      // The answer is the most likely token.
      expect(token_logprobs!.at(-1)).toBe(Math.max(...Object.values(top_logprobs!.at(-1)!)))
    }
  })

  test('count the token that ends an answer, so that there is always one behind the prompt', async () => {
    const ids = [1, ...tokenizer.encodePlain('바다')]
    const { choices } = await client.completions.create({ ...echo, model: 'silent', prompt: ids })
    expect(choices[0]!.logprobs!.tokens).toHaveLength(ids.length + 1)
    expect(choices[0]!.logprobs!.tokens!.at(-1)).toBe('<|end|>')
  })

  test('of a text show neither the token that begins documents nor one that is only spelled out', async () => {
    const prompt = `${text}<|end|>`
    const { choices } = await client.completions.create({ ...echo, prompt })
    const { tokens, token_logprobs, text_offset } = choices[0]!.logprobs!
    const ids = tokenizer.encodePlain(prompt)
    expect(tokens).toHaveLength(ids.length + 1)
    expect(tokens!.slice(-8).join('')).toContain('<|end|>')
    expect(sum(token_logprobs!.slice(0, -1))).toBeCloseTo(logProbability([1, ...ids]), 2)
    const points = [...choices[0]!.text]
    for (const [i, token] of tokens!.entries()) {
      if (token.startsWith('bytes:')) continue
      expect(points.slice(text_offset![i], text_offset![i]! + [...token].length).join('')).toBe(token)
    }
    expect(tokens!.some(token => /^bytes:(\\x[\da-f]{2})+$/.test(token))).toBe(true)
  })

  test('stream the same', async () => {
    const fields = { model: 'random', prompt: [text, '바다'], echo: true, logprobs: 1, max_tokens: 12, seed: 3, n: 2 }
    const whole = await client.completions.create(fields)
    const streamed = whole.choices.map(() => ({ text: '', tokens: [] as string[], offsets: [] as number[] }))
    for await (const { choices } of await client.completions.create({ ...fields, stream: true })) {
      const [{ index, text, logprobs }] = choices as [OpenAI.CompletionChoice]
      streamed[index]!.text += text
      streamed[index]!.tokens.push(...(logprobs?.tokens ?? []))
      streamed[index]!.offsets.push(...(logprobs?.text_offset ?? []))
    }
    expect(streamed).toEqual(
      whole.choices.map(({ text, logprobs }) => ({ text, tokens: logprobs!.tokens, offsets: logprobs!.text_offset })),
    )
  })

  test('without being asked tell nothing', async () => {
    const { choices } = await client.completions.create({ model: 'random', prompt: text, max_tokens: 2 })
    expect(choices[0]!.logprobs).toBeNull()
  })
})

describe('chat', () => {
  test('tells how likely the tokens of its answer were', async () => {
    const ask = { model: 'polite', messages: user, logprobs: true, top_logprobs: 3 }
    const answer = await client.chat.completions.create(ask)
    const { content } = answer.choices[0]!.logprobs!
    expect(Buffer.from(content!.flatMap(({ bytes }) => bytes!)).toString()).toBe('안녕하세요!')
    for (const { logprob, top_logprobs, token } of content!) {
      expect(top_logprobs).toHaveLength(3)
      expect(top_logprobs[0]).toMatchObject({ token, logprob })
    }
    const streamed: OpenAI.ChatCompletionTokenLogprob[] = []
    for await (const { choices } of await client.chat.completions.create({ ...ask, stream: true }))
      streamed.push(...(choices[0]!.logprobs?.content ?? []))
    // Steps in another order round differently.
    const about = (tokens: { token: string; logprob: number }[]) =>
      tokens.map(({ token, logprob }) => [token, expect.closeTo(logprob, 4)])
    expect(streamed.map(({ token, logprob }) => [token, logprob])).toEqual(about(content!))
  })
})

describe('logit_bias', () => {
  const [wanted] = tokenizer.encodePlain('가') as [number]
  const ask = { model: 'random', messages: user, max_tokens: 6, seed: 1 }

  test('makes a token certain', async () => {
    const answer = await client.chat.completions.create({ ...ask, logit_bias: { [wanted]: 100 } })
    expect(answer.choices[0]!.message.content).toBe(tokenizer.decode(Array(6).fill(wanted)))
  })

  test('changes no probability that is told', async () => {
    const fields = { model: 'random', prompt: '바다', max_tokens: 1, logprobs: 1, temperature: 0 }
    const plain = await client.completions.create(fields)
    const biased = await client.completions.create({ ...fields, logit_bias: { [wanted]: 100 } })
    for (const [token, logprob] of Object.entries(plain.choices[0]!.logprobs!.top_logprobs![0]!))
      expect(biased.choices[0]!.logprobs!.top_logprobs![0]![token]).toBeCloseTo(logprob, 4)
  })

  test('of a token that there is not is refused', async () => {
    const request = client.chat.completions.create({ ...ask, logit_bias: { 100000: 1 } })
    await expect(request).rejects.toMatchObject({ status: 400, param: 'logit_bias' })
  })
})

describe('tool_choice', () => {
  const tool = (name: string) => ({
    type: 'function' as const,
    function: { name, parameters: { type: 'object', properties: { city: { type: 'string' } } } },
  })
  const ask = (fields: object) =>
    client.chat.completions.create({
      ...{ model: 'random', messages: user, tools: [tool('weather'), tool('now')], max_tokens: 300 },
      ...fields,
    })
  // Noise seldom closes a call by itself.
  const closing = Object.fromEntries(['}', '"'].map(text => [tokenizer.encodePlain(text)[0], 8]))

  test.each([
    [{ tool_choice: 'required' }, /^(weather|now)$/],
    [{ tool_choice: 'required', reasoning_effort: 'low', thinking_token_budget: 5 }, /^(weather|now)$/],
    [{ tool_choice: { type: 'function', function: { name: 'now' } } }, /^now$/],
  ])('%j is kept by a model that talks noise', async (choice, name) => {
    for (const seed of [1, 2, 3]) {
      const { choices } = await ask({ ...choice, seed, logit_bias: closing, parallel_tool_calls: false })
      const { message, finish_reason } = choices[0]!
      expect(finish_reason).toBe('tool_calls')
      expect(message.content).toBeNull()
      expect(message.tool_calls).toHaveLength(1)
      const call = message.tool_calls![0] as OpenAI.ChatCompletionMessageFunctionToolCall
      expect(call.function.name).toMatch(name)
      expect(JSON.parse(call.function.arguments)).toBeTypeOf('object')
    }
  })

  test('none is no call', async () => {
    const { choices } = await ask({ tool_choice: 'none', max_tokens: 40 })
    expect(choices[0]!.message.tool_calls).toBeUndefined()
  })

  test.each([
    [{ tool_choice: { type: 'function', function: { name: 'rain' } } }],
    [{ tool_choice: 'required', tools: undefined }],
  ])('%j cannot be kept and is refused', async fields => {
    await expect(ask(fields)).rejects.toMatchObject({ status: 400, param: 'tool_choice' })
  })
})
