import { adamW, type CpuTarget, createCpuDevice, type Device, differentiate, gradientNorm } from '@modu/engine'
import { countParams, createModel, setTrainable } from '@modu/model'
import { multiplyAddGflops } from './limits.ts'
import { bestSeconds, option } from './measure.ts'
import { nanoConfig } from './nano.ts'
import { officialName, trainPeer } from './peers/official.ts'
import { profile, profileRows } from './profile.ts'
import { type Result, result, table } from './report.ts'
import { targets, wantsPeer } from './targets.ts'

const length = 256

/**
 * Training steps of `--batch` (16) times 256 tokens on `--threads` (2): forward, backward, gradient norm, AdamW. The limit
 * is what the multiply-adds of the weights alone would take (6 operations a token for each active parameter), without
 * attention.
 */
export async function train(args: string[]): Promise<Result> {
  const batch = Number(option(args, 'batch', '16'))
  const threads = Number(option(args, 'threads', '2'))
  const peer = wantsPeer(args) ? (await trainPeer({ batch, length, threads }))?.f32 : undefined
  const { active } = countParams(nanoConfig)
  const cases = []
  for (const target of targets(args)) {
    const { seconds, loss } = await stepSeconds(target, threads, batch)
    const limit = (threads * (await multiplyAddGflops(target)) * 1e9) / (6 * active)
    const ours = (batch * length) / seconds
    const ratio = peer === undefined ? null : ours / peer
    cases.push({ target, threads, loss, seconds, ours, peer: peer ?? null, ratio, limit, limitShare: ours / limit })
  }
  const best = cases.reduce((a, b) => (b.ours > a.ours ? b : a))
  const { ours, limit } = best
  return result({
    name: 'train',
    unit: 'tokens/s',
    ours,
    limit,
    ...(peer === undefined ? {} : { peer, peerName: officialName }),
    cases,
  })
}

/** The best of some steps, and the loss behind them; prints where the time went. */
async function stepSeconds(target: CpuTarget, threads: number, batch: number) {
  const device = createCpuDevice({ threads, target })
  const step = trainingStep(device, batch)
  const seconds = bestSeconds(step, { seconds: 10, least: 3 })
  const start = performance.now()
  let loss = 0
  const times = profile(device, () => {
    loss = step()
  })
  console.log(`${target}\n${table(profileRows(times, (performance.now() - start) / 1000))}\n`)
  await device.close()
  return { seconds, loss }
}

/** A function that takes one step and returns the loss before it. */
function trainingStep(device: Device, batch: number): () => number {
  const model = createModel(nanoConfig, device, { seed: 1 })
  setTrainable(model)
  const parameters = [...model.parameters.values()]
  const moments = parameters.map(({ shape }) => ({ m: device.persistent(shape), v: device.persistent(shape) }))
  const ids = Int32Array.from({ length: batch * length }, (_, i) => (i * 7919 + (i % 13) * 31) % nanoConfig.vocabSize)
  const rates = { lr: 1e-4, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1 }
  let number = 0
  return () => {
    number++
    const loss = differentiate(device, () => model.loss(ids, ids, batch)).reals[0]!
    const gradientScale = 1 / Math.max(gradientNorm(parameters), 1)
    for (const [i, parameter] of parameters.entries()) {
      adamW(parameter, moments[i]!, { ...rates, gradientScale, step: number })
    }
    device.reset()
    return loss
  }
}
