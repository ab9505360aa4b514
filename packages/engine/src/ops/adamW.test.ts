import { afterAll, describe, expect, test } from 'vitest'
import { createCpuDevice } from '../device/cpu.ts'
import type { Device } from '../device/device.ts'
import { createReferenceDevice } from '../device/reference.ts'
import { expectClose, randomSource, reals } from '../testing.ts'
import { adamW } from './adamW.ts'
import { gradientNorm } from './gradientNorm.ts'

const options = { lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01, gradientScale: 1 }

/** A parameter of n random numbers with gradient and moments. */
function parameterOf(device: Device, n: number) {
  const random = randomSource(n)
  const parameter = device.from(reals(random, [n]).values, [n])
  parameter.grad = device.from(reals(random, [n]).values, [n])
  return { parameter, moments: { m: device.persistent([n]), v: device.persistent([n]) } }
}

describe('adamW', () => {
  const cpus = [1, 2].map(threads => createCpuDevice({ threads }))
  afterAll(() => Promise.all(cpus.map(cpu => cpu.close())))

  test('two steps, written out', () => {
    const device = createReferenceDevice()
    const parameter = device.from([1], [1])
    parameter.grad = device.from([0.5], [1])
    const moments = { m: device.persistent([1]), v: device.persistent([1]) }
    adamW(parameter, moments, { ...options, step: 1 })
    // The first step moves by lr against the sign of the gradient, after the decay.
    expect(parameter.data[0]).toBeCloseTo(1 * (1 - 0.1 * 0.01) - 0.1 * (0.5 / (0.5 + 1e-8)), 12)
    const before = parameter.data[0]!
    parameter.grad.data[0] = -1
    adamW(parameter, moments, { ...options, step: 2, gradientScale: 0.5 })
    const m = 0.9 * 0.05 + 0.1 * -0.5
    const v = 0.999 * 0.00025 + 0.001 * 0.25
    const move = (0.1 * (m / (1 - 0.81))) / (Math.sqrt(v / (1 - 0.999 ** 2)) + 1e-8)
    expect(parameter.data[0]).toBeCloseTo(before * 0.999 - move, 12)
  })

  test('cpu follows the reference for ten steps', () => {
    for (const n of [1, 3, 13, 97, 5001]) {
      const run = (device: Device) => {
        const { parameter, moments } = parameterOf(device, n)
        const gradient = Float32Array.from(parameter.grad!.data)
        for (let step = 1; step <= 10; step++) {
          parameter.grad!.data.set(gradient)
          adamW(parameter, moments, { ...options, lr: 1e-2, step, gradientScale: 0.3 })
          expect(parameter.grad!.data.every(g => g === 0)).toBe(true)
        }
        return [parameter, moments.m, moments.v].map(tensor => Array.from(tensor.data))
      }
      const expected = run(createReferenceDevice())
      const [one, two] = cpus.map(run)
      for (const [i, values] of expected.entries()) expectClose(one![i]!, values, 1e-5, `tensor ${i} of ${n}`)
      expect(two).toEqual(one)
    }
  })

  test('asks for a gradient', () => {
    const device = createReferenceDevice()
    const moments = { m: device.persistent([2]), v: device.persistent([2]) }
    expect(() => adamW(device.persistent([2]), moments, { ...options, step: 1 })).toThrow('has no `grad`')
  })
})

describe('gradientNorm', () => {
  test('is the norm of all gradients together, the same on every device', async () => {
    const cpus = [1, 2].map(threads => createCpuDevice({ threads }))
    const run = (device: Device) =>
      gradientNorm([1, 3, 97, 4095, 4096, 4097, 20_000].map(n => parameterOf(device, n).parameter))
    const reference = run(createReferenceDevice())
    const [one, two] = cpus.map(run)
    expect(Math.abs(one! / reference - 1)).toBeLessThan(1e-6)
    expect(two).toBe(one)
    await Promise.all(cpus.map(cpu => cpu.close()))
    const device = createReferenceDevice()
    const parameters = [3, 4].map(value => {
      const parameter = device.persistent([1])
      parameter.grad = device.from([value], [1])
      return parameter
    })
    expect(gradientNorm(parameters)).toBe(5)
    expect(() => gradientNorm([device.persistent([1])])).toThrow('has no `grad`')
  })
})
