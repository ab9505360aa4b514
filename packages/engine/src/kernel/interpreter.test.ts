import { describe, expect, test } from 'vitest'
import { createInterpreterDevice } from '../device/interpreter.ts'
import { createReferenceDevice } from '../device/reference.ts'
import { adamW } from '../ops/adamW.ts'
import { gradientNorm } from '../ops/gradientNorm.ts'
import { latentAttention } from '../ops/latentAttention.ts'
import { expectClose, randomSource, reals } from '../testing.ts'
import { interpret } from './interpreter.ts'
import { f32, f32s, i32, kernel } from './kernel.ts'
import { type Builder, type BuilderArguments, buildProgram } from './language.ts'

const params = { x: f32s, y: f32s, n: i32, a: f32 } as const
const target = { name: 'test', width: 4, registers: 16 }
const define = (name: string, build: (k: Builder, args: BuilderArguments<typeof params>) => void) =>
  kernel({ name, params, reference() {}, build })

describe('interpret', () => {
  const run = (
    buffer: ArrayBuffer,
    args: number[],
    build: (k: Builder, args: BuilderArguments<typeof params>) => void,
  ) =>
    // Scratch: none.
    interpret(buildProgram(define('copy', build), target), target.width, { buffer }, [...args, 0, 0, 0])

  test('reads and writes the buffer at byte addresses', () => {
    const buffer = new ArrayBuffer(64)
    const numbers = new Float32Array(buffer)
    numbers.set([1, 2, 3, 4, 5, 6])
    run(buffer, [0, 32, 6, 0.1], (k, { x, y, n, a }) => k.lanes(n, i => y.set(i, x.at(i).mul(a))))
    expect(Array.from(numbers.slice(8, 14))).toEqual([1, 2, 3, 4, 5, 6].map(v => Math.fround(v * Math.fround(0.1))))
  })

  test('an access outside the buffer names kernel, instruction and address', () => {
    const buffer = new ArrayBuffer(64)
    expect(() => run(buffer, [0, 0, 17, 0], (k, { x, y, n }) => k.loop(0, n, i => y.set(0, x.at(i))))).toThrow(
      /kernel copy: load of 4 bytes at address 64 \(.*=16.*\) is outside its arrays/,
    )
    expect(() => run(buffer, [0, 0, 13, 0], (_, { x, y, n }) => y.setVector(n, x.vectorAt(0)))).toThrow(
      'kernel copy: store of 16 bytes at address 52',
    )
    expect(() => run(buffer, [0, 0, -1, 0], (_, { x, y, n }) => y.set(0, x.at(n)))).toThrow('at address -4')
    expect(() => run(buffer, [2, 0, 0, 0], (_, { x, y, n }) => y.set(0, x.at(n)))).toThrow('at address 2')
  })

  test('refuses to divide an integer by zero', () => {
    expect(() => run(new ArrayBuffer(64), [0, 0, 0, 0], (k, { y, n }) => y.set(k.int(1).div(n), 0))).toThrow('by zero')
  })
})

describe('the interpreter device', () => {
  const device = createInterpreterDevice(target)

  test('finds a kernel that reads or writes beyond a tensor', () => {
    const [x, y] = [device.from([1, 2, 3, 4, 5], [5]), device.persistent([5])]
    const whole = define('whole', (k, { x, y, n }) => k.loop(0, n, i => y.setVector(i, x.vectorAt(i)), k.width))
    expect(() => device.run(whole, { x, y, n: 5, a: 0 })).toThrow('kernel whole: load of 16 bytes')
    const after = define('after', (_, { x, y, n }) => y.set(n, x.at(0)))
    expect(() => device.run(after, { x, y, n: 5, a: 0 })).toThrow('kernel after: store of 4 bytes')
    const part = define('part', (k, { x, y, n }) => k.lanes(n, i => y.set(i, x.at(i))))
    // Rows of a tensor end where they end, the tensor goes on: that is allowed.
    device.run(part, { x, y, n: 5, a: 0 })
    expect(Array.from(y.data)).toEqual([1, 2, 3, 4, 5])
  })

  test('finds a kernel that needs more scratch than it says', () => {
    const scratch = () => ({ perThread: 3, shared: 2 })
    const build = (at: number, place: 'own' | 'shared') =>
      kernel({ name: `${place}${at}`, params, reference() {}, scratch, build: k => k[place].set(at, 0) })
    const args = { x: device.persistent([1]), y: device.persistent([1]), n: 0, a: 0 }
    device.run(build(2, 'own'), args)
    device.run(build(1, 'shared'), args)
    expect(() => device.run(build(3, 'own'), args)).toThrow('kernel own3')
    expect(() => device.run(build(2, 'shared'), args)).toThrow('kernel shared2')
  })

  test('temporaries begin as NaN and are gone after a reset', () => {
    const y = device.temporary([3])
    expect(Array.from(y.data)).toEqual([Number.NaN, Number.NaN, Number.NaN])
    device.reset()
    const write = define('late', (_, { y }) => y.set(0, 1))
    expect(() => device.run(write, { x: device.persistent([1]), y, n: 0, a: 0 })).toThrow('kernel late')
  })
})

// `testOperation` runs the other operations on this device.
describe('operations without a gradient stay inside their tensors', () => {
  for (const wide of [
    { name: 'narrow', width: 4, registers: 16 },
    { name: 'wide', width: 16, registers: 32 },
  ]) {
    test(wide.name, () => {
      const devices = [createReferenceDevice(), createInterpreterDevice(wide)]
      for (const n of [1, 3, 4, 17, 97, 4097]) {
        const [expected, actual] = devices.map(device => {
          const random = randomSource(n)
          const parameter = device.from(reals(random, [n]).values, [n])
          parameter.grad = device.from(reals(random, [n]).values, [n])
          const moments = { m: device.persistent([n]), v: device.persistent([n]) }
          const options = { lr: 1e-2, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.1, step: 1, gradientScale: 1 }
          adamW(parameter, moments, options)
          return [...parameter.data, gradientNorm([parameter])]
        })
        expectClose(actual!, expected!, 1e-5, `adamW of ${n}`)
      }
      for (const [rows, keys, heads, keyDim, valueDim, rank, ropeDim] of [
        [1, 1, 1, 1, 1, 1, 1],
        [1, 37, 2, 8, 5, 17, 4],
        [3, 5, 3, 4, 2, 8, 2],
        [9, 49, 4, 13, 7, 31, 6],
      ] as [number, number, number, number, number, number, number][]) {
        const [expected, actual] = devices.map(device => {
          const random = randomSource(keys)
          const tensor = (...shape: number[]) => device.from(reals(random, shape).values, shape)
          const q = tensor(rows, heads, keyDim + ropeDim)
          const options = { heads, keyDim, valueDim, scale: 0.3 }
          const cache = tensor(keys, rank + ropeDim)
          const positions = device.from(
            Array.from({ length: rows }, (_, r) => keys - rows + r),
            [rows],
            'i32',
          )
          const w = tensor(heads * (keyDim + valueDim), rank)
          return Array.from(latentAttention(q, cache, positions, w, options).data)
        })
        expectClose(actual!, expected!, 1e-5, `latentAttention of ${[rows, keys, heads]}`)
      }
    })
  }
})
