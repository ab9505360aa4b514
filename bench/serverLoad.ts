// The clients of bench/server.ts, in a process of their own: what they take is not the server's.

import { connect } from 'node:net'
import { endless } from './endless.ts'

/** What the clients are to do, and what they answer: numbers whose meaning stands beside each. */
export type Load =
  /**
   * So many streams of so many tokens at once, behind token ids, or behind a text for servers that want one, which may
   * end by themselves. Answers the seconds that it took, and those between two tokens of a stream.
   */
  | { readonly kind: 'streams'; readonly streams: number; readonly tokens: number; readonly text?: boolean }
  /** So many times a short prompt's first token while others stream. Answers the milliseconds of each. */
  | { readonly kind: 'first'; readonly streams: number; readonly times: number }
  /** So many times a new prompt of 1,000 tokens, and then the same with another ending. Answers first / second of each. */
  | { readonly kind: 'prefix'; readonly times: number }

/** Where the server is, and what it calls its model. */
export interface LoadedServer {
  readonly url: string
  readonly model: string
}

interface Timing {
  /** From the request to the first and to the last token. */
  readonly firstMs: number
  readonly lastMs: number
  readonly tokens: number
}

let prompts = 0

/** Token ids that no other prompt begins with. */
function prompt(length: number): number[] {
  prompts++
  return Array.from({ length }, (_, i) => 300 + ((prompts * 7919 + i * 104_729 + i * i * prompts) % 7000))
}

/** As much of a stream's end as holds its count of tokens. */
const tailBytes = 1000

/**
 * One streamed completion, which must come to its end; `onFirst` is called at its first token. It comes over a bare
 * socket and is not read but for its beginning and end: clients that share the server's cores are to take as little of
 * them as they can.
 */
function stream(
  { url, model }: LoadedServer,
  prompt: number[] | string,
  tokens: number,
  signal?: AbortSignal,
  onFirst?: () => void,
): Promise<Timing> {
  const begun = performance.now()
  const body = JSON.stringify({
    model,
    prompt,
    max_tokens: tokens,
    seed: 1,
    logit_bias: typeof prompt === 'string' ? undefined : endless,
    stream: true,
    stream_options: { include_usage: true },
  })
  const { hostname, port } = new URL(url)
  const head = ['POST /v1/completions HTTP/1.1', `Host: ${hostname}:${port}`, 'Content-Type: application/json']
  head.push('Connection: close', `Content-Length: ${Buffer.byteLength(body)}`)
  return new Promise((resolve, reject) => {
    let firstMs = 0
    let beginning = ''
    let tail: Buffer = Buffer.alloc(0)
    const take = (size: number, buffer: Uint8Array) => {
      const part = Buffer.from(buffer.buffer, buffer.byteOffset, size)
      if (firstMs === 0) {
        beginning += part
        if (!beginning.includes('\ndata: ')) return true
        firstMs = performance.now() - begun
        onFirst?.()
      }
      // The buffer is used again.
      tail = Buffer.concat([tail, part]).subarray(-tailBytes)
      return true
    }
    const onread = { buffer: Buffer.alloc(65_536), callback: take }
    const socket = connect({ host: hostname, port: Number(port), signal, onread })
    socket.on('error', reject)
    socket.on('end', () => {
      // The peer, which is given a text, ends without it.
      const isWhole = typeof prompt === 'string' || tail.includes('data: [DONE]')
      const count = /"completion_tokens":\s*(\d+)/.exec(tail.toString())?.[1]
      if (!beginning.startsWith('HTTP/1.1 200 ') || !count || !isWhole)
        reject(new Error(`a stream began and ended with: ${beginning}\n…\n${tail}`))
      else resolve({ firstMs, lastMs: performance.now() - begun, tokens: Number(count) })
    })
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  })
}

async function run(server: LoadedServer, load: Load): Promise<number[]> {
  switch (load.kind) {
    case 'streams': {
      const begun = performance.now()
      const next = () => (load.text ? `${prompts++}번째 이야기` : prompt(8))
      const done = await Promise.all(Array.from({ length: load.streams }, () => stream(server, next(), load.tokens)))
      const seconds = (performance.now() - begun) / 1000
      const made = done.reduce((sum, { tokens }) => sum + tokens, 0)
      const between = done.map(({ firstMs, lastMs, tokens }) => (lastMs - firstMs) / 1000 / (tokens - 1))
      return [(seconds * load.streams * load.tokens) / made, between.reduce((a, b) => a + b) / done.length]
    }
    case 'first': {
      const leave = new AbortController()
      const others = Array.from({ length: load.streams }, () => Promise.withResolvers<void>())
      for (const { resolve, reject } of others)
        stream(server, prompt(8), 1000, leave.signal, resolve).catch(error => leave.signal.aborted || reject(error))
      await Promise.all(others.map(({ promise }) => promise))
      const times = []
      for (let i = 0; i < load.times; i++) times.push((await stream(server, prompt(8), 1)).firstMs)
      leave.abort()
      return times
    }
    case 'prefix': {
      const ratios = []
      for (let i = 0; i < load.times; i++) {
        const beginning = prompt(1000)
        const first = await stream(server, [...beginning, ...prompt(8)], 1)
        const second = await stream(server, [...beginning, ...prompt(8)], 1)
        ratios.push(first.firstMs / second.firstMs)
      }
      return ratios
    }
  }
}

process.on('message', ({ load, ...server }: LoadedServer & { load: Load }) => {
  run(server, load).then(
    numbers => process.send!({ numbers }),
    error => process.send!({ error: String(error?.stack ?? error) }),
  )
})
