import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { idle, load, open, post, received, request, startVictim } from './victim.ts'

/* Requests that are too large, too deep, or not in order at all. */

const mega = 1024 * 1024
const endpoints = ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/messages', '/v1/embeddings']
const message = { role: 'user', content: '안녕?' }
const chat = { model: 'said', messages: [message], max_tokens: 4 }

/** The status line of what the server says to bytes. */
async function statusOf(url: string, bytes: string | Uint8Array): Promise<number> {
  const socket = open(url)
  socket.write(bytes)
  return Number(/^HTTP\/1\.1 (\d+)/.exec(await received(socket))?.[1])
}

/**
 * Sends a body in pieces of a megabyte until the server answers; returns its status and how many it took. (What a client
 * sends after that may cost it the answer: the reset of a connection overtakes what has not been read.)
 */
async function flood(url: string, head: string, pieces: number, piece: Uint8Array) {
  const socket = open(url, head)
  const answer = received(socket)
  let isAnswered = false
  socket.once('data', () => {
    isAnswered = true
  })
  let sent = 0
  while (sent < pieces && socket.writable && !isAnswered) {
    sent++
    socket.write(piece)
    do await setTimeout(1)
    while (socket.writableNeedDrain && !socket.destroyed && !isAnswered)
  }
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(await answer)?.[1]), sent }
}

test('a body of a gigabyte is refused where it passes the limit, and none of it is kept', async () => {
  const { url, memory } = await startVictim({ says: '네.' })
  const head = ['POST /v1/chat/completions HTTP/1.1', 'Host: localhost', 'Content-Type: application/json']
  const announced = `${[...head, `Content-Length: ${1024 * mega}`].join('\r\n')}\r\n\r\n`
  const chunked = `${[...head, 'Transfer-Encoding: chunked'].join('\r\n')}\r\n\r\n`
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(mega, 'a'), Buffer.from('\r\n')])
  const attack = async () => [
    await flood(url, announced, 1024, Buffer.alloc(mega, 'a')),
    await flood(url, chunked, 1024, chunk),
    // Nobody reads a body here.
    await flood(url, announced.replace('/v1/chat/completions', '/nowhere'), 1024, Buffer.alloc(mega, 'a')),
  ]
  await attack()
  const before = await memory()
  const [byLength, byCount, elsewhere] = await attack()
  expect([byLength!.status, byCount!.status, elsewhere!.status]).toEqual([413, 413, 404])
  expect(Math.max(byLength!.sent, byCount!.sent, elsewhere!.sent)).toBeLessThan(512)
  const after = await memory()
  expect(after.live).toBeLessThan(1.1 * before.live)
  expect(after.resident - before.resident).toBeLessThan(64 * mega)
})

test('JSON that is nested deep is refused, wherever it is', async () => {
  const { url, log } = await startVictim({ says: '네.' })
  const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
  for (const path of endpoints) expect([path, (await post(url, path, deep(101))).status]).toEqual([path, 400])
  for (const body of [deep(2_000_000), '['.repeat(4_000_000), '{"a":'.repeat(500_000), `["]\\"]", ${deep(101)}]`]) {
    expect((await post(url, '/v1/completions', body)).status).toBe(400)
  }
  for (const levels of [100, 10_000, 1_000_000]) {
    const parameters = `{"properties":{"a":{"enum":${deep(levels)}}}}`
    const tools = `[{"type":"function","function":{"name":"f","parameters":${parameters}}}]`
    const body = JSON.stringify({ ...chat, tools: 0 }).replace('"tools":0', `"tools":${tools}`)
    expect((await post(url, '/v1/chat/completions', body)).status).toBe(400)
  }
  const brackets = { role: 'user', content: '"[{'.repeat(200) }
  expect((await post(url, '/v1/chat/completions', { ...chat, messages: [brackets] })).status).toBe(200)
  expect(log()).toBe('')
})

test('lists of tools that are huge are refused by their number, or by the context that they do not fit', async () => {
  const { url, log } = await startVictim({ says: '네.' })
  const tool = (name: string, size: number) => ({
    type: 'function',
    function: { name, description: 'ㅁ'.repeat(size), parameters: { type: 'object', properties: {} } },
  })
  const tools = (count: number, size: number) => Array.from({ length: count }, (_, i) => tool(`f${i}`, size))
  const codeOf = async (list: object[]) => {
    const response = await post(url, '/v1/chat/completions', { ...chat, tools: list })
    return [response.status, ((await response.json()) as { error: { code: string } }).error.code]
  }
  expect(await codeOf(tools(129, 1))).toEqual([400, 'invalid_value'])
  expect(await codeOf(tools(30_000, 1))).toEqual([400, 'invalid_value'])
  expect(await codeOf(tools(128, 5_000))).toEqual([400, 'context_length_exceeded'])
  const flat = tools(30_000, 1).map(({ function: { name } }) => ({ type: 'function', name, parameters: {} }))
  expect((await post(url, '/v1/responses', { model: 'said', input: '안녕?', tools: flat })).status).toBe(400)
  const anthropic = flat.map(({ name }) => ({ name, input_schema: { type: 'object' } }))
  expect((await post(url, '/v1/messages', { ...chat, tools: anthropic })).status).toBe(400)
  expect(log()).toBe('')
})

test('bytes that are not UTF-8 are refused; text that is no text in itself is not', async () => {
  const { url, log } = await startVictim({ says: '네.' })
  const [before, behind] = JSON.stringify({ ...chat, messages: [{ ...message, content: '#' }] }).split('#')
  const withBytes = (...bytes: number[]) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: Buffer.concat([Buffer.from(before!), Buffer.from(bytes), Buffer.from(behind!)]),
    })
  // A stray byte, an overlong slash, half a character, half a pair, beyond Unicode, 가 in EUC-KR.
  const wrong = [[0xff], [0xc0, 0xaf], [0xea, 0xb0], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xb0, 0xa1]]
  for (const bytes of wrong) {
    const response = await withBytes(...bytes)
    expect([bytes, response.status]).toEqual([bytes, 400])
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_json', message: /UTF-8/ } })
  }
  const utf16 = Buffer.from(`\ufeff${before}가${behind}`, 'utf16le')
  expect((await post(url, '/v1/chat/completions', utf16.toString('latin1'))).status).toBe(400)
  expect((await withBytes(0xea, 0xb0, 0x80)).status).toBe(200)
  for (const content of ['\ud800', '\udc00\ud800', '\u0000', '\ufffe', '\u202e', 'a\u0300'.repeat(500)]) {
    const response = await post(url, '/v1/chat/completions', { ...chat, messages: [{ ...message, content }] })
    expect([content, response.status]).toEqual([content, 200])
  }
  expect(log()).toBe('')
})

test('floods of headers and requests that are not HTTP are refused', async () => {
  const { url, log } = await startVictim({ says: '네.' })
  const good = request('/v1/chat/completions', chat, ['Connection: close'])
  const withHeaders = (...headers: string[]) => good.replace('Host', `${headers.join('\r\n')}\r\nHost`)
  const many = Array.from({ length: 100_000 }, (_, i) => `X-${i}: a`)
  expect(await statusOf(url, good)).toBe(200)
  expect(await statusOf(url, withHeaders(...many))).toBe(431)
  expect(await statusOf(url, withHeaders(`X-A: ${'a'.repeat(mega)}`))).toBe(431)
  expect(await statusOf(url, good.replace('/v1', `/${'a'.repeat(mega)}`))).toBe(431)
  for (const bad of [
    'GET\r\n\r\n',
    '\u0016\u0003\u0001\u0002\u0000',
    'A'.repeat(100_000),
    good.replace('HTTP/1.1', 'HTTP/9.9'),
    good.replace('Host: localhost\r\n', ''),
    good.replace('localhost', 'local host'),
    good.replace('Host', 'Ho st'),
    // Two lengths: where one request ends would be anybody's guess (smuggling).
    withHeaders('Transfer-Encoding: chunked'),
    withHeaders('Content-Length: 3'),
    withHeaders('Content-Length: -1'),
  ]) {
    expect([bad.slice(0, 60), await statusOf(url, bad)]).toEqual([bad.slice(0, 60), 400])
  }
  expect(await statusOf(url, good.replace('localhost', 'localhost\r\nHost: localhost'))).toBe(403)
  const get = (target: string) =>
    statusOf(url, `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  for (const target of ['/%', '/v1/models/%ff', '/v1/models/..%2f..%2fetc%2fpasswd', '/v1/responses/__proto__']) {
    expect([target, await get(target)]).toEqual([target, 404])
  }
  for (const method of ['TRACE', 'QUERY', 'PUT', 'PATCH', 'OPTIONS']) {
    expect([method, await statusOf(url, good.replace('POST', method))]).toEqual([method, 405])
  }
  // The seat is left in another thread, a moment after the answer.
  await expect.poll(() => load(url)).toEqual(idle)
  expect(log()).toBe('')
})
