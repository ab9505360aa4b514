import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type RunningServer, serve } from './serve.ts'
import { randomModel } from './testModels.ts'

interface Content {
  content: Partial<Record<'application/json', { schema: object }>>
}
interface Operation {
  requestBody?: Required<Content>
  responses: Partial<Record<'200' | 'default', Content>>
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

test('answers and errors have what the document says of them', async () => {
  const messages = [{ role: 'user', content: '안녕' }]
  const bodies: Record<string, object> = {
    '/v1/chat/completions': { messages, max_tokens: 2 },
    '/v1/completions': { prompt: '바다', max_tokens: 2 },
    '/v1/embeddings': { input: '바다' },
    '/v1/responses': { input: '안녕', max_output_tokens: 2 },
    '/v1/messages': { messages, max_tokens: 2 },
    '/v1/messages/count_tokens': { messages },
    '/tokenize': { prompt: '바다' },
    '/detokenize': { tokens: [20] },
  }
  let response: string
  const send = async (method: string, path: string, body?: object) => {
    const id = path.startsWith('/v1/responses') ? response : 'random'
    const answer = await fetch(server.url + path.replace('{id}', id), {
      method,
      headers: { 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    })
    return (await answer.json()) as { id: string }
  }
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, { responses, requestBody }] of Object.entries(methods)) {
      const schemaOf = (status: '200' | 'default') =>
        z.fromJSONSchema(responses[status]!.content['application/json']!.schema as never)
      if (!responses['200']!.content['application/json']) continue
      const answer = await send(method.toUpperCase(), path, requestBody && { model: 'random', ...bodies[path] })
      expect([path, schemaOf('200').safeParse(answer)]).toMatchObject([path, { success: true }])
      expect(schemaOf('200').safeParse({}).success).toBe(path === '/openapi.json')
      if (path === '/v1/responses') response = answer.id
      if (requestBody) expect(schemaOf('default').safeParse(await send('POST', path, {})).success).toBe(true)
    }
  }
})

/** Accepts what the document allows. */
const documented = (path: string) =>
  z.fromJSONSchema(document.paths[path]!.post!.requestBody!.content['application/json']!.schema as never)

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
