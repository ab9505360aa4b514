// The clients of bench/server.ts, in a process of their own: what they take is not the server's.

/** What the clients are to do, and what they answer: numbers whose meaning stands beside each. */
export type Load =
  /** So many streams of so many tokens at once, behind token ids, or behind a text for servers that want one. Answers the seconds it took. */
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
  readonly firstMs: number
  readonly tokens: number
}

let prompts = 0

/** Token ids that no other prompt begins with. */
function prompt(length: number): number[] {
  prompts++
  return Array.from({ length }, (_, i) => 300 + ((prompts * 7919 + i * 104_729 + i * i * prompts) % 7000))
}

/** One streamed completion; `onFirst` is called at its first token. */
async function stream(
  { url, model }: LoadedServer,
  prompt: number[] | string,
  tokens: number,
  signal?: AbortSignal,
  onFirst?: () => void,
): Promise<Timing> {
  const begun = performance.now()
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      model,
      prompt,
      max_tokens: tokens,
      seed: 1,
      stream: true,
      stream_options: { include_usage: true },
    }),
    signal,
  })
  if (!response.ok) throw new Error(await response.text())
  let firstMs = 0
  let text = ''
  const decoder = new TextDecoder()
  for await (const part of response.body!) {
    if (firstMs === 0) {
      firstMs = performance.now() - begun
      onFirst?.()
    }
    text = (text + decoder.decode(part, { stream: true })).slice(-1000)
  }
  return { firstMs, tokens: Number(/"completion_tokens":(\d+)/.exec(text)![1]) }
}

async function run(server: LoadedServer, load: Load): Promise<number[]> {
  switch (load.kind) {
    case 'streams': {
      const begun = performance.now()
      const next = () => (load.text ? `${prompts++}번째 이야기` : prompt(8))
      const done = await Promise.all(Array.from({ length: load.streams }, () => stream(server, next(), load.tokens)))
      const seconds = (performance.now() - begun) / 1000
      const made = done.reduce((sum, { tokens }) => sum + tokens, 0)
      // Some may have ended by themselves.
      return [(seconds * load.streams * load.tokens) / made]
    }
    case 'first': {
      const leave = new AbortController()
      const others = Array.from({ length: load.streams }, () => Promise.withResolvers<void>())
      for (const { resolve, reject } of others)
        stream(server, prompt(8), 1900, leave.signal, resolve).catch(error => leave.signal.aborted || reject(error))
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
