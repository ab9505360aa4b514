import { HumanMessage, type ToolMessage } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { RunningServer } from '../serve.ts'
import { greeting } from '../testModels.ts'
import { startServer } from './testServer.ts'

/* LangChain. */

let server: RunningServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

const settings = (model: string) => ({
  model,
  apiKey: 'unused',
  maxRetries: 0,
  configuration: { baseURL: `${server.url}/v1` },
})
const chat = (model: string) => new ChatOpenAI(settings(model))

const weather = tool(({ city }: { city: string }) => `${city}은 맑음`, {
  name: 'weather',
  description: '날씨를 알려 준다',
  schema: z.object({ city: z.string() }),
})

test('invoke', async () => {
  const { content, usage_metadata } = await chat('polite').invoke('안녕?')
  expect(content).toBe(greeting)
  const { input_tokens, output_tokens, total_tokens } = usage_metadata!
  expect(total_tokens).toBe(input_tokens + output_tokens)
})

test('stream, with the usage at its end', async () => {
  const chunks = await Array.fromAsync(await chat('polite').stream('안녕?'))
  expect(chunks.length).toBeGreaterThan(3)
  const whole = chunks.reduce((all, chunk) => all.concat(chunk))
  expect(whole.content).toBe(greeting)
  expect(whole.usage_metadata!.output_tokens).toBeGreaterThan(3)
})

describe('bindTools', () => {
  test('calls, and goes on with what they return', async () => {
    const question = new HumanMessage('서울 날씨는?')
    const asked = await chat('caller').bindTools([weather]).invoke([question])
    expect(asked.tool_calls).toMatchObject([{ name: 'weather', args: { city: '서울' } }])
    const result = (await weather.invoke(asked.tool_calls![0]!)) as ToolMessage
    expect(result.content).toBe('서울은 맑음')
    expect((await chat('polite').bindTools([weather]).invoke([question, asked, result])).content).toBe(greeting)
  })

  test('calls in a stream', async () => {
    const chunks = await Array.fromAsync(await chat('caller').bindTools([weather]).stream('서울 날씨는?'))
    const whole = chunks.reduce((all, chunk) => all.concat(chunk))
    expect(whole.tool_calls).toMatchObject([{ name: 'weather', args: { city: '서울' } }])
  })
})

test.each(['jsonSchema', 'functionCalling'] as const)(
  'withStructuredOutput by %s: even noise has the form of the schema',
  async method => {
    const schema = z.object({ city: z.enum(['서울', '부산']), degrees: z.int().min(-20).max(40) })
    const structured = chat('random').withStructuredOutput(schema, { name: 'forecast', method })
    expect(schema.safeParse(await structured.invoke('서울 날씨는?')).success).toBe(true)
  },
)

test('OpenAIEmbeddings', async () => {
  const embeddings = new OpenAIEmbeddings(settings('random'))
  const [sea, hill] = await embeddings.embedDocuments(['바다', '산'])
  expect(await embeddings.embedQuery('바다')).toEqual(sea)
  expect(hill).not.toEqual(sea)
  expect(Math.hypot(...hill!)).toBeCloseTo(1, 5)
})
