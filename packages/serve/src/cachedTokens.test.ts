import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunningServer, serve } from './serve.ts'
import { randomModel } from './testModels.ts'

/* How much of a prompt was in the cache, as each API tells it. Pages have 16 tokens, and the last token is always computed. */

let server: RunningServer
let openai: OpenAI

beforeEach(async () => {
  server = await serve({ port: 0, models: { random: await randomModel() } })
  openai = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 })
})
afterEach(() => server.stop())

const prompt = Array.from({ length: 100 }, (_, i) => 20 + ((i * i) % 200))
const options = { model: 'random', max_tokens: 2, seed: 1 }
const cachedOf = ({ usage }: { usage?: OpenAI.CompletionUsage }) => usage!.prompt_tokens_details!.cached_tokens

test('completions: what an earlier prompt began with, in whole pages; of several prompts the sum', async () => {
  const complete = (prompt: number[] | number[][], fields: object = {}) =>
    openai.completions.create({ ...options, prompt, ...fields })
  expect(cachedOf(await complete(prompt))).toBe(0)
  expect(cachedOf(await complete(prompt))).toBe(96)
  expect(cachedOf(await complete(prompt.slice(0, 96)))).toBe(80)
  expect(cachedOf(await complete([...prompt.slice(0, 40), ...prompt.slice(0, 40)]))).toBe(32)
  expect(cachedOf(await complete(prompt.toReversed()))).toBe(0)
  expect(cachedOf(await complete([prompt, prompt.toReversed(), [20, 21]]))).toBe(96 + 96)
})

test('several answers to one prompt read it once: what the second finds is no hit', async () => {
  const { usage } = await openai.completions.create({ ...options, prompt, n: 3 })
  expect(usage).toMatchObject({ prompt_tokens: 100, prompt_tokens_details: { cached_tokens: 0 } })
})

test('chat, responses and messages tell the same, whole and streamed', async () => {
  const messages = [{ role: 'user' as const, content: '바다와 산과 들은 어디에 있나요? 가나다라마바사.' }]
  const first = await openai.chat.completions.create({ ...options, messages })
  expect(cachedOf(first)).toBe(0)
  const { prompt_tokens } = first.usage!
  const expected = Math.floor((prompt_tokens - 1) / 16) * 16
  expect(expected).toBeGreaterThan(16)

  expect(cachedOf(await openai.chat.completions.create({ ...options, messages }))).toBe(expected)
  const chunks = await Array.fromAsync(
    await openai.chat.completions.create({
      ...options,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    }),
  )
  expect(chunks.at(-1)!.usage!.prompt_tokens_details!.cached_tokens).toBe(expected)

  const { usage } = await openai.responses.create({ model: 'random', input: messages, max_output_tokens: 2 })
  expect(usage).toMatchObject({ input_tokens: prompt_tokens, input_tokens_details: { cached_tokens: expected } })

  // Anthropic's input is what was not in the cache.
  const anthropic = new Anthropic({ apiKey: 'unused', baseURL: server.url, maxRetries: 0 })
  const asked = { model: 'random', max_tokens: 2, messages }
  const counts = { input_tokens: prompt_tokens - expected, cache_read_input_tokens: expected }
  expect((await anthropic.messages.create(asked)).usage).toMatchObject(counts)
  expect((await anthropic.messages.stream(asked).finalMessage()).usage).toMatchObject(counts)
})
