import { adamW, type CpuOptions, createCpuDevice, type Device, differentiate, gradientNorm } from '@modu/engine'
import { countParams, createModel, setTrainable } from '@modu/model'
import { multiplyAddGflops } from './limits.ts'
import { bestSeconds, option } from './measure.ts'
import { nanoConfig } from './nano.ts'
import { officialName, trainPeer } from './peers/official.ts'
import { profile, profileRows } from './profile.ts'
import { type Result, result, table } from './report.ts'
import { targets, wantsPeer } from './targets.ts'

const length = 256
const precisions = ['float32', 'bf16'] as const

/**
 * Training steps of `--batch` (16) times 256 tokens on `--threads` (2): forward, backward, gradient norm, AdamW, with
 * products of float32 and of bfloat16 numbers. The limit is what the multiply-adds of the weights alone would take (6
 * operations a token for each active parameter), without attention.
 */
export async function train(args: string[]): Promise<Result> {
  const batch = Number(option(args, 'batch', '16'))
  const threads = Number(option(args, 'threads', '2'))
  const peers = wantsPeer(args) ? await trainPeer({ batch, length, threads }) : undefined
  const { active } = countParams(nanoConfig)
  const cases = []
  for (const target of targets(args)) {
    for (const precision of precisions) {
      const seconds = await stepSeconds({ target, threads, precision }, batch)
      const limit = (threads * (await multiplyAddGflops(target, precision)) * 1e9) / (6 * active)
      const ours = (batch * length) / seconds
      const peer = peers?.[precision] ?? null
      const ratio = peer === null ? null : ours / peer
      cases.push({ target, precision, threads, seconds, ours, peer, ratio, limit, limitShare: ours / limit })
    }
  }
  const { ours, peer, limit } = cases.reduce((a, b) => (b.ours > a.ours ? b : a))
  const compared = peer === null ? {} : { peer, peerName: officialName }
  return result({ name: 'train', unit: 'tokens/s', ours, limit, ...compared, cases })
}

/** The best of some steps; prints where the time went. */
async function stepSeconds(options: CpuOptions, batch: number): Promise<number> {
  const device = createCpuDevice(options)
  const step = trainingStep(device, batch)
  const seconds = bestSeconds(step, { seconds: 10, least: 3 })
  const start = performance.now()
  const times = profile(device, step)
  const rows = profileRows(times, (performance.now() - start) / 1000)
  console.log(`${device.target}, ${device.precision}\n${table(rows)}\n`)
  await device.close()
  return seconds
}

/** A function that takes one step. */
function trainingStep(device: Device, batch: number): () => void {
  const model = createModel(nanoConfig, device, { seed: 1 })
  setTrainable(model)
  const parameters = [...model.parameters.values()]
  const moments = parameters.map(({ shape }) => ({ m: device.persistent(shape), v: device.persistent(shape) }))
  const ids = Int32Array.from({ length: batch * length }, (_, i) => (i * 7919 + (i % 13) * 31) % nanoConfig.vocabSize)
  const rates = { lr: 1e-4, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1 }
  let number = 0
  return () => {
    number++
    differentiate(device, () => model.loss(ids, ids, batch))
    const gradientScale = 1 / Math.max(gradientNorm(parameters), 1)
    for (const [i, parameter] of parameters.entries()) {
      adamW(parameter, moments[i]!, { ...rates, gradientScale, step: number })
    }
    device.reset()
  }
}
