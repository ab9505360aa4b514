import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { Tape } from '../autograd.ts'
import { f32s, i32, kernel } from '../kernel/kernel.ts'
import { adamW } from '../ops/adamW.ts'
import { add } from '../ops/add.ts'
import { attention } from '../ops/attention.ts'
import { embedding } from '../ops/embedding.ts'
import { experts } from '../ops/experts.ts'
import { linear } from '../ops/linear.ts'
import { linearCrossEntropy } from '../ops/linearCrossEntropy.ts'
import { rmsNorm } from '../ops/rmsNorm.ts'
import { router } from '../ops/router.ts'
import { randomInteger, randomSource, reals } from '../testing.ts'
import { createCpuDevice } from './cpu.ts'
import type { Device } from './device.ts'

/** y[i] += step, i < n, on all threads however little there is to do. */
const count = (step: number) =>
  kernel({
    name: `count${step}`,
    params: { y: f32s, n: i32 },
    reference() {},
    build: (k, { y, n }) => k.rows(n, i => y.set(i, y.at(i).add(step))),
  })

describe('tensors', () => {
  const device = createCpuDevice({ threads: 1 })
  afterAll(() => device.close())

  test('a released tensor’s memory comes back zeroed; releasing twice is an error', () => {
    const a = device.from([1, 2, 3], [3])
    const { address } = a
    device.release(a)
    const b = device.persistent([3])
    expect(b.address).toBe(address)
    expect(Array.from(b.data)).toEqual([0, 0, 0])
    device.release(b)
    expect(() => device.release(b)).toThrow('released twice?')
  })

  test('hold what is put into them, whatever else is allocated', () => {
    const values = Array.from({ length: 1001 }, (_, i) => Math.fround(i / 7))
    const early = device.from(values, [7, 143])
    const whole = device.from(
      values.map((_, i) => -i),
      [1001],
      'i32',
    )
    // Makes the memory grow.
    const large = device.temporary([1 << 22])
    device.fill(large, 3)
    expect(Array.from(early.data)).toEqual(values)
    expect(whole.data[1000]).toBe(-1000)
    expect(large.data[(1 << 22) - 1]).toBe(3)
    device.reset()
  })

  test('more than 4 GiB is refused with a remedy', () => {
    expect(() => device.persistent([1 << 30])).toThrow('use a smaller model, batch or context')
  })
})

describe('threads', () => {
  test.each([0, 1.5, 129])('%d of them are refused', threads => {
    expect(() => createCpuDevice({ threads })).toThrow('an integer from 1 to 128')
  })

  for (const threads of [1, 2, 3, 4]) {
    test(`tens of thousands of tiny kernels, ${threads} threads`, async () => {
      const device = createCpuDevice({ threads })
      const y = device.persistent([9])
      const kernels = [1, 2, 3].map(count)
      let expected = 0
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 7000; i++) {
          // A kernel may be new at any time.
          const step = i < 3500 ? 1 : 1 + (i % kernels.length)
          device.run(kernels[step - 1]!, { y, n: 9 })
          expected += step
        }
        expect(Array.from(y.data)).toEqual(Array(9).fill(expected))
        // Long enough for workers to fall asleep.
        await sleep(30)
      }
      await device.close()
    })
  }

  /** What a child process prints that runs `script` with `createCpuDevice` and `count` at hand. */
  function child(script: string): string {
    const imports = ['./cpu.ts', '../ops/scale.ts'].map(name => new URL(name, import.meta.url).href)
    const code = `
      const [{ createCpuDevice }, { scale }] = await Promise.all(${JSON.stringify(imports)}.map(url => import(url)))
      let [started, ended] = [0, 0]
      process.on('worker', worker => {
        started++
        worker.on('exit', () => ended++)
      })
      const device = createCpuDevice({ threads: 3 })
      const run = () => scale(device.from([1, 2, 3], [3]), 2).data.join()
      ${script}`
    const options = { encoding: 'utf8', timeout: 50_000 } as const
    const { stdout, stderr, status, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', code], options)
    expect({ status, signal, stderr }).toMatchObject({ status: 0, signal: null })
    return stdout.trim()
  }

  test('a closed device has ended its workers', () => {
    const script = `
      const result = run()
      await device.close()
      console.log(result, started, ended)`
    expect(child(script)).toBe('2,4,6 2 2')
  })

  test('a device that was forgotten does not keep the process alive', () => {
    expect(child('console.log(run())')).toBe('2,4,6')
  })
})

describe('a training step', () => {
  const [rows, hidden, heads, vocabulary, count, topk] = [37, 32, 4, 61, 5, 2]

  /** A small layer and a loss, with random parameters, and everything repeated by `step`. */
  function trainer(device: Device) {
    const random = randomSource(5)
    const parameter = (...shape: number[]) => {
      const tensor = device.from(reals(random, shape, 0.3).values, shape)
      tensor.requiresGrad = true
      tensor.grad = device.persistent(shape)
      return tensor
    }
    const table = parameter(vocabulary, hidden)
    const norm = parameter(hidden)
    const [wq, wk, wv] = [parameter(hidden, hidden), parameter(hidden, hidden), parameter(hidden, hidden)]
    const gate = parameter(count, hidden)
    const [gateUp, down] = [parameter(count, 34, hidden), parameter(count, hidden, 17)]
    const parameters = [table, norm, wq, wk, wv, gate, gateUp, down]
    const moments = parameters.map(({ shape }) => ({ m: device.persistent(shape), v: device.persistent(shape) }))
    const bias = device.persistent([count])
    const tokens = Array.from({ length: rows + 1 }, () => randomInteger(random, vocabulary))
    const ids = device.from(tokens.slice(0, rows), [rows], 'i32')
    const labels = device.from(tokens.slice(1), [rows], 'i32')

    const loss = () => {
      const x = embedding(table, ids)
      const h = rmsNorm(x, norm, 1e-6)
      const [q, k, v] = [wq, wk, wv].map(w => linear(h, w).reshape([rows, heads, hidden / heads]))
      const attended = add(x, attention(q!, k!, v!, { sequences: 1, scale: 0.3 }))
      const options = { groups: 1, topkGroups: 1, topk, normalise: true, scale: 1 }
      const routing = router(linear(attended, gate), bias, options)
      return linearCrossEntropy(add(attended, experts(attended, routing, gateUp, down)), table, labels)
    }
    /** The loss and all gradients as they are before the update. */
    const step = (number: number, lr: number) => {
      for (const { grad } of parameters) device.fill(grad!, 0)
      const tape = new Tape()
      device.tape = tape
      const value = loss()
      tape.backward(value)
      device.tape = undefined
      const result = [...value.data, ...parameters.flatMap(({ grad }) => Array.from(grad!.data))]
      for (const [i, tensor] of parameters.entries()) {
        const rates = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, gradientScale: 1 }
        adamW(tensor, moments[i]!, { lr, step: number, ...rates })
      }
      device.reset()
      return result
    }
    return step
  }

  test('gives the same bits every time, learns, and reserves nothing after the first', async () => {
    for (const threads of [1, 2, 3]) {
      const device = createCpuDevice({ threads })
      const step = trainer(device)
      const first = step(1, 0)
      const reserved = device.reservedBytes
      for (let number = 2; number <= 8; number++) {
        expect(step(number, 0), `${threads} threads, step ${number}`).toEqual(first)
        expect(device.reservedBytes).toBe(reserved)
      }
      for (let number = 9; number <= 28; number++) step(number, 0.01)
      expect(step(29, 0)[0]).toBeLessThan(first[0]! / 2)
      expect(device.reservedBytes).toBe(reserved)
      await device.close()
    }
  })
})

describe('decoding', () => {
  test('reserves a handful of blocks for a sequence that grows, not one a token', async () => {
    const device = createCpuDevice({ threads: 2 })
    const [capacity, heads, dim] = [600, 2, 16]
    const keys = device.persistent([capacity, heads, dim])
    const query = device.persistent([1, heads, dim])
    const reserved = new Set<number>()
    for (let length = 1; length <= capacity; length++) {
      const past = keys.rows(0, length)
      attention(query, past, past, { sequences: 1, scale: 1 })
      device.reset()
      reserved.add(device.reservedBytes)
    }
    expect(reserved.size).toBeLessThan(6)
    await device.close()
  })

  test('packs nothing for a single row', async () => {
    const device = createCpuDevice({ threads: 2 })
    const head = device.persistent([4096, 256])
    const x = device.persistent([1, 256])
    linear(x, head)
    device.reset()
    // One chunk of temporaries beside head and input; a packed head would be four mebibytes more.
    expect(device.reservedBytes).toBeLessThan(4 * (head.size + x.size) + 17 * 2 ** 20)
    await device.close()
  })
})
