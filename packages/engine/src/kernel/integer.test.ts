import { afterAll, describe, expect, test } from 'vitest'
import { createCpuDevice } from '../device/cpu.ts'
import { type Random, randomInteger, randomSource } from '../testing.ts'
import { f32s, i8s, i32, i32s, kernel } from './kernel.ts'
import type { Builder, BuilderArguments } from './language.ts'
import { type Machine, machinesForNarrowNumbers } from './testKernel.ts'

const all = machinesForNarrowNumbers()
afterAll(() => Promise.all(all.map(({ device }) => device.close())))

/** Bytes a and b and reals x come in; integers z, reals y and bytes c come out. */
const params = { a: i8s, b: i8s, x: f32s, z: i32s, y: f32s, c: i8s, n: i32 } as const
type Arguments = BuilderArguments<typeof params>

interface Inputs {
  a?: readonly number[]
  b?: readonly number[]
  x?: readonly number[]
  n?: number
}

/** Runs one kernel on one thread of a machine; outputs have `size` elements. */
function runner(size: number, build: (k: Builder, args: Arguments) => void) {
  const definition = kernel({
    name: 'test',
    params,
    reference() {},
    build: (k, args) => k.tasks(1, () => build(k, args)),
  })
  return ({ device }: Machine, { a = [0], b = [0], x = [0], n = 0 }: Inputs) => {
    const tensors = {
      a: device.from(a, [a.length], 'i8'),
      b: device.from(b, [b.length], 'i8'),
      x: device.from(x, [x.length]),
      z: device.persistent([size], 'i32'),
      y: device.persistent([size]),
      c: device.persistent([size], 'i8'),
    }
    device.run(definition, { ...tensors, n })
    const { z, y, c } = tensors
    const outputs = { z: Array.from(z.data), y: Array.from(y.data), c: Array.from(c.data) }
    for (const tensor of Object.values(tensors)) device.release(tensor)
    return outputs
  }
}

/** Random bytes with many extreme ones. */
const bytes = (random: Random, n: number): number[] =>
  Array.from({ length: n }, () =>
    random() < 0.4 ? [-128, -127, -1, 0, 1, 127][randomInteger(random, 6)]! : randomInteger(random, 256) - 128,
  )

/** Σ of the products of a's and b's numbers from `from` on. */
const dot = (a: readonly number[], b: readonly number[], from: number, count: number): number => {
  let sum = 0
  for (let i = from; i < from + count; i++) sum += a[i]! * b[i]!
  return sum
}

describe('bytes in memory', () => {
  test('are read with their sign and written as their lowest eight bits, at any place', () => {
    const size = 37
    const run = runner(size, (k, { a, c, z, n }) => {
      k.loop(0, size, i => {
        z.set(i, a.at(i))
        c.from(i).set(0, a.from(n).at(i).mul(3))
      })
    })
    const a = bytes(randomSource(1), size + 2)
    for (const machine of all) {
      const { z, c } = run(machine, { a, n: 2 })
      expect(z, machine.where).toEqual(a.slice(0, size))
      expect(c, machine.where).toEqual(Array.from(Int8Array.from(a.slice(2), v => 3 * v)))
    }
  })

  test('vectors may begin anywhere and end where the array does', () => {
    for (const start of [0, 1, 2, 3, 5, 13]) {
      const size = start + 2 * 4 * 16
      const run = runner(size, (k, { a, c, n }) => {
        const lanes = 4 * k.width
        const end = k.int(size)
        const cursor = a.cursor()
        cursor.advance(n)
        k.loop(
          n,
          end,
          i => {
            c.setVector(i, cursor.vectorAt(0))
            cursor.advance(lanes)
          },
          lanes,
        )
        for (let i = 0; i < start; i++) c.set(i, a.at(k.int(start).sub(i + 1)))
      })
      const a = bytes(randomSource(start), size)
      const expected = [...a.slice(0, start).reverse(), ...a.slice(start)]
      for (const machine of all) expect(run(machine, { a, n: start }).c, machine.where).toEqual(expected)
    }
  })
})

describe('dot products of bytes', () => {
  const size = 128
  const groups = size / 4
  const random = randomSource(2)
  const extremes = [
    [-128, -128],
    [-128, 127],
    [127, 127],
    [127, -128],
  ] as const
  const inputs = [
    ...extremes.map(([v, w]) => ({ a: Array<number>(size).fill(v), b: Array<number>(size).fill(w) })),
    ...Array.from({ length: 20 }, () => ({ a: bytes(random, size), b: bytes(random, size) })),
  ]

  test('are exact, also of the most negative numbers', () => {
    const run = runner(groups, (k, { a, b, z }) => {
      k.loop(
        0,
        groups,
        group => {
          const at = group.mul(4)
          const total = k.intVectorVariable(-7)
          total.addDot(a.vectorAt(at), b.vectorAt(at))
          const twice = k.intVectorVariable(5)
          for (let i = 0; i < 2; i++) twice.addDot(b.vectorAt(at), a.vectorAt(at))
          z.setVector(group, twice.value.sub(total.value).add(k.intVector(100)))
        },
        k.width,
      )
    })
    for (const { a, b } of inputs) {
      const expected = Array.from({ length: groups }, (_, l) => dot(a, b, 4 * l, 4) + 112)
      for (const machine of all) expect(run(machine, { a, b }).z, machine.where).toEqual(expected)
    }
  })

  test('of four bytes with every lane', () => {
    const run = runner(groups, (k, { a, b, z, n }) => {
      const total = k.intVectorVariable(0)
      k.loop(
        0,
        groups,
        group => {
          total.set(z.vectorAt(group))
          total.addDot(a.vectorAt(group.mul(4)), b.broadcastAt(n, 1))
          total.addDot(a.vectorAt(group.mul(4)), b.broadcastAt(5))
          z.setVector(group, total.value)
        },
        k.width,
      )
    })
    for (const [n, { a, b }] of inputs.entries()) {
      const expected = Array.from({ length: groups }, (_, l) => {
        const four = a.slice(4 * l, 4 * l + 4)
        return dot(four, b.slice(n + 1), 0, 4) + dot(four, b.slice(5), 0, 4)
      })
      for (const machine of all) expect(run(machine, { a, b, n }).z, machine.where).toEqual(expected)
    }
  })

  test('wrap beyond 32 bits', () => {
    const run = runner(16, (k, { a, z }) => {
      k.loop(
        0,
        16,
        i => {
          const total = k.intVectorVariable(2 ** 31 - 65_536)
          total.addDot(a.vectorAt(0), a.vectorAt(0))
          z.setVector(i, total.value)
        },
        k.width,
      )
    })
    for (const machine of all) {
      const { z } = run(machine, { a: Array<number>(64).fill(-128) })
      expect(z, machine.where).toEqual(Array(16).fill(-(2 ** 31)))
    }
  })

  test('become reals', () => {
    const run = runner(16, (k, { a, y }) => {
      k.loop(
        0,
        16,
        i => {
          const total = k.intVectorVariable(16_777_217)
          total.addDot(a.vectorAt(i.mul(4)), a.vectorAt(i.mul(4)))
          y.setVector(i, total.value.toReal().mul(0.5))
        },
        k.width,
      )
    })
    const a = bytes(random, 64)
    const expected = Array.from({ length: 16 }, (_, l) => Math.fround(16_777_217 + dot(a, a, 4 * l, 4)) / 2)
    for (const machine of all) expect(run(machine, { a }).y, machine.where).toEqual(expected)
  })
})

describe('four-bit numbers', () => {
  test('two in a byte, stored as 0 to 15 for −8 to 7', () => {
    const run = runner(512, (k, { a, c }) => {
      const lanes = 4 * k.width
      k.loop(
        0,
        256,
        i => {
          c.setVector(i, a.vectorAt(i).lowNibbles())
          c.setVector(i, a.vectorAt(i).highNibbles(), 256)
        },
        lanes,
      )
    })
    const a = Array.from({ length: 256 }, (_, i) => i - 128)
    const expected = [...a.map(v => (v & 15) - 8), ...a.map(v => ((v >> 4) & 15) - 8)]
    for (const machine of all) expect(run(machine, { a }).c, machine.where).toEqual(expected)
  })

  test('a dot product of them with bytes', () => {
    const run = runner(16, (k, { a, b, z }) => {
      k.loop(
        0,
        16,
        i => {
          const total = k.intVectorVariable(0)
          const nibbles = a.vectorAt(i.mul(4))
          total.addDot(nibbles.lowNibbles(), b.broadcastAt(0))
          total.addDot(nibbles.highNibbles(), b.broadcastAt(4))
          z.setVector(i, total.value)
        },
        k.width,
      )
    })
    const random = randomSource(3)
    for (let repeat = 0; repeat < 10; repeat++) {
      const [a, b] = [bytes(random, 64), bytes(random, 8)]
      const low = a.map(v => (v & 15) - 8)
      const high = a.map(v => ((v >> 4) & 15) - 8)
      const expected = Array.from(
        { length: 16 },
        (_, l) => dot(low.slice(4 * l), b, 0, 4) + dot(high.slice(4 * l), b.slice(4), 0, 4),
      )
      for (const machine of all) expect(run(machine, { a, b }).z, machine.where).toEqual(expected)
    }
  })
})

describe('rounding to bytes', () => {
  test('to the nearest, ties to even, and no further than a byte reaches, for every length', () => {
    const special = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, 127, 127.4, 127.5, 128, 1e9, 3e9, 1e30, Infinity, -128.4]
    const more = [-128.5, -129, -1e9, -3e9, -1e30, -Infinity, 0, -0, 1e-30, 0.49999997]
    const random = randomSource(4)
    const x = [...special, ...more, ...Array.from({ length: 77 }, () => Math.fround(random() * 300 - 150))]
    const expected = x.map(v => {
      const clamped = Math.max(-128, Math.min(127, v))
      const below = Math.floor(clamped)
      const up = clamped - below > 0.5 || (clamped - below === 0.5 && below % 2 !== 0)
      return up ? below + 1 : below || 0
    })
    for (const n of [0, 1, 3, 4, 5, 8, 15, 16, 17, 31, 33, x.length]) {
      const run = runner(n, (k, { x, c, n }) => k.lanes(n, i => c.setRounded(i, x.at(i))))
      for (const machine of all) {
        expect(run(machine, { x, n }).c, `${machine.where}, ${n}`).toEqual(expected.slice(0, n))
      }
    }
  })
})

describe('tensors of bytes', () => {
  test('hold numbers from −128 to 127, take a byte each and have rows', async () => {
    const device = createCpuDevice({ threads: 1 })
    const tensor = device.from([-128, -1, 0, 1, 127, 200], [2, 3], 'i8')
    expect(Array.from(tensor.data)).toEqual([-128, -1, 0, 1, 127, -56])
    expect(tensor.rows(1, 2).address).toBe(tensor.address + 3)
    expect(Array.from(tensor.rows(1, 2).data)).toEqual([1, 127, -56])
    expect(() => tensor.integers).toThrow('expected an integer tensor, got i8 [2,3]')
    const before = device.reservedBytes
    device.persistent([1000, 64], 'i8')
    expect(device.reservedBytes - before).toBe(64_000)
    await device.close()
  })
})
