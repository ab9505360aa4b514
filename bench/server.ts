import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type ChatModel,
  ChatTemplate,
  type LanguageModel,
  saveCheckpoint,
  saveTokenizerFiles,
  type Tokenizer,
} from '@modu/model'
import { EngineThread, serve } from '@modu/serve'
import { bestSecondsAsync, option } from './measure.ts'
import { servingName, servingPeer } from './peers/serving.ts'
import { type Result, result } from './report.ts'
import type { Load, LoadedServer } from './serverLoad.ts'
import { servedModel } from './serverModel.ts'
import { wantsPeer } from './targets.ts'

/** Streams that run at the same time, and tokens of each. */
const streams = 16
const tokens = 64

/**
 * The server under the load of another process: tokens a second of 1 and of 16 streams, the first token of a short prompt
 * while 16 stream, the second request with the same 1,000 tokens before it, and what HTTP adds. The limit is the engine
 * alone: as many sequences, a token each in every pass. The peer is `transformers serve` with the same weights.
 */
export async function server(args: string[]): Promise<Result> {
  const threads = Number(option(args, 'threads', '2'))
  const nano = servedModel(threads)
  const { model, tokenizer } = nano
  const module = new URL('./serverModel.ts', import.meta.url).href
  const engine = await EngineThread.start({ source: { module, data: threads } })
  const running = await serve({ port: 0, engine })
  const clients = fork(join(import.meta.dirname, 'serverLoad.ts'), { execArgv: ['--no-warnings'] })
  const load = (what: Load) => ask(clients, { url: running.url, model: 'nano' }, what)
  try {
    await load({ kind: 'streams', streams, tokens: 8 })
    const [one] = await load({ kind: 'streams', streams: 1, tokens: 4 * tokens })
    const [many] = await load({ kind: 'streams', streams, tokens })
    const first = median(await load({ kind: 'first', streams, times: 20 }))
    const shared = median(await load({ kind: 'prefix', times: 5 }))
    const perToken = await overPerToken(nano, load)
    const alone = (4 * tokens) / one!
    const together = (streams * tokens) / many!
    const row = (measure: string, value: number, unit: string, aim: string) => ({ measure, value, unit, aim })
    const cases = [
      row('1 stream', alone, 'tokens/s', '–'),
      row(`${streams} streams`, together, 'tokens/s', '–'),
      row(`${streams} streams / 1 stream`, together / alone, 'times', '4 or more'),
      row(`first token beside ${streams} streams, median`, first, 'ms', 'under 50'),
      row('first token: 1,000 new tokens / known ones, median', shared, 'times', '8 or more'),
      row('HTTP a streamed token, beyond the engine', perToken, 'µs', 'under 20'),
    ]
    const limit = await engineAlone(model)
    const peers = wantsPeer(args) ? await peerLoad(model, tokenizer, threads, clients) : undefined
    if (peers) {
      cases.push(row(`1 stream, times ${servingName}`, alone / peers.alone, 'times', '–'))
      cases.push(row(`${streams} streams, times ${servingName}`, together / peers.together, 'times', '–'))
    }
    const compared = peers ? { peer: peers.together, peerName: servingName } : {}
    return result({ name: 'server', unit: 'tokens/s', ours: together, limit, ...compared, cases })
  } finally {
    clients.kill()
    await running.stop()
    await model.device.close()
  }
}

/** Tokens a second of 1 and of 16 streams of `transformers serve`. */
async function peerLoad(model: LanguageModel, tokenizer: Tokenizer, threads: number, clients: ChildProcess) {
  const folder = mkdtempSync(join(tmpdir(), 'modu-bench-server-'))
  try {
    saveCheckpoint(model, folder)
    saveTokenizerFiles(folder, tokenizer, new ChatTemplate(''), { do_sample: false })
    return await servingPeer(folder, threads, async url => {
      const load = async (count: number, each: number) => {
        const work = { kind: 'streams', streams: count, tokens: each, text: true } as const
        return (count * each) / (await ask(clients, { url, model: folder }, work))[0]!
      }
      await load(1, 2)
      return { alone: await load(1, tokens), together: await load(streams, tokens / 4) }
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function ask(clients: ChildProcess, server: LoadedServer, load: Load): Promise<number[]> {
  clients.send({ ...server, load })
  const [{ numbers, error }] = (await once(clients, 'message')) as [{ numbers: number[]; error?: string }]
  if (error) throw new Error(error)
  return numbers
}

const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!

/** Microseconds that a token of a single stream takes longer over HTTP than from the model itself. */
async function overPerToken(nano: ChatModel, load: (what: Load) => Promise<number[]>): Promise<number> {
  const count = 4 * tokens
  const direct = await bestSecondsAsync(
    async () => {
      for await (const _ of nano.complete([300, 301], { maxTokens: count, seed: 1 }));
    },
    { seconds: 0, least: 3 },
  )
  const overHttp = []
  for (let i = 0; i < 3; i++) overHttp.push((await load({ kind: 'streams', streams: 1, tokens: count }))[0]!)
  return ((Math.min(...overHttp) - direct) / count) * 1e6
}

/** Tokens a second of as many sequences in passes of the model, without anything around them. */
async function engineAlone(model: LanguageModel): Promise<number> {
  const passes = 8
  const cache = model.createPages(streams * 2 * tokens)
  const sequences = Array.from({ length: streams }, () => cache.createSequence())
  for (const sequence of sequences) model.step([1, 2, 3, 4, 5, 6, 7, 8], sequence)
  const next = new Array<number>(streams).fill(9)
  const seconds = await bestSecondsAsync(
    async () => {
      for (let i = 0; i < passes; i++) model.stepAll(next, sequences)
    },
    { seconds: 0, least: 8 },
  )
  cache.release()
  return (passes * streams) / seconds
}
