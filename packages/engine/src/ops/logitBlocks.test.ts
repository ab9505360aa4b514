import { afterAll, expect, test } from 'vitest'
import { availableTargets, createCpuDevice } from '../device/cpu.ts'
import { createInterpreterDevice } from '../device/interpreter.ts'
import { createReferenceDevice } from '../device/reference.ts'
import { guardedDevices, randomSource, reals } from '../testing.ts'
import { LogitBlocks } from './logitBlocks.ts'

const devices = [
  createReferenceDevice(),
  createInterpreterDevice({ name: 'narrow', width: 4, registers: 16 }),
  ...availableTargets().flatMap(target => [1, 2].map(threads => createCpuDevice({ threads, target }))),
  ...guardedDevices(),
]
afterAll(() => Promise.all(devices.map(device => device.close())))

test.each(devices.map(device => [`${device.target}, ${device.threads} threads`, device] as const))(
  'the largest and the mass of each block on %s',
  (_, device) => {
    const random = randomSource(5)
    for (const [size, block] of [
      [1, 4],
      [130, 64],
      [1001, 128],
      [20_000, 128],
    ] as const) {
      const blocks = new LogitBlocks(device, size, block)
      for (let round = 0; round < 2; round++) {
        const logits = Float32Array.from(reals(random, [size]).values, x => 9 * x - 3)
        logits[size >> 1] = -Infinity
        const inBlocks = <T>(of: (block: Float32Array) => T) =>
          Array.from({ length: Math.ceil(size / block) }, (_, b) => of(logits.subarray(b * block, (b + 1) * block)))
        const expected = inBlocks(values => Math.max(...values))
        const largest = Math.max(...logits)
        // As a model's logits lie: in the device's memory, behind those of another row.
        const rows = device.from([...logits, ...logits], [2, size])
        for (const placed of [logits, rows.reals.subarray(size)]) {
          expect(Array.from(blocks.maxima(placed))).toEqual(expected)
          if (largest === -Infinity) continue
          for (const temperature of [0.3, 1.7]) {
            const mass = inBlocks(values => values.reduce((sum, l) => sum + Math.exp((l - largest) / temperature), 0))
            const got = blocks.masses(placed, largest, temperature)
            const bound = logits[size >> 2]!
            const above = inBlocks(values =>
              values.reduce((sum, l) => sum + (l > bound ? Math.exp((l - largest) / temperature) : 0), 0),
            )
            const gotAbove = blocks.massesAbove(placed, largest, temperature, bound)
            for (const [values, expected] of [
              [got, mass],
              [gotAbove, above],
            ] as const)
              for (const [b, each] of expected.entries())
                expect(Math.abs(each - values[b]!)).toBeLessThan(1e-6 * (1 + each))
          }
        }
        device.release(rows)
      }
      blocks.release()
    }
  },
)

test('the mass of a temperature next to nothing is the number of the largest', () => {
  for (const device of devices) {
    const blocks = new LogitBlocks(device, 5, 4)
    expect(Array.from(blocks.masses([1, 3, 3, -Infinity, 2], 3, 1e-40))).toEqual([2, 0])
    blocks.release()
  }
})
