import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { createGuardedDevice } from './guarded.ts'
import { guardedMemory } from './guardPages.ts'
import { nativeSupport } from './native.ts'

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
