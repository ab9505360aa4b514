import { afterAll, describe, expect, test } from 'vitest'
import { availableTargets, createCpuDevice } from '../device/cpu.ts'
import type { Device } from '../device/device.ts'
import { createInterpreterDevice } from '../device/interpreter.ts'
import { createReferenceDevice } from '../device/reference.ts'
import { bf16FromReal, bf16ToReal } from '../kernel/bf16.ts'
import { panelColumns, placeInPanels } from '../kernel/product/panels.ts'
import type { Tensor } from '../tensor.ts'
import { expectClose, guardedDevices, randomSource, reals } from '../testing.ts'
import { experts } from './experts.ts'
import { latentAttention } from './latentAttention.ts'
import { linear } from './linear.ts'
import { linearAdd } from './linearAdd.ts'
import { narrowWeight, releaseNarrow } from './narrowWeights.ts'
import { normLinear } from './normLinear.ts'
import { router } from './router.ts'
import { swigluLinear } from './swigluLinear.ts'

const devices = [
  createInterpreterDevice({ name: 'narrow', width: 4, registers: 16 }),
  createInterpreterDevice({ name: 'wide', width: 16, registers: 32 }),
  ...availableTargets().flatMap(target => [1, 2].map(threads => createCpuDevice({ threads, target }))),
  ...guardedDevices(),
]
afterAll(() => Promise.all(devices.map(device => device.close())))

/** Numbers that are bfloat16 numbers, as published weights are. */
const published = (values: readonly number[]): number[] => values.map(x => bf16ToReal(bf16FromReal(x)))

type Make = (...shape: number[]) => Tensor

/** Each operation on `rows` rows, with its weights from `weight` and everything else from `input`. */
const operations: Record<string, (rows: number, input: Make, weight: Make, device: Device) => Tensor> = {
  linear: (rows, input, weight) => linear(input(rows, 37), weight(50, 37)),
  linearAdd: (rows, input, weight) => linearAdd(input(rows, 33), weight(19, 33), input(rows, 19)),
  normLinear: (rows, input, weight) =>
    normLinear(input(rows, 40), input(40), 1e-6, [{ weight: weight(21, 40) }, { weight: weight(17, 40) }])[1]!,
  swigluLinear: (rows, input, weight) => swigluLinear(input(rows, 35), weight(23, 35), weight(23, 35)),
  experts(rows, input, weight, device) {
    const options = { groups: 1, topkGroups: 1, topk: 2, normalise: true, scale: 1 }
    const routing = router(input(rows, 5), device.from(Array(5).fill(0), [5]), options)
    const shared = { gate: weight(18, 64), up: weight(18, 64), down: weight(64, 18) }
    return experts(input(rows, 64), routing, weight(5, 2 * 32, 64), weight(5, 64, 32), shared)
  },
  latentAttention(rows, input, weight, device) {
    const positions = device.from(
      Array.from({ length: rows }, (_, r) => r + 3),
      [rows],
      'i32',
    )
    const options = { heads: 3, keyDim: 7, valueDim: 5, scale: 0.3 }
    return latentAttention(input(rows, 3, 12), input(rows + 3, 22), positions, weight(3 * 12, 17), options)
  },
}

/** Reads its weight as it lies, in a twin that is made when it is first asked for. */
const inRows = 'latentAttention'

/** The result on fresh tensors; with `isNarrow` all weights have a bfloat16 twin, and no float32 numbers any more. */
function run(device: Device, name: string, rows: number, isNarrow: boolean): number[] {
  const random = randomSource(7)
  const tensors: Tensor[] = []
  const make = (shape: number[], values: readonly number[]): Tensor => {
    const tensor = device.from(values, shape)
    tensors.push(tensor)
    return tensor
  }
  const weight: Make = (...shape) => {
    const tensor = make(shape, published(reals(random, shape).values))
    if (!isNarrow) return tensor
    expect(narrowWeight(tensor)).toBe(true)
    if (name !== inRows) tensor.data.fill(Number.NaN)
    return tensor
  }
  const result = operations[name]!(rows, (...shape) => make(shape, reals(random, shape).values), weight, device)
  const values = Array.from(result.data)
  if (isNarrow && name === inRows) expect(tensors.some(({ narrow }) => narrow?.rows)).toBe(true)
  for (const tensor of tensors) {
    releaseNarrow(tensor)
    device.release(tensor)
  }
  device.reset()
  return values
}

describe.each(devices.map(device => [`${device.target}, ${device.threads} threads`, device] as const))(
  'weights in bfloat16 on %s',
  (_, device) => {
    test.each(Object.keys(operations))('%s: as with float32', name => {
      for (const rows of [1, 3, 8, 31]) {
        const [narrow, wide] = [true, false].map(isNarrow => run(device, name, rows, isNarrow))
        if (name === inRows) expect(narrow).toEqual(wide)
        else expectClose(narrow!, wide!, 1e-6, `${name} of ${rows} rows`)
      }
    })

    test('a row gets the same bits alone and among others', () => {
      const random = randomSource(3)
      const [w, x] = [device.from(published(reals(random, [70, 40]).values), [70, 40]), reals(random, [31, 40]).values]
      narrowWeight(w)
      const together = Array.from(linear(device.from(x, [31, 40]), w).data)
      for (const row of [0, 8, 30]) {
        const alone = linear(device.from(x.slice(row * 40, (row + 1) * 40), [1, 40]), w)
        expect(Array.from(alone.data)).toEqual(together.slice(row * 70, (row + 1) * 70))
      }
      device.reset()
    })
  },
)

test('the reference knows them', () => {
  const device = createReferenceDevice()
  const [w, x] = [device.from([1, 2, 3, 4], [2, 2]), device.from([1, 10], [1, 2])]
  const panels = device.persistent([2 * panelColumns], 'bf16')
  for (const [i, value] of [1, 2, 3, 5].entries()) {
    panels.data[placeInPanels(Math.floor(i / 2), i % 2, 2)] = bf16FromReal(value)
  }
  w.narrow = { panels }
  expect(Array.from(linear(x, w).data)).toEqual([21, 53])
})

test('a weight that is no bfloat16 number, or whose matrices do not fill panels, has no twin', () => {
  const device = createCpuDevice({ threads: 1 })
  expect(narrowWeight(device.from([1, 0.1], [1, 2]))).toBe(false)
  expect(narrowWeight(device.from([1, 2, 3, 4], [2, 1, 2]))).toBe(false)
  const weight = device.from([1, -0.5], [1, 2])
  expect(narrowWeight(weight)).toBe(true)
  const { data } = weight.narrow!.panels
  expect([data[0], data[1], data[panelColumns]]).toEqual([0x3f80, 0, 0xbf00])
  return device.close()
})
