import { afterAll, describe, expect, test } from 'vitest'
import { randomSource } from '../testing.ts'
import { bf16FromReal, bf16ToReal } from './bf16.ts'
import { bf16s, f32s, i32, kernel } from './kernel.ts'
import type { Builder, BuilderArguments } from './language.ts'
import { type Machine, machinesForNarrowNumbers } from './testKernel.ts'

const all = machinesForNarrowNumbers()
afterAll(() => Promise.all(all.map(({ device }) => device.close())))

/** bfloat16 a and b and reals x come in; reals y and bfloat16 h come out. */
const params = { a: bf16s, b: bf16s, x: f32s, y: f32s, h: bf16s, n: i32 } as const

interface Inputs {
  a?: readonly number[]
  b?: readonly number[]
  x?: readonly number[]
  n?: number
}

/** Runs one kernel on one thread of a machine; a and b are numbers, h comes as bits; outputs have `size` elements. */
function runner(size: number, build: (k: Builder, args: BuilderArguments<typeof params>) => void) {
  const definition = kernel({
    name: 'test',
    params,
    reference() {},
    build: (k, args) => k.tasks(1, () => build(k, args)),
    scratch: () => ({ perThread: size }),
  })
  return ({ device }: Machine, { a = [0], b = [0], x = [0], n = 0 }: Inputs) => {
    const tensors = {
      a: device.from(a.map(bf16FromReal), [a.length], 'bf16'),
      b: device.from(b.map(bf16FromReal), [b.length], 'bf16'),
      x: device.from(x, [x.length]),
      y: device.persistent([size]),
      h: device.persistent([size], 'bf16'),
    }
    device.run(definition, { ...tensors, n })
    const outputs = { y: Array.from(tensors.y.data), h: Array.from(tensors.h.data) }
    for (const tensor of Object.values(tensors)) device.release(tensor)
    return outputs
  }
}

/** Lanes of the machine's vectors. */
function widthOf(machine: Machine): number {
  const [width] = runner(1, (k, { y }) => y.set(0, k.width))(machine, {}).y
  return width!
}

const random = randomSource(1)
/** Numbers of every sign and of magnitudes from 2^−20 to 2^20. */
const reals = (n: number): number[] =>
  Array.from({ length: n }, () => Math.fround((2 * random() - 1) * 2 ** Math.floor(40 * random() - 20)))
/** The same, rounded to bfloat16. */
const rounded = (n: number): number[] => reals(n).map(x => bf16ToReal(bf16FromReal(x)))

describe('bf16FromReal', () => {
  test('rounds to the nearest of the two neighbours, of equally near ones to the even', () => {
    const one = 0x3f80
    const step = 2 ** -7
    const cases: [number, number][] = [
      [1, one],
      [1 + step, one + 1],
      [1 + 0.49 * step, one],
      [1 + 0.5 * step, one],
      [1 + 0.51 * step, one + 1],
      [1 + 1.5 * step, one + 2],
      [-1 - 1.5 * step, one + 2 + 0x8000],
      [0, 0],
      [-0, 0x8000],
      [Infinity, 0x7f80],
      [-Infinity, 0xff80],
      // The largest float32 is nearer to 2^128 than to the largest bfloat16.
      [3.4028234663852886e38, 0x7f80],
      [3.3895313892515355e38, 0x7f7f],
      // Carries through the whole mantissa.
      [2 - 2 ** -20, 0x4000],
    ]
    for (const [x, bits] of cases) expect(bf16FromReal(x), `${x}`).toBe(bits)
    expect(bf16ToReal(bf16FromReal(Number.NaN))).toBeNaN()
  })

  test('keeps every bfloat16', () => {
    const all = Array.from({ length: 0x10000 }, (_, bits) => bits).filter(bits => !Number.isNaN(bf16ToReal(bits)))
    expect(all.length).toBe(0x10000 - 2 * 127)
    expect(all.filter(bits => bf16FromReal(bf16ToReal(bits)) !== bits)).toEqual([])
  })
})

describe('bfloat16 in memory', () => {
  const special = [0, -0, 1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, Infinity, -Infinity, 3.4028234663852886e38, 2 - 2 ** -20]

  test('is read as the float32 it begins, and written rounded, for every length', () => {
    const x = [...special, ...reals(60)]
    const a = rounded(x.length)
    for (const n of [1, 3, 4, 7, 8, 9, 16, 17, 33, x.length]) {
      const run = runner(n, (k, { a, x, y, h, n }) => {
        k.lanes(n, i => {
          y.set(i, a.at(i))
          h.set(i, x.at(i))
        })
      })
      for (const machine of all) {
        const { y, h } = run(machine, { a, x, n })
        expect(y, machine.where).toEqual(a.slice(0, n))
        expect(h, machine.where).toEqual(x.slice(0, n).map(bf16FromReal))
      }
    }
  })

  test('is what toBf16 rounds to', () => {
    const x = [...special, ...reals(60)]
    const run = runner(x.length, (k, { x, y, n }) => k.lanes(n, i => y.set(i, x.at(i).toBf16())))
    const expected = x.map(v => bf16ToReal(bf16FromReal(v)))
    for (const machine of all) expect(run(machine, { x, n: x.length }).y, machine.where).toEqual(expected)
  })

  test('keeps NaN, in vectors and alone', () => {
    const run = runner(17, (k, { x, y, h }) => {
      k.lanes(17, i => h.set(i, x.at(i)))
      k.lanes(17, i => y.set(i, h.at(i)))
    })
    const x = Array.from({ length: 17 }, (_, i) => (i % 4 === 0 ? Number.NaN : i))
    for (const machine of all) expect(run(machine, { x }).y, machine.where).toEqual(x)
  })

  test('one number repeated, cursors and places counted from another', () => {
    const run = runner(64, (k, { a, y, h }) => {
      const cursor = a.from(3).cursor()
      k.loop(
        0,
        64,
        i => {
          y.setVector(i, cursor.broadcastAt(0, 2).add(a.broadcastAt(i)))
          h.from(i).setVector(0, cursor.vectorAt(1))
          cursor.advance(k.width)
        },
        k.width,
      )
    })
    const a = rounded(64 + 4)
    for (const machine of all) {
      const { y, h } = run(machine, { a })
      const block = (i: number) => i - (i % widthOf(machine))
      const expected = h.map((_, i) => Math.fround(a[block(i) + 5]! + a[block(i)]!))
      expect(y, machine.where).toEqual(expected)
      expect(h, machine.where).toEqual(a.slice(4, 68).map(bf16FromReal))
    }
  })
})

describe('pairs', () => {
  const size = 64

  test('hold two vectors, even elements and odd ones, rounded', () => {
    const run = runner(2 * size, (k, { x, h }) => {
      k.loop(0, size, i => h.asPairs().setVector(i, k.packPairs(x.vectorAt(i), x.vectorAt(i, size))), k.width)
    })
    const x = [
      ...reals(2 * size - 8),
      1 + 2 ** -8,
      1 + 3 * 2 ** -8,
      3.4028234663852886e38,
      Infinity,
      -Infinity,
      0,
      1,
      2,
    ]
    const expected = x.map((_, i) => bf16FromReal(x[(i % 2) * size + Math.floor(i / 2)]!))
    for (const machine of all) expect(run(machine, { x }).h, machine.where).toEqual(expected)
  })

  test('a dot product adds both products to each lane', () => {
    const run = runner(size, (k, { a, b, x, y }) => {
      k.loop(
        0,
        size,
        i => {
          const total = k.variable(x.vectorAt(i))
          total.addDot(a.asPairs().vectorAt(i), b.asPairs().vectorAt(i))
          total.addDot(a.asPairs().vectorAt(i), b.asPairs().broadcastAt(3))
          y.setVector(i, total.value)
        },
        k.width,
      )
    })
    for (let repeat = 0; repeat < 10; repeat++) {
      const [a, b, x] = [rounded(2 * size), rounded(2 * size), reals(size)]
      const termsOf = (l: number) => {
        const products = [0, 1].flatMap(i => [a[2 * l + i]! * b[2 * l + i]!, a[2 * l + i]! * b[6 + i]!])
        return [x[l]!, ...products]
      }
      for (const machine of all) {
        for (const [l, actual] of run(machine, { a, b, x }).y.entries()) {
          const terms = termsOf(l)
          const exact = terms.reduce((sum, v) => sum + v, 0)
          const magnitude = terms.reduce((sum, v) => sum + Math.abs(v), 0)
          // Four sums, each rounded to float32.
          expect(Math.abs(actual - exact), `${machine.where}, lane ${l}`).toBeLessThanOrEqual(2.5e-7 * magnitude)
        }
      }
    }
  })

  test('small integers multiply and add exactly', () => {
    const run = runner(16, (k, { a, b, y }) => {
      k.loop(
        0,
        16,
        i => {
          const total = k.variable(k.vector(3))
          total.addDot(a.asPairs().vectorAt(i), b.asPairs().vectorAt(i))
          y.setVector(i, total.value)
        },
        k.width,
      )
    })
    const integers = () => Array.from({ length: 32 }, () => Math.floor(512 * random()) - 256)
    for (let repeat = 0; repeat < 10; repeat++) {
      const [a, b] = [integers(), integers()]
      const expected = Array.from({ length: 16 }, (_, l) => a[2 * l]! * b[2 * l]! + a[2 * l + 1]! * b[2 * l + 1]! + 3)
      for (const machine of all) expect(run(machine, { a, b }).y, machine.where).toEqual(expected)
    }
  })

  test('live in scratch memory of reals', () => {
    const run = runner(size, (k, { x, y }) => {
      const packed = k.own.asBf16s()
      k.loop(0, size, i => packed.set(i, x.at(i)))
      k.lanes(size, i => y.set(i, packed.at(i)))
    })
    const x = reals(size)
    const expected = x.map(v => bf16ToReal(bf16FromReal(v)))
    for (const machine of all) expect(run(machine, { x }).y, machine.where).toEqual(expected)
  })
})
