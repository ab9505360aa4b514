import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeTinyModel } from '@modu/model/testing'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
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

test.each([
  // 160 bytes a token: 50 of them, and no more can be had.
  ['--cache', '8kB', 400, 'context_length_exceeded'],
  ['--deadline', '0.001s', 504, 'deadline_exceeded'],
])('modu serve %s %s is kept', async (option, value, status, code) => {
  const server = start(['serve', '-m', model, '--port', '0', '--threads', '1', option, value])
  const [url] = await server.printed(address)
  const answer = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'tiny', prompt: '0123456789'.repeat(15), max_tokens: 50 }),
  })
  expect([answer.status, await answer.json()]).toMatchObject([status, { error: { code } }])
  server.child.kill('SIGTERM')
  expect((await server.ended).status).toBe(0)
})

test('modu serve --host asks for a key before it looks for the model', async () => {
  const { status, stderr } = await modu(['serve', '-m', join(folder, 'nowhere'), '--host', '0.0.0.0', '--port', '0'])
  expect(status).toBe(1)
  expect(stderr).toMatch('다른 컴퓨터에서 들어오게 하려면 키가 있어야 합니다')
})

describe('modu serve --config', () => {
  const config = join(folder, 'modu.json')

  test('passes requests on to other servers, without a model of its own', async () => {
    const behind = createServer((request, response) => {
      request.resume()
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ model: 'inner', choices: [] }))
    })
    await new Promise<void>(resolve => behind.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void behind.close())
    const baseUrl = `http://127.0.0.1:${(behind.address() as AddressInfo).port}/v1`
    writeFileSync(config, JSON.stringify({ upstreams: { a: { baseUrl, models: { outer: 'inner' } } } }))

    const server = start(['serve', '--config', config, '--port', '0'])
    const [url] = await server.printed(address)
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({ data: [{ id: 'outer' }] })
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'outer', messages: [] }),
    })
    expect(await answer.json()).toEqual({ model: 'outer', choices: [] })
    server.child.kill('SIGTERM')
    expect((await server.ended).status).toBe(0)
  })

  test('says in Korean that the file is wrong, and where', async () => {
    writeFileSync(config, '{"upstream": {}}')
    const { status, stderr } = await modu(['serve', '--config', config])
    expect(status).toBe(1)
    expect(stderr).toMatch('설정 파일에 잘못된 곳이 있습니다')
    expect(stderr).toMatch('unknown field "upstream" (did you mean "upstreams"?)')
  })
})
