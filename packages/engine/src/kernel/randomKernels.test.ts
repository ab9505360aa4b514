import { afterAll, describe, expect, test } from 'vitest'
import { type CpuTarget, createCpuDevice } from '../device/cpu.ts'
import { createGuardedDevice } from '../device/guarded.ts'
import { createInterpreterDevice } from '../device/interpreter.ts'
import { nativeSupport } from '../device/native.ts'
import type { Target } from './language.ts'
import { randomKernel } from './randomKernel.ts'
import { type Machine, testKernel } from './testKernel.ts'
import { wasmTarget } from './wasm.ts'

// Random programs mean the same to the interpreter and to generated code. Without multiply-add everything is rounded in
// one way only, so results agree to the bit. WebAssembly's relaxed multiply-add rounds once or twice, as the processor
// likes: there, conditions compare integers only, and results agree to a thousandth of the largest.

const support = nativeSupport()
const x64 = support.ok ? support.targets : []
const targets: readonly Target[] = [wasmTarget, ...x64]

/** Machine code also runs with guard pages right before and right behind the arrays. */
const guarded = (name: string): Machine[] =>
  x64
    .filter(target => target.name === name)
    .flatMap(target =>
      (['begin', 'end'] as const).map(edge => ({
        where: `${name}, a guard page at the ${edge}`,
        device: createGuardedDevice(target, edge),
      })),
    )

describe.each(targets)('$name', target => {
  const interpreter = { where: 'interpreter', device: createInterpreterDevice(target) }
  const threaded = [1, 2].map(threads => {
    const device = createCpuDevice({ threads, target: target.name as CpuTarget })
    return { where: `${device.target}, ${threads} threads`, device }
  })
  const machines = [...threaded, ...guarded(target.name)]
  afterAll(() => Promise.all(machines.map(({ device }) => device.close())))

  function compare(seed: number, fused: boolean): void {
    const { build, inputs } = randomKernel(seed, fused)
    const run = testKernel(build, { threaded: true })
    const expected = run(interpreter, inputs)
    const largest = expected.y.reduce((most, v) => Math.max(most, Math.abs(v)), 1)
    for (const machine of machines) {
      const actual = run(machine, inputs)
      const at = `seed ${seed}, ${machine.where}`
      expect(actual.z, at).toEqual(expected.z)
      for (const [i, v] of actual.y.entries()) {
        const difference = Math.abs(v - expected.y[i]!)
        if (!(fused ? difference <= 1e-3 * largest : v === expected.y[i])) {
          expect.fail(`${at}: y[${i}] is ${v}, expected ${expected.y[i]}`)
        }
      }
    }
  }

  test('random kernels give the same bits as in the interpreter', () => {
    for (let seed = 1; seed <= 50; seed++) compare(seed, false)
  }, 30_000)

  test('random kernels with multiply-add agree closely', () => {
    for (let seed = 1001; seed <= 1030; seed++) compare(seed, true)
  }, 30_000)
})
