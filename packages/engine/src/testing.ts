import { afterAll, expect, test } from 'vitest'
import { Tape } from './autograd.ts'
import { availableTargets, createCpuDevice } from './device/cpu.ts'
import type { Device } from './device/device.ts'
import { createGuardedDevice } from './device/guarded.ts'
import { createInterpreterDevice } from './device/interpreter.ts'
import { nativeSupport } from './device/native.ts'
import { createReferenceDevice } from './device/reference.ts'
import { optimize } from './kernel/optimize.ts'
import { type DType, type Shape, sizeOf, type Tensor } from './tensor.ts'

// Shared by the tests of operations: random inputs, gradients against finite differences, device against device.

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export type Random = () => number

export function randomSource(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export const randomInteger = (random: Random, below: number): number => Math.floor(random() * below)

export interface Input {
  shape: Shape
  dtype: DType
  values: number[]
  differentiable: boolean
}

/** Float32 numbers in [−spread, spread), differentiable. */
export function reals(random: Random, shape: Shape, spread = 1): Input {
  const values = Array.from({ length: sizeOf(shape) }, () => Math.fround((2 * random() - 1) * spread))
  return { shape, dtype: 'f32', values, differentiable: true }
}

/** Numbers that get no gradient. */
export const constants = (values: readonly number[], shape: Shape = [values.length]): Input => ({
  shape,
  dtype: 'f32',
  values: values.map(Math.fround),
  differentiable: false,
})

export const integers = (values: readonly number[], shape: Shape = [values.length]): Input => ({
  shape,
  dtype: 'i32',
  values: [...values],
  differentiable: false,
})

/** One call of an operation under test: what goes in, and what it does with it. */
export interface Operation {
  inputs: Record<string, Input>
  run(tensors: Record<string, Tensor>): Tensor | readonly Tensor[]
}

export interface OperationTests<S> {
  /** Shapes to compare devices on, and (by default the same) to compare gradients with finite differences on. */
  shapes: readonly S[]
  gradientShapes?: readonly S[]
  make(shape: S, random: Random): Operation
  /** Largest deviation of the devices, relative to the largest entry of each tensor. */
  tolerance?: number
  /** The loss is the sum of the outputs instead of a random combination of them. */
  unitGradient?: boolean
}

/**
 * Declares the tests every operation has: its gradient equals finite differences on the reference device, and the cpu
 * device computes what the reference does, forward and backward, bit for bit the same on one and on two threads.
 */
export function testOperation<S>(name: string, tests: OperationTests<S>): void {
  const { shapes, gradientShapes = shapes, make, tolerance = 1e-5, unitGradient = false } = tests
  const reference = createReferenceDevice()
  const devices = availableTargets().map(target => [1, 2].map(threads => createCpuDevice({ threads, target })))
  const guarded = guardedDevices()
  afterAll(() => Promise.all([...devices.flat(), ...guarded].map(device => device.close())))

  test(`${name}: gradients equal finite differences`, () => {
    for (const [index, shape] of gradientShapes.entries()) {
      const operation = make(shape, randomSource(index + 1))
      const { gradients } = evaluate(reference, operation, unitGradient)
      for (const [input, gradient] of Object.entries(gradients)) {
        const expected = differences(reference, operation, input, unitGradient)
        expectClose(gradient, expected, 1e-6, `gradient of ${input} at ${JSON.stringify(shape)}`)
      }
    }
  })

  test(`${name}: kernels stay inside their tensors, built for narrow and for wide vectors`, () => {
    const targets = [
      { name: 'narrow', width: 4, registers: 16 },
      { name: 'joined', width: 4, registers: 16, joined: 2 },
      { name: 'wide', width: 16, registers: 32 },
    ]
    const checked = targets.map(target => [createInterpreterDevice(target), createInterpreterDevice(target, optimize)])
    for (const [index, shape] of shapes.entries()) {
      const operation = make(shape, randomSource(index + 1001))
      const expected = evaluate(reference, operation, unitGradient)
      for (const [i, [asWritten, optimised]] of checked.entries()) {
        const evaluation = evaluate(asWritten!, operation, unitGradient)
        const at = `at ${JSON.stringify(shape)}, ${targets[i]!.name}`
        expect(evaluate(optimised!, operation, unitGradient), `optimised ${at}`).toEqual(evaluation)
        expectSame(evaluation, expected, tolerance, at)
      }
    }
  }, 30_000)

  test.runIf(guarded.length > 0)(`${name}: machine code stays between guard pages`, () => {
    for (const [index, shape] of shapes.entries()) {
      const operation = make(shape, randomSource(index + 1001))
      const expected = evaluate(reference, operation, unitGradient)
      for (const device of guarded) {
        const at = `at ${JSON.stringify(shape)}, ${device.target}`
        expectSame(evaluate(device, operation, unitGradient), expected, tolerance, at)
      }
    }
  })

  for (const [one, two] of devices as [Device, Device][]) {
    test(`${name}: ${one.target} equals the reference on one and two threads`, () => {
      for (const [index, shape] of shapes.entries()) {
        const operation = make(shape, randomSource(index + 1001))
        const expected = evaluate(reference, operation, unitGradient)
        const actual = evaluate(one, operation, unitGradient)
        const at = `at ${JSON.stringify(shape)}`
        expectSame(actual, expected, tolerance, at)
        expect(evaluate(two, operation, unitGradient), `two threads ${at}`).toEqual(actual)
      }
    })
  }
}

/** For each x64 target of this machine: tensors pushed to the forbidden page in front of them, and to the one behind. */
export function guardedDevices(): Device[] {
  const support = nativeSupport()
  const targets = support.ok ? support.targets : []
  return targets.flatMap(target => [createGuardedDevice(target, 'begin'), createGuardedDevice(target, 'end')])
}

interface Evaluation {
  loss: number
  outputs: number[][]
  gradients: Record<string, number[]>
}

/** Gradients start here, not at zero, so that a kernel that overwrites instead of adding is found out. */
const initialGradient = 0.5

/** Runs the operation on fresh tensors with a loss that weighs all real outputs, and collects everything. */
function evaluate(device: Device, operation: Operation, unitGradient: boolean, withGradient = true): Evaluation {
  const tensors: Record<string, Tensor> = {}
  for (const [name, { values, shape, dtype, differentiable }] of Object.entries(operation.inputs)) {
    const tensor = device.from(values, shape, dtype)
    if (differentiable && withGradient) {
      tensor.requiresGrad = true
      tensor.grad = device.persistent(shape)
      device.fill(tensor.grad, initialGradient)
    }
    tensors[name] = tensor
  }
  const tape = withGradient ? new Tape() : undefined
  device.tape = tape
  const result = operation.run(tensors)
  const outputs = Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor]
  const random = randomSource(99)
  const weights = outputs.map(output => Array.from(output.data, () => (unitGradient ? 1 : Math.fround(random() + 0.5))))
  let loss = 0
  for (const [i, output] of outputs.entries()) {
    if (output.dtype !== 'f32') continue
    for (const [j, weight] of weights[i]!.entries()) loss += weight * output.data[j]!
  }
  if (tape) {
    const scalar = device.temporary([])
    tape.record(scalar, () => {
      for (const [i, output] of outputs.entries()) {
        if (!output.requiresGrad) continue
        const { reals } = tape.gradient(output)
        for (let j = 0; j < reals.length; j++) reals[j]! += weights[i]![j]!
      }
    })
    tape.backward(scalar)
  }
  device.tape = undefined
  const gradients: Record<string, number[]> = {}
  for (const [name, tensor] of Object.entries(tensors)) {
    if (tensor.grad) gradients[name] = Array.from(tensor.grad.data, g => g - initialGradient)
  }
  const evaluation = { loss, outputs: outputs.map(output => Array.from(output.data)), gradients }
  for (const tensor of Object.values(tensors)) {
    if (tensor.grad) device.release(tensor.grad)
    device.release(tensor)
  }
  device.reset()
  return evaluation
}

/** Outputs and gradients within the tolerance. */
function expectSame(actual: Evaluation, expected: Evaluation, tolerance: number, at: string): void {
  for (const [i, output] of expected.outputs.entries()) {
    expectClose(actual.outputs[i]!, output, tolerance, `output ${i} ${at}`)
  }
  for (const [input, gradient] of Object.entries(expected.gradients)) {
    expectClose(actual.gradients[input]!, gradient, tolerance, `gradient of ${input} ${at}`)
  }
}

/** Central differences of the loss for every element of one input. */
function differences(device: Device, operation: Operation, name: string, unitGradient: boolean): number[] {
  const eps = 1e-5
  const { values } = operation.inputs[name]!
  return values.map((value, i) => {
    const [above, below] = [eps, -eps].map(step => {
      values[i] = value + step
      return evaluate(device, operation, unitGradient, false).loss
    })
    values[i] = value
    return (above! - below!) / (2 * eps)
  })
}

/** Every entry within `tolerance` of the largest expected one (or of 0.1: terms of order 1 cancel). */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  expect(actual.length, what).toBe(expected.length)
  let largest = 0.1
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]!))
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!)
    if (!(difference <= tolerance * largest)) {
      expect.fail(`${what}: entry ${i} is ${actual[i]}, expected ${expected[i]} (largest ${largest})`)
    }
  }
}
