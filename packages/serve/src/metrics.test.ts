import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningServer, serve } from './serve.ts'
import { scriptedModel } from './testModels.ts'

let server: RunningServer
beforeAll(async () => {
  server = await serve({ port: 0, models: { polite: await scriptedModel('안녕하세요!') } })
})
afterAll(() => server.stop())

/** The samples as Prometheus reads them: name and labels → value. */
async function scrape(): Promise<Record<string, number>> {
  const response = await fetch(`${server.url}/metrics`)
  expect(response.headers.get('Content-Type')).toMatch(/^text\/plain; version=0\.0\.4/)
  const lines = (await response.text()).split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

test('tokens, answers and times of every API are counted by model', async () => {
  const before = await scrape()
  expect(before['vllm:num_requests_running']).toBe(0)
  expect(before['vllm:num_requests_waiting']).toBe(0)
  expect(before['vllm:kv_cache_usage_perc']).toBe(0)
  const messages = [{ role: 'user', content: '안녕?' }]
  let [prompt, completion] = [0, 0]
  for (const body of [
    { messages, n: 2 },
    { messages, stream: true, stream_options: { include_usage: true } },
  ]) {
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ model: 'polite', ...body }),
    })
    const usage = /"prompt_tokens":(\d+),"completion_tokens":(\d+)/.exec(await response.text())!
    // A prompt is read anew for each of several answers.
    prompt += Number(usage[1]) * (body.n ?? 1)
    completion += Number(usage[2])
  }
  const after = await scrape()
  const label = '{model_name="polite"}'
  expect(after[`vllm:prompt_tokens_total${label}`]).toBe(prompt)
  expect(after[`vllm:generation_tokens_total${label}`]).toBe(completion)
  expect(after['vllm:request_success_total{model_name="polite",finished_reason="stop"}']).toBe(3)
  expect(after[`vllm:time_to_first_token_seconds_count${label}`]).toBe(2)
  expect(after[`vllm:e2e_request_latency_seconds_count${label}`]).toBe(2)
  expect(after[`vllm:e2e_request_latency_seconds_sum${label}`]).toBeGreaterThan(0)
})
