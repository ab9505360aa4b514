import { once } from 'node:events'
import { Random } from '@modu/model'
import { expect, test } from 'vitest'
import { idle, load, open, request, startVictim, until } from './victim.ts'

/* Clients that all leave at once. */

const long = '가나다라마바사아자차카타파하 '.repeat(200)
const message = { role: 'user', content: '바다' }
const requests = [
  request('/v1/completions', { model: 'said', prompt: '바다', max_tokens: 1900, n: 16, stream: true }),
  request('/v1/completions', { model: 'said', prompt: '바다', max_tokens: 1900, n: 16 }),
  request('/v1/chat/completions', { model: 'said', messages: [message], max_tokens: 1800, n: 16, stream: true }),
  request('/v1/responses', { model: 'said', input: '바다', stream: true }),
  request('/v1/messages', { model: 'said', messages: [message], max_tokens: 1800, stream: true }),
]

test('disconnect storms: pages are free at once, whoever was answered or waited, and memory is as before', async () => {
  const { url, memory, log } = await startVictim({ says: long, seats: 8, line: 24, cacheBytes: 2 ** 22 })
  const random = new Random(7)
  /** Clients who come and leave together: half of them by a clean end, the others by a reset. */
  const storm = async () => {
    const sockets = Array.from({ length: 32 }, (_, i) => open(url, requests[i % requests.length]))
    // Some leave before all of a second request is out.
    for (const socket of sockets.slice(0, 8)) socket.write(requests[random.integer(5)]!.slice(0, random.integer(300)))
    await once(sockets[0]!, 'data')
    await until(async () => (await load(url)).waiting > 0)
    expect(await load(url)).toMatchObject({ running: 8, cache: expect.toSatisfy((share: number) => share > 0) })
    for (const [i, socket] of sockets.entries()) i % 2 === 0 ? socket.destroy() : socket.resetAndDestroy()
    await until(async () => (await load(url)).running === 0)
    expect(await load(url)).toEqual(idle)
  }
  await storm()
  const before = await memory()
  for (let i = 0; i < 4; i++) await storm()
  expect((await memory()).live).toBeLessThan(1.1 * before.live)
  expect(log()).toBe('')
})

test('requests behind each other on one connection are all given up when it breaks', async () => {
  const { url } = await startVictim({ says: long, seats: 8, line: 8 })
  const socket = open(url, requests.slice(0, 3).join(''))
  await until(async () => (await load(url)).running === 3)
  socket.destroy()
  await until(async () => (await load(url)).running === 0)
  expect(await load(url)).toEqual(idle)
})
