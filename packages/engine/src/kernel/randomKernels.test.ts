import { afterAll, expect, test } from 'vitest'
import { createCpuDevice } from '../device/cpu.ts'
import { createInterpreterDevice } from '../device/interpreter.ts'
import { randomKernel } from './randomKernel.ts'
import { testKernel } from './testKernel.ts'
import { wasmTarget } from './wasm.ts'

// Random programs mean the same to the interpreter and to WebAssembly. Without multiply-add everything is rounded in
// one way only, so results agree to the bit. A relaxed multiply-add rounds once or twice, as the processor likes:
// there, conditions compare integers only, and results agree to a thousandth of the largest.

const interpreter = { where: 'interpreter', device: createInterpreterDevice(wasmTarget) }
const cpus = [1, 2].map(threads => ({ where: `cpu, ${threads} threads`, device: createCpuDevice({ threads }) }))
afterAll(() => Promise.all(cpus.map(({ device }) => device.close())))

function compare(seed: number, fused: boolean): void {
  const { build, inputs } = randomKernel(seed, fused)
  const run = testKernel(build, { threaded: true })
  const expected = run(interpreter, inputs)
  const largest = expected.y.reduce((most, v) => Math.max(most, Math.abs(v)), 1)
  for (const machine of cpus) {
    const actual = run(machine, inputs)
    const at = `seed ${seed}, ${machine.where}`
    if (!fused) expect(actual.z, at).toEqual(expected.z)
    for (const [i, v] of actual.y.entries()) {
      const difference = Math.abs(v - expected.y[i]!)
      if (!(fused ? difference <= 1e-3 * largest : v === expected.y[i])) {
        expect.fail(`${at}: y[${i}] is ${v}, expected ${expected.y[i]}`)
      }
    }
  }
}

test('random kernels give the same bits in the interpreter and in WebAssembly', () => {
  for (let seed = 1; seed <= 80; seed++) compare(seed, false)
})

test('random kernels with multiply-add agree closely', () => {
  for (let seed = 1001; seed <= 1050; seed++) compare(seed, true)
})
