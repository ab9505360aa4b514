import { availableTargets, createCpuDevice } from '../device/cpu.ts'
import type { Device } from '../device/device.ts'
import { createInterpreterDevice } from '../device/interpreter.ts'
import { nativeSupport } from '../device/native.ts'
import { f32, f32s, i32, i32s, kernel } from './kernel.ts'
import type { Builder, BuilderArguments } from './language.ts'

// For tests of the language: one small kernel, run wherever kernels run.

const params = { x: f32s, i: i32s, y: f32s, z: i32s, n: i32, a: f32 } as const

export type TestArguments = BuilderArguments<typeof params>

export interface Inputs {
  x?: ArrayLike<number>
  i?: ArrayLike<number>
  n?: number
  a?: number
  /** Elements of the outputs, which begin as zeros. */
  y?: number
  z?: number
}

export interface Outputs {
  where: string
  y: number[]
  z: number[]
}

export interface Machine {
  where: string
  device: Device
}

/** The interpreter with several vector widths, and the cpu with each target that this machine runs and 1, 2 and 3 threads. */
export function machines(): Machine[] {
  const shapes = [
    [4, 16],
    [8, 16],
    [16, 32],
  ] as const
  const interpreters = shapes.map(([width, registers]) => ({
    where: `interpreter, ${width} lanes`,
    device: createInterpreterDevice({ name: 'test', width, registers }),
  }))
  const targets = availableTargets()
  const cpus = targets.flatMap(target =>
    [1, 2, 3].map(threads => ({
      where: `cpu, ${target}, ${threads} threads`,
      device: createCpuDevice({ threads, target }),
    })),
  )
  return [...interpreters, ...cpus]
}

/**
 * A kernel of reals x, integers i, a number n, a real a; it writes reals y and integers z. One thread runs it; a kernel
 * that says itself what threads do is `threaded`.
 */
export function testKernel(
  build: (k: Builder, args: TestArguments) => void,
  { threaded = false, ...scratch }: { threaded?: boolean; perThread?: number; shared?: number } = {},
): (machine: Machine, inputs: Inputs) => Outputs {
  const reference = () => {
    throw new Error('this kernel has no reference')
  }
  const definition = kernel({
    name: 'test',
    params,
    reference,
    build: (k, args) => (threaded ? build(k, args) : k.tasks(1, () => build(k, args))),
    scratch: () => scratch,
  })
  return ({ where, device }, { x = [0], i = [0], n = 0, a = 0, y = 1, z = 1 }) => {
    const tensors = {
      x: device.from(x, [x.length]),
      i: device.from(i, [i.length], 'i32'),
      y: device.persistent([y]),
      z: device.persistent([z], 'i32'),
    }
    device.run(definition, { ...tensors, n, a })
    const outputs = { where, y: Array.from(tensors.y.data), z: Array.from(tensors.z.data) }
    for (const tensor of Object.values(tensors)) device.release(tensor)
    return outputs
  }
}

/**
 * The same, and machine code for processors with fewer instructions for narrow numbers, and with slow ones that `machines`
 * avoids.
 */
export function machinesForNarrowNumbers(): Machine[] {
  const support = nativeSupport()
  if (!support.ok) return machines()
  const { vnni, bf16 } = support.features
  const variants = support.targets.flatMap(target =>
    [
      { ...target, vnni: false, bf16: false, roundsToBf16: false },
      { ...target, vnni: target.width === 16 && vnni, bf16: target.width === 16 && bf16 },
    ].filter(variant => variant.vnni !== target.vnni || variant.bf16 !== target.bf16),
  )
  const more = variants.map(target => ({
    where: `cpu, ${target.name}, vnni: ${target.vnni}, bf16: ${target.bf16}`,
    device: createCpuDevice({ threads: 1, target }),
  }))
  return [...machines(), ...more]
}
