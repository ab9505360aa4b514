import { afterAll, describe, expect, test } from 'vitest'
import { f32s, i32, i32s, kernel } from '../kernel/kernel.ts'
import { add } from '../ops/add.ts'
import { embedding } from '../ops/embedding.ts'
import { experts } from '../ops/experts.ts'
import { linear } from '../ops/linear.ts'
import { rmsNorm } from '../ops/rmsNorm.ts'
import { router } from '../ops/router.ts'
import type { Tensor } from '../tensor.ts'
import { randomSource, reals } from '../testing.ts'
import { availableTargets, createCpuDevice } from './cpu.ts'
import type { Device } from './device.ts'
import { createInterpreterDevice } from './interpreter.ts'
import { createReferenceDevice } from './reference.ts'

/** y[i] += x[0], on all threads. */
const accumulate = kernel({
  name: 'recording.accumulate',
  params: { x: i32s, y: f32s, n: i32 },
  reference({ x, y, n }) {
    for (let i = 0; i < n; i++) y[i]! += x[0]!
  },
  build: (k, { x, y, n }) => k.rows(n, i => y.set(i, y.at(i).add(x.at(0).toReal()))),
})

/** y[i] = a + i, i < n, through numbers that every thread puts into its own scratch before it takes a task. */
const throughOwn = kernel({
  name: 'recording.throughOwn',
  params: { y: f32s, n: i32, a: i32 },
  reference({ y, n, a }) {
    for (let i = 0; i < n; i++) y[i] = a + i
  },
  build(k, { y, n, a }) {
    k.loop(0, n, i => k.own.set(i, a.add(i).toReal()))
    k.rows(n, i => y.set(i, k.own.at(i)))
  },
  scratch: ({ n }) => ({ perThread: n }),
})

/** The same through scratch that all threads share, away from its beginning. */
const throughShared = kernel({
  name: 'recording.throughShared',
  params: { y: f32s, n: i32, a: i32 },
  reference({ y, n, a }) {
    for (let i = 0; i < n; i++) y[i] = a + i
  },
  build(k, { y, n, a }) {
    const numbers = k.shared.from(n)
    k.rows(n, i => numbers.set(i, a.add(i).toReal()))
    k.barrier()
    k.rows(n, i => y.set(i, numbers.at(i)))
  },
  scratch: ({ n }) => ({ shared: 2 * n }),
})

const onlyReference = kernel({ name: 'recording.bookkeeping', params: { y: f32s }, reference() {} })

/** A small network with routed experts from a token id to a row of numbers. */
function network(device: Device): (ids: Tensor) => Tensor {
  const random = randomSource(3)
  const [vocabulary, hidden, count] = [11, 32, 5]
  const weight = (...shape: number[]) => device.from(reals(random, shape, 0.5).values, shape)
  const [table, norm, gate] = [weight(vocabulary, hidden), weight(hidden), weight(count, hidden)]
  const [gateUp, down] = [weight(count, 20, hidden), weight(count, hidden, 10)]
  const [bias, head] = [weight(count), weight(4096, hidden)]
  const options = { groups: 1, topkGroups: 1, topk: 2, normalise: true, scale: 1 }
  return ids => {
    const x = embedding(table, ids)
    const h = rmsNorm(x, norm, 1e-6)
    return linear(add(x, experts(h, router(linear(h, gate), bias, options), gateUp, down)), head)
  }
}

const devices = [
  createReferenceDevice(),
  createInterpreterDevice({ name: 'test', width: 8, registers: 16 }),
  ...availableTargets().flatMap(target => [1, 2, 3].map(threads => createCpuDevice({ threads, target }))),
]
afterAll(() => Promise.all(devices.map(device => device.close())))

describe.each(devices.map(device => [`${device.name} ${device.target}, ${device.threads} threads`, device] as const))(
  'a recording on %s',
  (_, device) => {
    test('computes nothing until it is replayed, and then on what the tensors hold', () => {
      const x = device.persistent([1], 'i32')
      const y = device.persistent([40])
      const recording = device.record(() => {
        device.run(accumulate, { x, y, n: 40 })
        device.run(accumulate, { x, y, n: 20 })
        return y
      })
      expect(recording.result).toBe(y)
      expect(y.data[0]).toBe(0)
      let expected = 0
      for (let i = 1; i <= 300; i++) {
        x.data[0] = i
        recording.replay()
        expected += i
        if (y.data[0] !== 2 * expected || y.data[39] !== expected) expect([i, y.data[0], y.data[39]]).toBe(expected)
      }
      recording.release()
    })

    test('keeps the scratch of a thread that comes late away from that of the others', () => {
      const n = 700
      const calls = Array.from({ length: 20 }, (_, i) => ({ kernel: i % 2 ? throughShared : throughOwn, a: 1000 * i }))
      const outputs = calls.map(() => device.persistent([n]))
      const recording = device.record(() => {
        for (const [i, { kernel, a }] of calls.entries()) device.run(kernel, { y: outputs[i]!, n, a })
      })
      for (let i = 0; i < 100; i++) {
        for (const output of outputs) output.data[n - 1] = -1
        recording.replay()
        const wrong = outputs.findIndex(({ data }, at) => data.some((value, j) => value !== calls[at]!.a + j))
        if (wrong >= 0) expect([i, wrong]).toBe('right')
      }
      recording.release()
    }, 30_000)

    test('gives what the same calls give, whatever runs between the replays', () => {
      const run = network(device)
      const ids = [device.persistent([1], 'i32'), device.persistent([1], 'i32')] as const
      const recordings = ids.map(one => device.record(() => run(one)))
      for (const [i, token] of [3, 7, 0, 3, 10, 5].entries()) {
        const which = i % 2
        ids[which]!.data[0] = token
        recordings[which]!.replay()
        const expected = Array.from(run(device.from([token], [1], 'i32')).data)
        expect(Array.from(recordings[which]!.result.data)).toEqual(expected)
        device.reset()
      }
      for (const recording of recordings) recording.release()
    })
  },
)

describe('a recording', () => {
  const device = devices.at(-1)!

  test('gives its memory back, and is of no use then', () => {
    const run = network(device)
    const ids = device.from([1], [1], 'i32')
    const reserved = new Set<number>()
    for (let i = 0; i < 5; i++) {
      const recording = device.record(() => run(ids))
      recording.replay()
      recording.release()
      expect(() => recording.replay()).toThrow('has been released')
      reserved.add(device.reservedBytes)
    }
    expect(reserved.size).toBe(1)
  })

  test('refuses a kernel without code, and ends', () => {
    const y = device.persistent([1])
    expect(() => device.record(() => device.run(onlyReference, { y }))).toThrow(
      'recording.bookkeeping has only a reference',
    )
    expect(() => device.record(() => device.record(() => {}))).toThrow('recorded already')
    device.fill(y, 3)
    expect(y.data[0]).toBe(3)
  })
})
