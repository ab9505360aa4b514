import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeTinyModel } from '@modu/model/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { modu, start } from '../testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-serve-'))
const model = join(folder, 'tiny')
beforeAll(() => writeTinyModel(model, { maxPositions: 256 }))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const address = /http:\/\/127\.0\.0\.1:(\d+)/

test('modu serve prints its address, answers there, says so when the port is taken, and ends on SIGTERM', async () => {
  const server = start(['serve', '-m', model, '--port', '0', '--threads', '1'])
  const [url, port] = await server.printed(address)
  const models = await (await fetch(`${url}/v1/models`)).json()
  expect(models).toMatchObject({ data: [{ id: 'tiny', max_model_len: 256 }] })
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: '안녕?' }], max_tokens: 4 }),
  })
  expect(await answer.json()).toMatchObject({ choices: [{ message: { role: 'assistant' } }] })

  const second = await modu(['serve', '-m', model, '--port', port!, '--threads', '1'])
  expect(second.status).toBe(1)
  expect(second.stderr).toMatch('이미 쓰이고 있는 포트입니다')
  expect(second.stderr).toMatch(port!)
  expect((await fetch(`${url}/health`)).status).toBe(200)

  server.child.kill('SIGTERM')
  expect((await server.ended).status).toBe(0)
})
