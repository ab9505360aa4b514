import { afterAll, expect, test } from 'vitest'
import { availableTargets, createCpuDevice } from '../device/cpu.ts'
import { createInterpreterDevice } from '../device/interpreter.ts'
import { createReferenceDevice } from '../device/reference.ts'
import { guardedDevices, randomSource, reals } from '../testing.ts'
import { BlockMaxima } from './blockMaxima.ts'

const devices = [
  createReferenceDevice(),
  createInterpreterDevice({ name: 'narrow', width: 4, registers: 16 }),
  ...availableTargets().flatMap(target => [1, 2].map(threads => createCpuDevice({ threads, target }))),
  ...guardedDevices(),
]
afterAll(() => Promise.all(devices.map(device => device.close())))

test.each(devices.map(device => [`${device.target}, ${device.threads} threads`, device] as const))(
  'the largest of each block on %s',
  (_, device) => {
    const random = randomSource(5)
    for (const [size, block] of [
      [1, 4],
      [130, 64],
      [1001, 128],
      [20_000, 128],
    ] as const) {
      const maxima = new BlockMaxima(device, size, block)
      for (let round = 0; round < 2; round++) {
        const values = Float32Array.from(reals(random, [size]).values, x => x - 3)
        values[size >> 1] = -Infinity
        const expected = Array.from({ length: Math.ceil(size / block) }, (_, b) =>
          Math.max(...values.subarray(b * block, (b + 1) * block)),
        )
        expect(Array.from(maxima.of(values))).toEqual(expected)
        // As a model's logits lie: in the device's memory, behind those of another row.
        const rows = device.from([...values, ...values], [2, size])
        expect(Array.from(maxima.of(rows.reals.subarray(size)))).toEqual(expected)
        device.release(rows)
      }
      maxima.release()
    }
  },
)
