import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { availableTargets, createCpuDevice, createReferenceDevice, type Device, type Tensor } from '@modu/engine'
import { describe, expect, test } from 'vitest'
import { loadModel } from './loadModel.ts'

const fixture = (name: string): string => join(import.meta.dirname, '../fixtures', name)

/** Makes `device` compute each step anew instead of replaying calls. */
function withoutRecordings(device: Device): Device {
  const record = device.record.bind(device)
  device.record = <T>(work: () => T) => {
    const result = device.persistent((record(work).result as Tensor).shape)
    const replay = () => {
      device.reset()
      result.data.set((work() as Tensor).data)
    }
    return { result: result as T, replay, release: () => device.release(result) }
  }
  return device
}

/** Logits of two sequences on one device that take turns; the first is cut and continued differently. */
function interleaved(name: string, device: Device): number[][] {
  const model = loadModel(fixture(name), device)
  const [long, short] = [model.createCache(40), model.createCache(9)]
  const logits: number[][] = []
  const step = (cache: typeof long, ...tokens: number[]) => logits.push(Array.from(model.step(tokens, cache)))
  for (const token of [5, 17, 3]) step(long, token)
  step(short, 1, 2, 3, 4, 5)
  for (const token of [9, 8, 7]) {
    step(short, token)
    step(long, token + 1)
  }
  step(long, 4, 4, 9, 11)
  long.truncate(4)
  for (const token of [6, 2, 2]) step(long, token)
  // What was released makes room for others.
  short.release()
  const next = model.createCache(9)
  for (const token of [6, 2, 2]) {
    step(next, token)
    step(long, token)
  }
  return logits
}

const targets = availableTargets().flatMap(target => [1, 2, 3].map(threads => ({ target, threads })))

describe.each(['k1-base', 'k1-halves', 'llama', 'qwen3'])('single tokens of %s', name => {
  const expected = interleaved(name, createReferenceDevice())

  test.each(targets)('are computed as without a recording, to the bit: $target, $threads threads', async options => {
    const [plain, recording] = [withoutRecordings(createCpuDevice(options)), createCpuDevice(options)]
    const logits = interleaved(name, recording)
    expect(logits).toEqual(interleaved(name, plain))
    for (const [i, row] of expected.entries()) {
      for (const [j, value] of row.entries()) expect(Math.abs(logits[i]![j]! - value)).toBeLessThan(1e-4)
    }
    await Promise.all([plain, recording].map(device => device.close()))
  })
})

describe('decoding', () => {
  test('allocates nothing for a token', () => {
    const code = `
      import { getHeapStatistics } from 'node:v8'
      import { createCpuDevice } from '@modu/engine'
      import { loadModel } from ${JSON.stringify(new URL('./loadModel.ts', import.meta.url).href)}
      const device = createCpuDevice({ threads: 2 })
      const model = loadModel(${JSON.stringify(fixture('k1-base'))}, device)
      const cache = model.createCache(32)
      const token = [1]
      const decode = count => {
        for (let i = 0; i < count; i++) {
          if (cache.length === 32) cache.truncate(0)
          token[0] = i % 7
          model.step(token, cache)
        }
      }
      decode(5_000)
      const reserved = device.reservedBytes
      const allocated = Array.from({ length: 3 }, () => {
        const before = getHeapStatistics().total_allocated_bytes
        decode(20_000)
        return getHeapStatistics().total_allocated_bytes - before
      })
      console.log(JSON.stringify({ allocated, reserved: device.reservedBytes - reserved }))
      await device.close()`
    const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', code]
    const { stdout, stderr, status } = spawnSync(process.execPath, flags, {
      encoding: 'utf8',
      cwd: import.meta.dirname,
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const { allocated, reserved } = JSON.parse(stdout)
    expect(reserved).toBe(0)
    // In bytes a token. The counter counts whole pages, and the compiler and a thread that waits for another also allocate.
    expect(Math.min(...allocated) / 20_000).toBeLessThan(32)
  })
})
