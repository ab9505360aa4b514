import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ChatTemplate,
  countParams,
  type LanguageModel,
  saveCheckpoint,
  saveTokenizerFiles,
  type Tokenizer,
} from '@modu/model'
import { type Engine, EngineThread, serve } from '@modu/serve'
import { endless } from './endless.ts'
import { multiplyAddGflops, readGigabytes } from './limits.ts'
import { option } from './measure.ts'
import { servingName, servingPeer } from './peers/serving.ts'
import { type Result, result } from './report.ts'
import type { Load, LoadedServer } from './serverLoad.ts'
import { servedModel } from './serverModel.ts'
import { wantsPeer } from './targets.ts'

/** Streams that run at the same time, and tokens of each. */
const streams = 16
const tokens = 256
/** Tokens of the peer's stream: it is far slower. */
const peerTokens = 64
/** Every measurement is the best of so many, which take turns. */
const rounds = 10

/**
 * The server under the load of another process: tokens a second of 1 and of 16 streams, the first token of a short prompt
 * while 16 stream, the second request with the same 1,000 tokens before it, and what HTTP adds to a token: the time
 * between two of a stream, less that between two of an answer that this thread asks the same engine for, as many at a
 * time. The limit is the model alone: as many sequences, a token each in every pass.
 * The peer is `transformers serve` with the same weights.
 */
export async function server(args: string[]): Promise<Result> {
  const threads = Number(option(args, 'threads', '2'))
  const { model, tokenizer } = servedModel(threads)
  const module = new URL('./serverModel.ts', import.meta.url).href
  const engine = await EngineThread.start({ source: { module, data: threads } })
  const running = await serve({ port: 0, engine })
  const clients = fork(join(import.meta.dirname, 'serverLoad.ts'), { execArgv: ['--no-warnings'] })
  const load = (what: Load) => ask(clients, { url: running.url, model: 'nano' }, what)
  try {
    /** The fewest seconds of all rounds: of streams, between their tokens, between those of answers, and of the model. */
    const one = { streams: Infinity, streamed: Infinity, direct: Infinity, model: Infinity }
    const many = { ...one }
    for (let round = 0; round < rounds; round++) {
      for (const [count, best] of [[1, one] as const, [streams, many] as const]) {
        const [whole, between] = await load({ kind: 'streams', streams: count, tokens })
        best.streams = Math.min(best.streams, whole!)
        best.streamed = Math.min(best.streamed, between!)
        best.direct = Math.min(best.direct, await betweenTokens(engine, count, round))
        best.model = Math.min(best.model, modelSeconds(model, count))
      }
    }
    const first = median(await load({ kind: 'first', streams, times: 20 }))
    const shared = median(await load({ kind: 'prefix', times: 5 }))
    const row = (measure: string, value: number, unit: string, aim: string) => ({ measure, value, unit, aim })
    const alone = tokens / one.streams
    const together = (streams * tokens) / many.streams
    const limit = (streams * tokens) / many.model
    const gflops = threads * (await multiplyAddGflops())
    const limits = passLimit(model, streams, gflops) / passLimit(model, 1, gflops)
    const cases = [
      row('1 stream', alone, 'tokens/s', '–'),
      row(`${streams} streams`, together, 'tokens/s', '–'),
      row(`${streams} streams / 1 stream`, together / alone, 'times', '4 or more'),
      row(`the model alone: ${streams} sequences / 1`, (limit * one.model) / tokens, 'times', '–'),
      row(`limits of the processor: ${streams} / 1`, limits, 'times', '–'),
      row('HTTP a token of 1 stream', 1e6 * (one.streamed - one.direct), 'µs', 'under 20'),
      row(`HTTP a token of ${streams} streams`, (1e6 * (many.streamed - many.direct)) / streams, 'µs', 'under 20'),
      row(`first token beside ${streams} streams, median`, first, 'ms', 'under 50'),
      row('first token: 1,000 new tokens / known ones, median', shared, 'times', '8 or more'),
    ]
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

/**
 * Tokens a second of so many sequences if passes did nothing but read each weight once and multiply, at 10⁹ · `gflops`
 * operations a second: weights that every token needs, and the experts that some sequence has, if they are drawn at random.
 * What a cache holds and attention are left out.
 */
function passLimit({ config, device }: LanguageModel, sequences: number, gflops: number): number {
  const { total, active } = countParams(config)
  if (config.modelType !== 'axk1') throw new Error('the shipped nano has experts')
  const { nRoutedExperts: experts, numExpertsPerTok: topk } = config
  const chosen = experts * (1 - (1 - topk / experts) ** sequences)
  const bytes = 2 * (active + ((total - active) * (chosen - topk)) / (experts - topk))
  const reading = bytes / 1e9 / readGigabytes(device, bytes)
  const multiplying = (2 * active * sequences) / 1e9 / gflops
  return sequences / Math.max(reading, multiplying)
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
      return { alone: await load(1, peerTokens), together: await load(streams, peerTokens / 4) }
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

/** Seconds between two tokens of so many answers that this thread asks the engine for, behind prompts that are new in every round. */
async function betweenTokens(engine: Engine, count: number, round: number): Promise<number> {
  const { signal } = new AbortController()
  const logitBias = new Map(Object.entries(endless).map(([id, bias]) => [Number(id), bias]))
  const answer = async (i: number) => {
    const seat = engine.seat('', signal)
    const prompt = Array.from({ length: 8 }, (_, t) => 300 + ((7919 * (i + 1) + 104_729 * t + t * t * round) % 7000))
    const events = engine.models.get('nano')!.complete(prompt, { maxTokens: tokens, seed: 1, logitBias, seat, signal })
    await seat.enter()
    let begun: number | undefined
    for await (const _ of events) begun ??= performance.now()
    seat.leave()
    return (performance.now() - begun!) / 1000 / (tokens - 1)
  }
  const times = await Promise.all(Array.from({ length: count }, (_, i) => answer(i)))
  return times.reduce((a, b) => a + b) / count
}

/** Seconds that so many sequences of so many tokens take in passes of the model, without anything around them. */
function modelSeconds(model: LanguageModel, count: number): number {
  const cache = model.createPages(count * 2 * tokens)
  const sequences = Array.from({ length: count }, () => cache.createSequence())
  const begun = performance.now()
  for (const sequence of sequences) model.step([1, 2, 3, 4, 5, 6, 7, 8], sequence)
  for (let pass = 1; pass < tokens; pass++) {
    // Other tokens every time, which go to other experts.
    const next = sequences.map((_, s) => 300 + ((977 * pass + 31 * s) % 7000))
    model.stepAll(next, sequences)
  }
  const seconds = (performance.now() - begun) / 1000
  cache.release()
  return seconds
}
