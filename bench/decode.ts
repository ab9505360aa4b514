import { type CpuTarget, createCpuDevice, type Device, type Precision } from '@modu/engine'
import { countParams, createModel, narrowWeights } from '@modu/model'
import { readGigabytes } from './limits.ts'
import { bestSeconds, option } from './measure.ts'
import { nanoConfig, roundToBf16 } from './nano.ts'
import { decodePeer } from './peers/official.ts'
import { profile, profileRows } from './profile.ts'
import { type Result, result, table } from './report.ts'
import { targets, wantsPeer } from './targets.ts'

const context = 200
/** Tokens timed together: one is too short to be timed well, and many would always be disturbed by something. */
const tokens = 10
/** Tokens that the peer makes for one measurement. */
const peerTokens = 100

/**
 * Greedy decoding of one sequence behind a context of 200 tokens, with 1 to `--threads` (2) threads; with weights in
 * bfloat16, as checkpoints are published, and in float32. The peer is the faster of its two precisions. The limit is the
 * time to read the weights that a token needs (with the tied head) once, at the speed of a loop that only reads as many
 * bytes as the model has in float32.
 */
export async function decode(args: string[]): Promise<Result> {
  const most = Number(option(args, 'threads', '2'))
  const peers = wantsPeer(args) ? await decodePeer({ context, tokens: peerTokens, threads: most }) : undefined
  if (peers) console.log(`transformers generate: ${JSON.stringify(peers)} tokens/s\n`)
  const peer = peers && Math.max(peers.float32, peers.bf16)
  const { total, active } = countParams(nanoConfig)
  const cases = []
  let gigabytes = 0
  for (const target of targets(args)) {
    for (const weights of target === 'wasm' ? (['float32'] as const) : (['bf16', 'float32'] as const)) {
      for (let threads = 1; threads <= most; threads++) {
        const device = createCpuDevice({ threads, target })
        const ours = tokens / bestSeconds(decoder(device, weights), { seconds: 5 })
        // More threads read no slower than fewer, nor does one target than another.
        gigabytes = Math.max(gigabytes, readGigabytes(device, 4 * total))
        const ratio = peer === undefined ? null : ours / peer
        cases.push({ target, weights, threads, ours, peer: peer ?? null, ratio })
        await device.close()
      }
    }
    await printProfile(target, most)
  }
  const limitOf = (weights: Precision) => (gigabytes * 1e9) / ((weights === 'bf16' ? 2 : 4) * active)
  const { ours, weights } = cases.reduce((a, b) => (b.ours > a.ours ? b : a))
  const compared = peer === undefined ? {} : { peer, peerName: 'transformers generate' }
  const withLimit = cases.map(row => {
    const limit = limitOf(row.weights)
    return { ...row, 'read GB/s': gigabytes, limit, limitShare: row.ours / limit }
  })
  return result({ name: 'decode', unit: 'tokens/s', ours, limit: limitOf(weights), ...compared, cases: withLimit })
}

/** A function that continues a sequence by `tokens` tokens, each at the same place. */
function decoder(device: Device, weights: Precision): () => void {
  const model = createModel(nanoConfig, device, { seed: 1 })
  if (weights === 'bf16') {
    roundToBf16(model)
    narrowWeights(model)
  }
  const cache = model.createCache(context + 1)
  model.step(
    Int32Array.from({ length: context }, (_, i) => (i * 7919) % nanoConfig.vocabSize),
    cache,
  )
  const token = [1]
  return () => {
    for (let i = 0; i < tokens; i++) {
      const logits = model.step(token, cache)
      token[0] = greatest(logits)
      cache.truncate(context)
    }
  }
}

function greatest(logits: Float32Array): number {
  let best = 0
  let most = logits[0]!
  for (let i = 1; i < logits.length; i++) {
    const value = logits[i]!
    if (value <= most) continue
    most = value
    best = i
  }
  return best
}

/** Prints where the time goes if each kernel of a step is called by itself, which can be timed. */
async function printProfile(target: CpuTarget, threads: number): Promise<void> {
  const device = createCpuDevice({ threads, target })
  const record = device.record.bind(device)
  device.record = work => {
    const { result, release } = record(work)
    const replay = () => {
      work()
      device.reset()
    }
    return { result, replay, release }
  }
  const step = decoder(device, target === 'wasm' ? 'float32' : 'bf16')
  step()
  const repeats = 10
  const times = profile(device, () => {
    for (let i = 0; i < repeats; i++) step()
  })
  const total = [...times.values()].reduce((sum, { seconds }) => sum + seconds, 0)
  console.log(
    `${target}, ${repeats * tokens} tokens, ${threads} threads\n${table(profileRows(times, total).slice(0, -1))}\n`,
  )
  await device.close()
}
