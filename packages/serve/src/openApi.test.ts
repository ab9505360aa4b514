import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type RunningServer, serve } from './serve.ts'
import { randomModel } from './testModels.ts'

interface Operation {
  requestBody?: { content: { 'application/json': { schema: object } } }
}
type Document = { openapi: string; paths: Record<string, Record<string, Operation>> }

let server: RunningServer
let document: Document

beforeAll(async () => {
  server = await serve({ port: 0, models: { random: await randomModel() } })
  document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Document
})
afterAll(() => server.stop())

test('every operation is there, and only with its own methods', async () => {
  expect(document.openapi).toBe('3.1.0')
  for (const [path, methods] of Object.entries(document.paths)) {
    const url = server.url + path.replace('{id}', 'random')
    for (const method of ['GET', 'POST', 'DELETE']) {
      const { status, headers } = await fetch(url, { method })
      if (method.toLowerCase() in methods) expect([method, path, status]).not.toContain(405)
      else expect([method, path, status]).toEqual([method, path, 405])
      const allowed = headers.get('Allow')?.split(', ')
      if (status === 405) expect(allowed?.map(name => name.toLowerCase())).toEqual(Object.keys(methods))
    }
  }
})

/** Accepts what the document allows. */
const documented = (path: string) =>
  z.fromJSONSchema(document.paths[path]!.post!.requestBody!.content['application/json'].schema as never)

describe('the document allows what the server takes, and no other', () => {
  const user = [{ role: 'user', content: '안녕' }]
  test.each([
    ['/v1/chat/completions', { messages: user, stop: '끝', temperature: null, tool_choice: 'required' }, true],
    ['/v1/chat/completions', { messages: user, temperature: 3 }, false],
    ['/v1/chat/completions', { messages: [{ role: 'robot', content: '' }] }, false],
    ['/v1/chat/completions', {}, false],
    ['/v1/completions', { prompt: [[1, 2], [3]], logprobs: 2, echo: true }, true],
    ['/v1/completions', { prompt: 3 }, false],
    ['/v1/embeddings', { input: ['안녕', ''], encoding_format: 'base64' }, true],
    ['/v1/embeddings', { input: [] }, false],
    ['/v1/responses', { input: [{ role: 'user', content: '안녕' }], reasoning: { effort: 'low' } }, true],
    ['/v1/responses', { input: 3 }, false],
    ['/v1/messages', { messages: user, max_tokens: 3 }, true],
    ['/v1/messages', { messages: user }, false],
    ['/v1/messages/count_tokens', { messages: user }, true],
    ['/tokenize', { prompt: '안녕' }, true],
    ['/tokenize', { prompt: 3 }, false],
    ['/detokenize', { tokens: [1] }, true],
    ['/detokenize', {}, false],
  ])('%s %j: %j', (path, body, allowed) => {
    expect(documented(path).safeParse({ model: 'random', ...body }).success).toBe(allowed)
  })
})
