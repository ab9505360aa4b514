import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { onTestFinished, vi } from 'vitest'
import type { Options } from './victimMain.ts'

/* A real server in a process of its own, for tests to attack. */

// It has to start, and shares the machine with other tests.
vi.setConfig({ testTimeout: 300_000 })

export interface Memory {
  /** What lives after garbage collection: the heap and what hangs on it. */
  readonly live: number
  /** What the system has given the process. */
  readonly resident: number
}

export interface Victim {
  readonly url: string
  readonly process: ChildProcess
  /** In bytes, after garbage collection. */
  memory(): Promise<Memory>
  /** What it has written to its log, which is failures only. */
  log(): string
}

/** Starts it; it ends with the test. */
export async function startVictim(options: Options): Promise<Victim> {
  const child = fork(new URL('./victimMain.ts', import.meta.url), [JSON.stringify(options)], {
    execArgv: ['--expose-gc', '--no-warnings'],
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let log = ''
  child.stderr!.setEncoding('utf8').on('data', text => {
    log += text
  })
  const failed = once(child, 'exit').then(() => Promise.reject(new Error(log)))
  const [url] = (await Promise.race([once(child, 'message'), failed])) as [string]
  return {
    url,
    process: child,
    async memory() {
      child.send('memory')
      const [memory] = (await once(child, 'message')) as [Memory]
      return memory
    },
    log: () => log,
  }
}

export const post = (
  url: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
) =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal,
  })

/** A connection to the server that says what it is told; errors are no errors of the test's. */
export function open(url: string, text = ''): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  socket.on('error', () => {})
  socket.write(text)
  return socket
}

/** All that comes on a connection until the server closes it. */
export async function received(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('utf8')
  socket.on('data', piece => {
    text += piece
  })
  await new Promise(resolve => socket.once('end', resolve).once('close', resolve))
  socket.destroy()
  return text
}

/** A request's head and body as they go over the wire. */
export function request(path: string, body: string | object, headers: readonly string[] = []): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const head = [`POST ${path} HTTP/1.1`, 'Host: localhost', 'Content-Type: application/json', ...headers]
  return `${[...head, `Content-Length: ${Buffer.byteLength(text)}`].join('\r\n')}\r\n\r\n${text}`
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 10))
}

/** How many requests are answered or wait, and how much of the cache they hold. */
export async function load(url: string): Promise<{ running: number; waiting: number; cache: number }> {
  const response = await fetch(`${url}/metrics`)
  // On a busy machine a server with little patience may take us for a slow client.
  if (!response.ok) return load(url)
  const text = await response.text()
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)![1])
  return {
    running: value('vllm:num_requests_running'),
    waiting: value('vllm:num_requests_waiting'),
    cache: value('vllm:kv_cache_usage_perc'),
  }
}

/** Nobody is answered and nothing is held. */
export const idle = { running: 0, waiting: 0, cache: 0 }
