import { describe, expect, test } from 'vitest'
import { modu } from '../testing.ts'

describe('modu doctor', () => {
  test('measures this machine and gives JSON', async () => {
    const { status, stdout, stderr } = await modu(['doctor', '--json', '--threads', '1'])
    expect(stderr).toBe('')
    expect(status).toBe(0)
    const report = JSON.parse(stdout)
    expect(report).toMatchObject({ processor: expect.any(String), target: expect.stringMatching(/^(wasm|x64)/) })
    expect(report.threads).toBe(1)
    const { f32, bf16, int8 } = report.limits
    for (const speed of [f32, bf16, int8, report.matmul.f32, report.matmul.bf16, report.memory])
      expect(speed).toBeGreaterThan(0)
  })

  test('tells people, in Korean or English, and why there is no machine code', async () => {
    const withoutFfi = { NODE_OPTIONS: '--no-experimental-ffi' }
    const korean = await modu(['doctor'], withoutFfi)
    expect(korean.stderr).toBe('')
    expect(korean.stdout).toMatch(/^코드 생성: wasm$/m)
    expect(korean.stdout).toMatch(/^float32: .* [\d.]+ GFLOP\/s, 한계 [\d.]+$/m)
    expect(korean.stdout).toMatch(/^메모리: [\d.]+ GB\/s$/m)
    if (process.platform === 'linux' && process.arch === 'x64') {
      expect(korean.stdout).toMatch(/^기계어를 쓰지 않는 까닭: .*[가-힣].* \(node:ffi is not available in Node /m)
    }
    const english = await modu(['doctor', '--lang', 'en'], withoutFfi)
    expect(english.stdout).toMatch(/^code generator: wasm$/m)
  })

  test.each([
    ['--target', 'quantum'],
    ['--threads', '0'],
  ])('refuses %s %s', async (option, value) => {
    const { status, stderr } = await modu(['doctor', option, value])
    expect(status).toBe(2)
    expect(stderr).toMatch(value)
  })

  test('names a target that this machine cannot run', async () => {
    const { status, stderr } = await modu(['doctor', '--target', 'x64'], { NODE_OPTIONS: '--no-experimental-ffi' })
    expect(status).toBe(1)
    expect(stderr).toMatch('x64')
    expect(stderr).not.toMatch(/\n {4}at /)
  })
})
