import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RunningServer } from '../serve.ts'
import { greeting, randomModel } from '../testModels.ts'
import { startServer } from './testServer.ts'

/* OpenAI's Python client, where MODU_PYTHON names an interpreter that has it. */

const python = process.env.MODU_PYTHON
const hasClient = !!python && spawnSync(python, ['-c', 'import openai']).status === 0

let server: RunningServer

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

test.skipIf(!hasClient)(
  'chat, streams, thoughts, tools, responses, embeddings and errors',
  async () => {
    const script = join(import.meta.dirname, 'openaiPython.py')
    const { stdout } = await promisify(execFile)(python!, [script, `${server.url}/v1`])
    const got = JSON.parse(stdout)
    const vectors = await Promise.all(
      ['바다', '산'].map(async text => [...(await (await randomModel()).embed(text)).vector]),
    )
    expect(got).toMatchObject({
      models: ['random', 'polite', 'thinker', 'caller'],
      chat: greeting,
      streamUsage: expect.any(Number),
      thoughts: expect.stringContaining('인사를 하자.'),
      call: ['weather', { city: '서울' }],
      completion: greeting,
      response: greeting,
      error: 'model_not_found',
    })
    expect(got.stream.length).toBeGreaterThan(3)
    expect(got.stream.join('')).toBe(greeting)
    expect(got.vectors).toEqual(vectors.map(vector => vector.map(x => expect.closeTo(x, 6))))
  },
  300_000,
)
