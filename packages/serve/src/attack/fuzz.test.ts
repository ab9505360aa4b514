import { Random } from '@modu/model'
import { expect, test } from 'vitest'
import { databasePath } from '../store/testDatabase.ts'
import { type Json, mutated, type RawRequest } from './mutate.ts'
import { idle, load, startVictim } from './victim.ts'

/* Thousands of requests that are nearly right. MODU_FUZZ says how many; MODU_FUZZ_SEED makes them others. */

const count = Number(process.env.MODU_FUZZ ?? 10_000)
const seed = Number(process.env.MODU_FUZZ_SEED ?? 1)
const together = 8

const message = { role: 'user', content: '안녕?' }
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const called = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"서울"}' } }
const valid: { path: string; body: Json }[] = [
  {
    path: '/v1/chat/completions',
    body: {
      model: 'said',
      messages: [
        { role: 'system', content: '짧게.' },
        { role: 'user', content: [{ type: 'text', text: '날씨?' }] },
        { role: 'assistant', content: null, tool_calls: [called] },
        { role: 'tool', content: '맑음', tool_call_id: 'call_1' },
        message,
      ],
      tools: [{ type: 'function', function: { name: 'weather', description: '날씨', parameters } }],
      tool_choice: 'none',
      parallel_tool_calls: true,
      max_tokens: 4,
    },
  },
  {
    path: '/v1/chat/completions',
    body: {
      model: 'said',
      messages: [message],
      max_completion_tokens: 4,
      n: 2,
      seed: 1,
      stop: ['가'],
      temperature: 0.7,
      top_p: 0.9,
      top_k: 5,
      min_p: 0.1,
      presence_penalty: 1,
      frequency_penalty: 1,
      repetition_penalty: 1.1,
      logit_bias: { 7: 5 },
      logprobs: true,
      top_logprobs: 2,
      stream: true,
      stream_options: { include_usage: true },
      reasoning_effort: 'low',
      response_format: { type: 'text' },
      chat_template_kwargs: { enable_thinking: true, thinking_budget: 2 },
    },
  },
  {
    path: '/v1/completions',
    body: { model: 'said', prompt: ['바다', '산'], max_tokens: 3, echo: true, logprobs: 2, stream: false },
  },
  { path: '/v1/completions', body: { model: 'said', prompt: [20, 21, 22], max_tokens: 3, stream: true, n: 1 } },
  {
    path: '/v1/responses',
    body: {
      model: 'said',
      input: [
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: '안녕?' }] },
        { type: 'function_call', call_id: 'c', name: 'weather', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c', output: '맑음' },
      ],
      instructions: '짧게.',
      tools: [{ type: 'function', name: 'weather', parameters }],
      tool_choice: 'auto',
      reasoning: { effort: 'low' },
      max_output_tokens: 4,
      store: false,
      stream: true,
    },
  },
  {
    path: '/v1/messages',
    body: {
      model: 'said',
      max_tokens: 4,
      system: [{ type: 'text', text: '짧게.' }],
      messages: [
        { role: 'user', content: [{ type: 'text', text: '날씨?' }] },
        { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'weather', input: { city: '서울' } }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: '맑음' }] },
      ],
      tools: [{ name: 'weather', input_schema: parameters }],
      thinking: { type: 'enabled', budget_tokens: 2 },
      stream: true,
    },
  },
  { path: '/v1/messages/count_tokens', body: { model: 'said', messages: [message] } },
  { path: '/v1/embeddings', body: { model: 'said', input: ['바다', '산'], encoding_format: 'float' } },
  { path: '/tokenize', body: { prompt: '바다', add_special_tokens: true, return_token_strs: true } },
  { path: '/tokenize', body: { messages: [message], add_generation_prompt: true } },
  { path: '/detokenize', body: { tokens: [1, 20, 300] } },
]

/** What is wrong with the answer to a request; undefined if nothing is. */
async function complaint(url: string, { method, path, type, body }: RawRequest): Promise<string | undefined> {
  const send = () =>
    fetch(url + path, {
      method,
      headers: type ? { 'Content-Type': type } : {},
      body: method === 'GET' ? undefined : new Uint8Array(body),
    })
  // A connection that was kept may be closed just when it is used again; a server that has died is so the second time, too.
  const response = await send().catch(send)
  const text = await response.text()
  if (![200, 400, 404, 405, 415].includes(response.status)) return `${response.status}: ${text}`
  if (response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
    return text.includes('"server_error"') || text.includes('"api_error"') ? text : undefined
  }
  if (response.status === 200) return JSON.parse(text) === null ? text : undefined
  return typeof JSON.parse(text).error.message === 'string' ? undefined : text
}

test(`${count} mutated requests: no failure of the server, the right status each time, and memory as before`, async () => {
  const { url, memory, log } = await startVictim({ says: '네.', database: databasePath(), cacheBytes: 2 ** 20 })
  for (const { path, body } of valid) {
    const request = { method: 'POST', path, type: 'application/json', body: Buffer.from(JSON.stringify(body)) }
    expect(await complaint(url, request)).toBeUndefined()
  }
  const random = new Random(seed)
  const attack = async (requests: number) => {
    let left = requests
    const client = async () => {
      while (left-- > 0) {
        const request = mutated(valid, random)
        const wrong = await complaint(url, request)
        expect(wrong && { ...request, body: request.body.toString(), wrong }).toBeUndefined()
      }
    }
    await Promise.all(Array.from({ length: together }, client))
  }
  await attack(count / 4)
  const before = await memory()
  await attack((3 * count) / 4)
  const after = await memory()
  expect(after.live).toBeLessThan(1.1 * before.live)
  // The seat is left in another thread, a moment after the answer.
  await expect.poll(() => load(url)).toEqual(idle)
  expect(log()).toBe('')
}, 1_200_000)
