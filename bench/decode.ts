import { createCpuDevice } from '@modu/engine'
import { countParams, createModel } from '@modu/model'
import { readGigabytes } from './limits.ts'
import { bestSeconds } from './measure.ts'
import { nanoConfig } from './nano.ts'
import { profile, profileRows } from './profile.ts'
import { type Result, result, table } from './report.ts'

const context = 200

/**
 * Greedy decoding of one sequence behind a context of 200 tokens. The limit is the time to read the weights that a token
 * needs (float32, with the tied head) once, at the speed of a loop that only reads as many bytes as the model has.
 */
export async function decode(): Promise<Result> {
  const { total, active } = countParams(nanoConfig)
  const cases = []
  let gigabytes = 0
  for (const threads of [1, 2]) {
    const device = createCpuDevice({ threads })
    const model = createModel(nanoConfig, device, { seed: 1 })
    const cache = model.createCache(context + 1)
    model.step(
      Int32Array.from({ length: context }, (_, i) => (i * 7919) % nanoConfig.vocabSize),
      cache,
    )
    let token = 1
    const step = () => {
      const logits = model.step([token], cache)
      token = greatest(logits)
      cache.truncate(context)
    }
    // A hundred tokens at a time: one is too short to be timed well.
    const tokens = 100
    const many = () => {
      for (let i = 0; i < tokens; i++) step()
    }
    const seconds = bestSeconds(many, { seconds: 5 }) / tokens
    // Two threads read no slower than one.
    gigabytes = Math.max(gigabytes, readGigabytes(device, 4 * total))
    const limit = (gigabytes * 1e9) / (4 * active)
    cases.push({
      threads,
      'tokens/s': 1 / seconds,
      ms: 1000 * seconds,
      'read GB/s': gigabytes,
      limit,
      limitShare: 1 / seconds / limit,
    })
    if (threads === 2) {
      const start = performance.now()
      const times = profile(device, many)
      console.log(
        `${tokens} tokens, ${threads} threads\n${table(profileRows(times, (performance.now() - start) / 1000))}\n`,
      )
    }
    await device.close()
  }
  const best = cases.reduce((a, b) => (b['tokens/s'] > a['tokens/s'] ? b : a))
  return result({ name: 'decode', unit: 'tokens/s', ours: best['tokens/s'], limit: best.limit, cases })
}

function greatest(logits: Float32Array): number {
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i
  return best
}
