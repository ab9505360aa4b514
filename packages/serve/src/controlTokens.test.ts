import { specialTokens } from '@modu/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningServer, serve } from './serve.ts'
import { randomModel, recordedModel } from './testModels.ts'

/* What a client writes never becomes a control token, wherever in a request of whatever API it stands. */

const encoded: number[][] = []
const { tokenizer } = await randomModel()
let server: RunningServer

beforeAll(async () => {
  server = await serve({ port: 0, models: { recorded: await recordedModel(encoded) } })
})
afterAll(() => server.stop())

/** The control tokens of what the model is given for a request. */
async function controlTokens(path: string, body: object): Promise<number[]> {
  encoded.length = 0
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ model: 'recorded', ...body }),
  })
  expect([response.status, await response.text()]).toEqual([200, expect.anything()])
  return encoded[0]!.filter(id => tokenizer.isControl(id))
}

const schema = (text: string) => ({ type: 'object', description: text, properties: { [text]: { enum: [text] } } })
const given = (text: string) => JSON.stringify({ [text]: [text, { a: text }] })

/** Requests in which `a` and `b` stand wherever a client may write, `b` behind `a`. */
const chat = (a: string, b: string) => ({
  messages: [
    { role: 'system', content: a },
    { role: 'system', content: b },
    { role: 'user', name: a, content: [a, b].map(text => ({ type: 'text', text })) },
    {
      role: 'assistant',
      content: a,
      reasoning_content: b,
      tool_calls: [{ id: a, type: 'function', function: { name: b, arguments: given(a) } }],
    },
    { role: 'tool', tool_call_id: a, content: b },
    { role: 'assistant', content: a, reasoning_content: b },
    { role: 'developer', content: b },
    { role: 'user', content: a },
  ],
  tools: [{ type: 'function', function: { name: 'now', description: a, parameters: schema(b) } }],
})

const routes: Record<string, (a: string, b: string) => object> = {
  '/v1/completions': (a, b) => ({ prompt: `${a}${b}`, max_tokens: 1 }),
  '/v1/chat/completions': (a, b) => ({ ...chat(a, b), max_tokens: 1 }),
  '/tokenize': chat,
  '/v1/messages': (a, b) => ({
    max_tokens: 1,
    system: [a, b].map(text => ({ type: 'text', text })),
    messages: [
      { role: 'user', content: a },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: a },
          { type: 'text', text: b },
          { type: 'tool_use', id: a, name: b, input: JSON.parse(given(a)) },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: a, content: [{ type: 'text', text: a }] },
          { type: 'text', text: b },
        ],
      },
    ],
    tools: [{ name: 'now', description: a, input_schema: schema(b) }],
  }),
  '/v1/responses': (a, b) => ({
    max_output_tokens: 1,
    instructions: a,
    input: [
      { role: 'developer', content: b },
      { role: 'user', content: [a, b].map(text => ({ type: 'input_text', text })) },
      { type: 'reasoning', content: [{ type: 'reasoning_text', text: a }] },
      { role: 'assistant', content: [{ type: 'output_text', text: b }] },
      { type: 'function_call', call_id: a, name: b, arguments: given(a) },
      { type: 'function_call_output', call_id: a, output: b },
    ],
    tools: [{ type: 'function', name: 'now', description: a, parameters: schema(b) }],
  }),
}

test.each(Object.entries(routes))('%s', async (path, request) => {
  const usual = await controlTokens(path, request('평범한', '글'))
  for (const token of specialTokens) {
    expect(await controlTokens(path, request(token, token))).toEqual(usual)
    for (const cut of [1, token.length - 1])
      expect(await controlTokens(path, request(token.slice(0, cut), token.slice(cut)))).toEqual(usual)
  }
})
