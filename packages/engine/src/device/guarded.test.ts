import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { adamW } from '../ops/adamW.ts'
import { appendRows } from '../ops/appendRows.ts'
import { gradientNorm } from '../ops/gradientNorm.ts'
import { latentAttention } from '../ops/latentAttention.ts'
import { expectClose, randomSource, reals } from '../testing.ts'
import type { Device } from './device.ts'
import { createGuardedDevice } from './guarded.ts'
import { guardedMemory } from './guardPages.ts'
import { nativeSupport } from './native.ts'
import { createReferenceDevice } from './reference.ts'

// That the device does stop stray accesses: without this, tests of operations on it would prove nothing.

const support = nativeSupport()
const targets = support.ok ? support.targets : []

/** Copies x[place] to y[place] in a process of its own, where both have three elements; the signal that ended it. */
function copyElement(target: string, edge: string, place: number, memory: 'x' | 'y'): string | null {
  const script = `
    import { createGuardedDevice } from '${new URL('./guarded.ts', import.meta.url)}'
    import { nativeSupport } from '${new URL('./native.ts', import.meta.url)}'
    import { f32s, i32, kernel } from '${new URL('../kernel/kernel.ts', import.meta.url)}'
    const copy = kernel({
      name: 'copy',
      params: { x: f32s, y: f32s, from: i32, to: i32 },
      reference() {},
      build: (k, { x, y, from, to }) => y.set(to, x.at(from)),
    })
    const device = createGuardedDevice(nativeSupport().targets.find(({ name }) => name === '${target}'), '${edge}')
    const [x, y] = [device.from([1, 2, 3], [3]), device.persistent([3])]
    device.run(copy, { x, y, from: ${memory === 'x' ? place : 0}, to: ${memory === 'y' ? place : 0} })
    console.log(y.data.join())`
  const args = ['--no-warnings', '--input-type=module', '--eval', script]
  const { signal, status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (!signal) expect(stdout, stderr).not.toBe('')
  if (!signal) expect(status).toBe(0)
  return signal
}

describe.runIf(support.ok)('a guarded device', () => {
  for (const { name } of targets) {
    test(`${name}: a stray load or store ends the process`, () => {
      for (const memory of ['x', 'y'] as const) {
        expect(copyElement(name, 'end', 2, memory)).toBeNull()
        expect(copyElement(name, 'end', 3, memory)).toBe('SIGSEGV')
        expect(copyElement(name, 'begin', -1, memory)).toBe('SIGSEGV')
      }
    })
  }

  // Operations that no test of `testOperation` runs.
  const devices = targets.flatMap(target =>
    (['begin', 'end'] as const).map(edge => ({
      name: `${target.name}, ${edge}`,
      device: createGuardedDevice(target, edge),
    })),
  )
  const reference = createReferenceDevice()

  test.each(devices)('the optimizer stays inside its tensors ($name)', ({ device }) => {
    const step = (on: Device, n: number) => {
      const random = randomSource(n)
      const tensor = () => on.from(reals(random, [n]).values, [n])
      const [parameter, m, v] = [tensor(), tensor(), on.persistent([n])]
      parameter.grad = tensor()
      const options = { lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01, step: 1 }
      adamW(parameter, { m, v }, { ...options, gradientScale: 1 / gradientNorm([parameter]) })
      return parameter.data
    }
    for (const n of [1, 3, 15, 17, 97, 1023]) expectClose(step(device, n), step(reference, n), 1e-5, `${n} numbers`)
  })

  test.each(devices)('attention on a cache stays inside its tensors ($name)', ({ device }) => {
    const attend = (on: Device, rows: number, keys: number, heads: number) => {
      const random = randomSource(keys)
      const tensor = (...shape: number[]) => on.from(reals(random, shape).values, shape)
      const [keyDim, valueDim, rank, ropeDim] = [5, 7, 9, 4]
      const positions = on.from(
        Array.from({ length: rows }, (_, r) => keys - rows + r),
        [rows],
        'i32',
      )
      const cache = tensor(keys, rank + ropeDim)
      appendRows(cache, tensor(rows, rank + ropeDim), positions)
      const q = tensor(rows, heads, keyDim + ropeDim)
      const w = tensor(heads * (keyDim + valueDim), rank)
      return latentAttention(q, cache, positions, w, { heads, keyDim, valueDim, scale: 0.3 }).data
    }
    for (const [rows, keys, heads] of [
      [1, 1, 1],
      [1, 33, 3],
      [3, 5, 2],
      [9, 49, 4],
    ] as const) {
      expectClose(
        attend(device, rows, keys, heads),
        attend(reference, rows, keys, heads),
        1e-5,
        `${[rows, keys, heads]}`,
      )
    }
  })

  test('gives memory of any size, also none, and takes it back', () => {
    for (const edge of ['begin', 'end'] as const) {
      for (const bytes of [0, 1, 4095, 4096, 4097]) {
        const memory = guardedMemory(bytes, edge)
        expect(memory.buffer.byteLength).toBe(bytes)
        const end = memory.address + BigInt(bytes)
        expect((edge === 'begin' ? memory.address : end) % 4096n).toBe(0n)
        new Uint8Array(memory.buffer).fill(1)
        memory.release()
      }
      const device = createGuardedDevice(targets[0]!, edge)
      const tensor = device.from([1, 2, 3], [3])
      expect([...tensor.data]).toEqual([1, 2, 3])
      device.release(tensor)
      expect(() => device.release(tensor)).toThrow('released twice')
    }
  })
})
