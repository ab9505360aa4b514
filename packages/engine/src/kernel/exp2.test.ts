import { afterAll, expect, test } from 'vitest'
import { exp2 } from './exp2.ts'
import { machines, testKernel } from './testKernel.ts'

const devices = machines()
afterAll(() => Promise.all(devices.map(({ device }) => device.close())))

const run = testKernel((k, { x, y, n }) => k.lanes(n, i => y.set(i, exp2(x.at(i)))))

test('exp2 has a relative error below 2e-7, and is exact for integers', () => {
  const x = Float32Array.from({ length: 8011 }, (_, i) => (i < 2000 ? i - 1873 : (i - 7000) / 47.3)).map(v =>
    Math.max(-126, Math.min(127, v)),
  )
  for (const machine of devices) {
    const { y } = run(machine, { x, n: x.length, y: x.length })
    for (const [i, value] of x.entries()) {
      const expected = 2 ** value
      const error = Number.isInteger(value) ? 0 : 2e-7 * expected
      expect(Math.abs(y[i]! - expected), `2^${value}, ${machine.where}`).toBeLessThanOrEqual(error)
    }
  }
})

test('exp2 of what a float32 cannot hold as a normal number is 0', () => {
  const x = [-126.5, -127, -200, -3e38, Number.NEGATIVE_INFINITY]
  for (const machine of devices) {
    expect(run(machine, { x, n: x.length, y: x.length }).y, machine.where).toEqual(x.map(() => 0))
  }
})
