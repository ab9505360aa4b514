import { createOpenAICompatible, type OpenAICompatibleProvider } from '@ai-sdk/openai-compatible'
import {
  APICallError,
  cosineSimilarity,
  embedMany,
  generateObject,
  generateText,
  isStepCount,
  streamText,
  tool,
} from 'ai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { RunningServer } from '../serve.ts'
import { greeting } from '../testModels.ts'
import { startServer } from './testServer.ts'

/* Vercel's AI SDK. */

let server: RunningServer
let modu: OpenAICompatibleProvider

beforeAll(async () => {
  server = await startServer()
  modu = createOpenAICompatible({
    name: 'modu',
    baseURL: `${server.url}/v1`,
    apiKey: 'unused',
    includeUsage: true,
    supportsStructuredOutputs: true,
  })
})
afterAll(() => server.stop())

const weather = tool({
  description: '날씨를 알려 준다',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `${city}은 맑음`,
})

test('generateText', async () => {
  const { text, finishReason, usage } = await generateText({ model: modu('polite'), prompt: '안녕?', maxRetries: 0 })
  expect(text).toBe(greeting)
  expect(finishReason).toBe('stop')
  expect(usage.totalTokens).toBe(usage.inputTokens! + usage.outputTokens!)
})

test('streamText, with thoughts and the tokens that were in the cache', async () => {
  const ask = async () => {
    const stream = streamText({
      model: modu('thinker'),
      instructions: '짧고 친절하게 답하세요.',
      prompt: '안녕?',
      providerOptions: { modu: { reasoningEffort: 'low' } },
    })
    const pieces = await Array.fromAsync(stream.textStream)
    return { pieces, reasoning: await stream.reasoningText, usage: await stream.usage }
  }
  const first = await ask()
  expect(first.pieces.length).toBeGreaterThan(1)
  expect(first.pieces.join('').trim()).toBe('안녕하세요!')
  expect(first.reasoning?.trim()).toBe('인사를 하자.')
  expect(first.usage.inputTokenDetails.cacheReadTokens).toBe(0)
  expect(first.usage.outputTokenDetails.reasoningTokens).toBeGreaterThan(0)
  const { usage } = await ask()
  expect(usage.inputTokenDetails.cacheReadTokens).toBeGreaterThan(0)
  expect(usage.inputTokenDetails.cacheReadTokens).toBeLessThan(usage.inputTokens!)
})

test('tools: called, run, and answered', async () => {
  const { steps, text } = await generateText({
    model: modu('caller'),
    prompt: '서울 날씨는?',
    tools: { weather },
    stopWhen: isStepCount(2),
    prepareStep: ({ stepNumber }) => (stepNumber === 0 ? {} : { model: modu('polite') }),
  })
  expect(steps[0]!.finishReason).toBe('tool-calls')
  expect(steps[0]!.toolCalls).toMatchObject([{ toolName: 'weather', input: { city: '서울' } }])
  expect(steps[0]!.toolResults).toMatchObject([{ output: '서울은 맑음' }])
  expect(text).toBe(greeting)
})

test('tools in a stream, whose input arrives in pieces', async () => {
  const stream = streamText({ model: modu('caller'), prompt: '서울 날씨는?', tools: { weather }, toolChoice: 'auto' })
  let input = ''
  for await (const part of stream.stream) if (part.type === 'tool-input-delta') input += part.delta
  expect(JSON.parse(input)).toEqual({ city: '서울' })
  expect(await stream.toolResults).toMatchObject([{ output: '서울은 맑음' }])
})

test('generateObject: even noise has the form of the schema', async () => {
  const schema = z.object({ city: z.enum(['서울', '부산']), degrees: z.int().min(-20).max(40), isWet: z.boolean() })
  for (const seed of [1, 2, 3]) {
    const { object, finishReason } = await generateObject({
      model: modu('random'),
      schema,
      prompt: '서울 날씨는?',
      seed,
    })
    expect(schema.parse(object)).toEqual(object)
    expect(finishReason).toBe('stop')
  }
})

test('embedMany', async () => {
  const { embeddings, usage } = await embedMany({
    model: modu.embeddingModel('random'),
    values: ['바다', '산', '바다'],
  })
  expect(cosineSimilarity(embeddings[0]!, embeddings[2]!)).toBeCloseTo(1, 5)
  expect(cosineSimilarity(embeddings[0]!, embeddings[1]!)).toBeLessThan(0.999)
  expect(usage.tokens).toBeGreaterThan(3)
})

test('errors arrive with their status', async () => {
  const failure = generateText({ model: modu('absent'), prompt: '안녕?', maxRetries: 0 })
  await expect(failure).rejects.toSatisfy(
    error => APICallError.isInstance(error) && error.statusCode === 404 && error.message.includes("'absent'"),
  )
})
