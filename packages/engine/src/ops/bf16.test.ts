import { afterAll, describe, expect, test } from 'vitest'
import { createCpuDevice } from '../device/cpu.ts'
import type { Device } from '../device/device.ts'
import { createGuardedDevice } from '../device/guarded.ts'
import { createInterpreterDevice } from '../device/interpreter.ts'
import { nativeSupport } from '../device/native.ts'
import { createReferenceDevice } from '../device/reference.ts'
import { bf16FromReal, bf16ToReal } from '../kernel/bf16.ts'
import { fewRows } from '../kernel/product/rows.ts'
import { expectClose, type Random, randomInteger, randomSource } from '../testing.ts'
import { groupedMatmul, groupedOuter } from './groupedMatmul.ts'
import { matmul } from './matmul.ts'
import { unsharedMatmul } from './unsharedMatmul.ts'

// Products with factors in bfloat16: the same as of factors that were rounded before.

interface Machine {
  where: string
  device: Device
}

/** Everything that can multiply in bfloat16, in both ways; `threads` is 2 to see that tasks do not meet. */
function machines(): Machine[] {
  const interpreters = [
    { name: 'narrow', width: 4, registers: 16, factors: 'rounded' },
    { name: 'narrow', width: 4, registers: 16, factors: 'pairs' },
    { name: 'wide', width: 16, registers: 32, factors: 'pairs' },
  ] as const
  const cpu = { threads: 2, precision: 'bf16' } as const
  const native = nativeSupport()
  const targets = ['wasm', ...(native.ok ? native.targets.map(({ name }) => name) : [])] as const
  const withPairs = native.ok && native.features.bf16 ? native.targets.filter(({ width }) => width === 16) : []
  const guarded = (native.ok ? native.targets : []).flatMap(target =>
    (['rounded', 'pairs'] as const).flatMap(factors => {
      const shape = { ...target, factors }
      return (['begin', 'end'] as const).map(edge => ({
        where: `${target.name}, ${factors}, a guard page at the ${edge}`,
        device: createGuardedDevice(shape, edge),
      }))
    }),
  )
  return [
    ...guarded,
    ...interpreters.map(target => ({
      where: `interpreter, ${target.name}, ${target.factors}`,
      device: createInterpreterDevice(target),
    })),
    ...targets.map(target => ({ where: target, device: createCpuDevice({ ...cpu, target }) })),
    ...withPairs.map(target => ({
      where: `${target.name} with pairs`,
      device: createCpuDevice({ ...cpu, target: { ...target, bf16: true } }),
    })),
  ]
}

const all = machines()
afterAll(() => Promise.all(all.map(({ device }) => device.close())))
const reference = createReferenceDevice()

const numbers = (random: Random, n: number): number[] => Array.from({ length: n }, () => 2 * random() - 1)
const rounded = (values: readonly number[]): number[] => values.map(x => bf16ToReal(bf16FromReal(x)))

const sumOf = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0)
const offsetsOf = (counts: readonly number[]): number[] => [0, ...counts.map((_, i) => sumOf(counts.slice(0, i + 1)))]

/** Runs `work` on every machine, and on the reference with rounded factors, and compares what it returns. */
function compare(
  what: string,
  factors: readonly (readonly number[])[],
  work: (device: Device, factors: readonly (readonly number[])[]) => number[],
): void {
  const expected = work(reference, factors.map(rounded))
  for (const { where, device } of all) {
    expectClose(work(device, factors), expected, 1e-5, `${what}, ${where}`)
    device.reset()
  }
}

describe('products in bfloat16', () => {
  const shapes = [
    [33, 1, 1],
    [33, 2, 3],
    [36, 33, 16],
    [37, 17, 97],
    [49, 31, 5],
    [64, 48, 40],
    [110, 9, 530],
    [37, 70, 131],
    [40, 33, 1100],
  ] as const

  for (const [name, orientation] of Object.entries({
    x·wᵀ: 'rows, columns',
    dy·w: 'rows, rows',
    dyᵀ·x: 'columns, rows',
    dyᵀ·xᵀ: 'columns, columns',
  })) {
    test(`${name}: both factors are rounded`, () => {
      const [left, right] = orientation.split(', ')
      for (const [index, [m, n, k]] of shapes.entries()) {
        const random = randomSource(index + 1)
        const batch = 1 + (index % 2)
        const factors = [numbers(random, batch * m * k), numbers(random, batch * n * k)]
        const strides = {
          ...{ aBatch: m * k, bBatch: n * k, cBatch: m * n, cRow: n },
          ...(left === 'rows' ? { aRow: k, aCol: 1 } : { aRow: 1, aCol: m }),
          ...(right === 'rows' ? { bRow: n, bCol: 1 } : { bRow: 1, bCol: k }),
        }
        compare(`${m}×${n}×${k}`, factors, (device, [a, b]) => {
          const c = device.from(Array(batch * m * n).fill(0.5), [batch, m, n])
          const [x, y] = [device.from(a!, [a!.length]), device.from(b!, [b!.length])]
          const args = { a: x, b: y, c, batch, m, n, k, ...strides, add: index % 2 }
          device.run(matmul, args)
          if (batch === 1) {
            // The same again, added.
            device.run(unsharedMatmul, { ...args, add: 1, parts: 1 + (index % 3) })
          }
          const result = Array.from(c.data)
          for (const tensor of [c, x, y]) device.release(tensor)
          return result
        })
      }
    })
  }

  const groups = [[0, 9, 40, 1, 12], [13], [0, 30], [7, 8, 9, 10, 11], [600, 3]]

  test('of experts, with many rows', () => {
    for (const [index, counts] of groups.entries()) {
      const random = randomSource(index + 11)
      const [n, k] = [1 + randomInteger(random, 70), 1 + randomInteger(random, 70)]
      const slots = sumOf(counts)
      const offsets = offsetsOf(counts)
      const factors = [numbers(random, slots * k), numbers(random, counts.length * n * k)]
      for (const strides of [
        { bRow: 1, bCol: k },
        { bRow: n, bCol: 1 },
      ]) {
        compare(`${counts}, ${n}, ${k}, ${strides.bRow}`, factors, (device, [a, b]) => {
          const tensors = {
            a: device.from(a!, [slots, k]),
            b: device.from(b!, [counts.length, n, k]),
            c: device.persistent([slots, n]),
            offsets: device.from(offsets, [offsets.length], 'i32'),
          }
          device.run(groupedMatmul, { ...tensors, experts: counts.length, n, k, bBatch: n * k, ...strides, add: 0 })
          // What a few rows give is not rounded.
          const many = counts.flatMap(count => Array<boolean>(count * n).fill(count > fewRows))
          const result = Array.from(tensors.c.data).filter((_, i) => many[i])
          for (const tensor of Object.values(tensors)) device.release(tensor)
          return result
        })
      }
    }
  })

  test('of experts, summed over their rows', () => {
    for (const [index, counts] of groups.entries()) {
      const random = randomSource(index + 21)
      const [m, n] = [1 + randomInteger(random, 130), 1 + randomInteger(random, 70)]
      const slots = sumOf(counts)
      const offsets = offsetsOf(counts)
      const factors = [numbers(random, slots * m), numbers(random, slots * n)]
      compare(`${counts}, ${m}, ${n}`, factors, (device, [a, b]) => {
        const tensors = {
          a: device.from(a!, [slots, m]),
          b: device.from(b!, [slots, n]),
          c: device.persistent([counts.length, m, n]),
          offsets: device.from(offsets, [offsets.length], 'i32'),
        }
        device.run(groupedOuter, { ...tensors, experts: counts.length, m, n })
        const result = Array.from(tensors.c.data)
        for (const tensor of Object.values(tensors)) device.release(tensor)
        return result
      })
    }
  })

  test('differ from those in float32', () => {
    const [m, n, k] = [48, 16, 64]
    const random = randomSource(31)
    const [a, b] = [numbers(random, m * k), numbers(random, n * k)]
    const strides = { aBatch: 0, aRow: k, aCol: 1, bBatch: 0, bRow: 1, bCol: k, cBatch: 0, cRow: n }
    const product = (device: Device) => {
      const tensors = { a: device.from(a, [m, k]), b: device.from(b, [n, k]), c: device.persistent([m, n]) }
      device.run(matmul, { ...tensors, batch: 1, m, n, k, ...strides, add: 0 })
      return Array.from(tensors.c.data)
    }
    const exact = product(reference)
    for (const { where, device } of all) {
      const difference = Math.max(...product(device).map((x, i) => Math.abs(x - exact[i]!)))
      expect(difference, where).toBeGreaterThan(1e-3)
      expect(difference, where).toBeLessThan(0.1)
    }
  })
})
