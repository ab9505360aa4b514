import { adamW, createCpuDevice, differentiate, gradientNorm } from '@modu/engine'
import { countParams, createModel, setTrainable } from '@modu/model'
import { multiplyAddGflops } from './limits.ts'
import { bestSeconds, option } from './measure.ts'
import { nanoConfig } from './nano.ts'
import { profile, profileRows } from './profile.ts'
import { type Result, result, table } from './report.ts'

/**
 * A training step of `--batch` (16) times 256 tokens on `--threads` (2): forward, backward, gradient norm, AdamW. The limit is what the multiply-adds of
 * the weights alone would take (6 operations a token for each active parameter), without attention.
 */
export async function train(args: string[]): Promise<Result> {
  const batch = Number(option(args, 'batch', '16'))
  const length = 256
  const threads = Number(option(args, 'threads', '2'))
  const device = createCpuDevice({ threads })
  const model = createModel(nanoConfig, device, { seed: 1 })
  setTrainable(model)
  const parameters = [...model.parameters.values()]
  const moments = parameters.map(({ shape }) => ({ m: device.persistent(shape), v: device.persistent(shape) }))
  const ids = Int32Array.from({ length: batch * length }, (_, i) => (i * 7919 + (i % 13) * 31) % nanoConfig.vocabSize)
  let number = 0
  let loss = 0
  const step = () => {
    number++
    loss = differentiate(device, () => model.loss(ids, ids, batch)).reals[0]!
    const norm = gradientNorm(parameters)
    const rates = {
      lr: 1e-4,
      beta1: 0.9,
      beta2: 0.95,
      eps: 1e-8,
      weightDecay: 0.1,
      gradientScale: 1 / Math.max(norm, 1),
    }
    for (const [i, parameter] of parameters.entries()) adamW(parameter, moments[i]!, { ...rates, step: number })
    device.reset()
  }
  const seconds = bestSeconds(step, { seconds: 10, least: 3 })
  const start = performance.now()
  const times = profile(device, step)
  const profiled = (performance.now() - start) / 1000
  console.log(`${table(profileRows(times, profiled))}\n`)

  const { active } = countParams(nanoConfig)
  const tokens = batch * length
  const limit = (threads * (await multiplyAddGflops()) * 1e9) / (6 * active)
  const ours = tokens / seconds
  await device.close()
  const cases = [{ threads, tokens, seconds, 'tokens/s': ours, limit, limitShare: ours / limit, loss }]
  return result({ name: 'train', unit: 'tokens/s', ours, limit, cases })
}
