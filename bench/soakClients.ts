// The clients of bench/soak.ts, in a process of their own.
import { Agent, request } from 'node:http'
import { endless } from './endless.ts'

/** How things stand: streams that have not ended, those of them that have had a token, and tokens of all. */
export interface Streams {
  readonly open: number
  readonly talking: number
  readonly tokens: number
}

const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY })
const streams: { isOpen: boolean; tokens: number }[] = []

/** A stream that goes on for as long as the model's context lets it: what would end it is forbidden. */
function stream(url: string, index: number): void {
  const state = { isOpen: false, tokens: 0 }
  streams.push(state)
  const ended = () => {
    state.isOpen = false
  }
  const sent = request(`${url}/v1/completions`, {
    agent,
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
  })
  sent.on('socket', socket =>
    socket.once('connect', () => {
      state.isOpen = true
    }),
  )
  sent.on('response', response => {
    response.on('data', (piece: Buffer) => {
      state.tokens += piece.toString().split('data: ').length - 1
    })
    response.on('close', ended)
  })
  sent.on('error', ended)
  const prompt = Array.from({ length: 8 }, (_, i) => 300 + ((index * 7919 + i * 104_729) % 7000))
  sent.end(JSON.stringify({ model: 'nano', prompt, max_tokens: 1900, stream: true, logit_bias: endless }))
}

process.on('message', (message: { url: string; streams: number } | 'how many') => {
  if (message !== 'how many') {
    for (let i = 0; i < message.streams; i++) stream(message.url, i)
    return
  }
  const open = streams.filter(({ isOpen }) => isOpen)
  process.send!({
    open: open.length,
    talking: open.filter(({ tokens }) => tokens > 0).length,
    tokens: streams.reduce((sum, { tokens }) => sum + tokens, 0),
  } satisfies Streams)
})
