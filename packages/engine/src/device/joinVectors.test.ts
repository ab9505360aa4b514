import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { joinVectors } from './joinVectors.ts'

const processor = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : undefined

test.skipIf(processor === undefined)('vectors are joined where V8 knows how and the processor has AVX2', () => {
  const built = (process.config.variables as Record<string, unknown>).v8_enable_wasm_simd256_revec === 1
  expect(joinVectors()).toBe(built && /\bavx2\b/.test(processor!))
  expect(joinVectors()).toBe(joinVectors())
})

test.skipIf(!joinVectors())('V8 joins the tiles of a matrix product', () => {
  const engine = new URL('../index.ts', import.meta.url).href
  const program = `
    import { createCpuDevice, linear } from ${JSON.stringify(engine)}
    const device = createCpuDevice({ threads: 1, target: 'wasm' })
    linear(device.from(new Float32Array(2048), [64, 32]), device.from(new Float32Array(1024), [32, 32]))
  `
  const flags = ['--disable-warning=ExperimentalWarning', '--trace-wasm-revectorize', '--input-type=module']
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '--eval', program], { encoding: 'utf8' })
  expect(stderr).toBe('')
  const [, save, cost] = stdout.match(/Save: (\d+), cost: (\d+)/) ?? []
  // The tile of 6 rows has 12 joined accumulators, and its loop is unrolled four times.
  expect(Number(save)).toBeGreaterThan(12 * 4)
  expect(Number(save)).toBeGreaterThan(Number(cost))
})
