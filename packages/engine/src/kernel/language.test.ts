import { afterAll, describe, expect, test } from 'vitest'
import { randomSource } from '../testing.ts'
import { f32s, kernel } from './kernel.ts'
import { Builder, buildProgram, type Condition, exp, type Int, log, type Real, sigmoid } from './language.ts'
import { machines, type TestArguments, testKernel } from './testKernel.ts'

const all = machines()
afterAll(() => Promise.all(all.map(({ device }) => device.close())))

const target = { name: 'test', width: 4, registers: 16 }

/** Every machine computes the integers `expected` into z. */
function expectIntegers(
  expected: number[],
  inputs: { i?: number[]; x?: number[]; n?: number; a?: number },
  build: (k: Builder, args: TestArguments) => void,
): void {
  const run = testKernel(build)
  for (const machine of all) {
    const { where, z } = run(machine, { ...inputs, z: expected.length })
    expect(z, where).toEqual(expected)
  }
}

describe('integers', () => {
  const operands = [0, 1, 2, 7, 8, 100, 65_535, 2 ** 31 - 1]
  const pairs = operands.flatMap(a => operands.map(b => [a, b] as const))

  test('arithmetic of two numbers, also negative ones', () => {
    const operations: [(a: Int, b: Int) => Int, (a: number, b: number) => number][] = [
      [(a, b) => a.add(b), (a, b) => (a + b) | 0],
      [(a, b) => a.sub(b), (a, b) => (a - b) | 0],
      [(a, b) => a.mul(b), Math.imul],
      [(a, b) => a.min(b), Math.min],
      [(a, b) => a.max(b), Math.max],
    ]
    const signed = [
      ...pairs,
      ...pairs.map(([a, b]) => [-a | 0, b] as const),
      ...pairs.map(([a, b]) => [a, -b | 0] as const),
    ]
    for (const [build, expected] of operations) {
      expectIntegers(
        signed.map(([a, b]) => expected(a, b)),
        { i: signed.flat() },
        (k, { i, z }) => k.loop(0, signed.length, at => z.set(at, build(i.at(at.mul(2)), i.at(at.mul(2).add(1))))),
      )
    }
  })

  test('quotients and remainders of numbers that are not negative', () => {
    const divisible = pairs.filter(([, b]) => b !== 0)
    const input = { i: divisible.flat() }
    const operations: [(a: Int, b: Int) => Int, (a: number, b: number) => number][] = [
      [(a, b) => a.div(b), (a, b) => Math.floor(a / b)],
      [(a, b) => a.rem(b), (a, b) => a % b],
    ]
    for (const [build, expected] of operations) {
      expectIntegers(
        divisible.map(([a, b]) => expected(a, b)),
        input,
        (k, { i, z }) => k.loop(0, divisible.length, at => z.set(at, build(i.at(at.mul(2)), i.at(at.mul(2).add(1))))),
      )
    }
    const sizes = [0, 1, 2, 3, 4, 5, 15, 16, 17, 1000]
    expectIntegers(
      sizes.flatMap(n => [Math.floor(n / 4) * 4, Math.ceil(n / 5), Math.ceil(n / 16)]),
      { i: sizes },
      (k, { i, z }) =>
        k.loop(0, sizes.length, at => {
          const [n, to] = [i.at(at), z.from(at.mul(3))]
          to.set(0, n.floorTo(4))
          to.set(1, n.ceilDiv(5))
          to.set(2, n.ceilDiv(k.int(16)))
        }),
    )
  })

  test('comparisons', () => {
    const comparisons: ((a: Int, b: Int) => Condition)[] = [
      (a, b) => a.lt(b),
      (a, b) => a.le(b),
      (a, b) => a.gt(b),
      (a, b) => a.ge(b),
      (a, b) => a.eq(b),
      (a, b) => a.ne(b),
      (a, b) => a.lt(b).and(b.gt(3)),
    ]
    const signed = [...pairs, ...pairs.map(([a, b]) => [-a | 0, b] as const)]
    expectIntegers(
      signed.flatMap(([a, b]) => [a < b, a <= b, a > b, a >= b, a === b, a !== b, a < b && b > 3].map(Number)),
      { i: signed.flat() },
      (k, { i, z }) =>
        k.loop(0, signed.length, at => {
          const [a, b] = [i.at(at.mul(2)), i.at(at.mul(2).add(1))]
          const to = z.from(at.mul(comparisons.length))
          for (const [c, compare] of comparisons.entries()) {
            k.if(
              compare(a, b),
              () => to.set(c, 1),
              () => to.set(c, 0),
            )
          }
        }),
    )
  })

  test('constants of every size', () => {
    const magnitudes = [0, 1, 63, 64, 65, 127, 128, 8191, 8192, 8193, 2 ** 20, 2 ** 27, 2 ** 31 - 1]
    const constants = [...magnitudes, ...magnitudes.map(n => 0 - n), -(2 ** 31)]
    expectIntegers(constants, {}, (_, { z }) => {
      for (const [at, value] of constants.entries()) z.set(at, value)
    })
  })

  test('from reals and back: towards zero, within 32 bits', () => {
    const x = [0, 0.9, -0.9, 1, 2.5, -2.5, 1e6, 16_777_215, 3e9, -3e9, Infinity, -Infinity]
    const limit = (v: number) => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(v))) | 0
    expectIntegers(x.map(limit), { x }, (k, args) => k.loop(0, x.length, at => args.z.set(at, args.x.at(at).toInt())))
    const i = [0, 1, -1, 16_777_217, 2 ** 31 - 1, -(2 ** 31)]
    const run = testKernel((k, args) => k.loop(0, i.length, at => args.y.set(at, args.i.at(at).toReal())))
    for (const machine of all) expect(run(machine, { i, y: i.length }).y, machine.where).toEqual(i.map(Math.fround))
  })
})

describe('control', () => {
  test('loops: empty ranges do nothing, steps may pass the end', () => {
    const ranges = [
      [0, 0, 1],
      [3, 3, 1],
      [5, 2, 1],
      [0, -4, 1],
      [-3, 2, 1],
      [0, 5, 2],
      [1, 9, 4],
      [0, 1, 16],
    ] as const
    const counted = ranges.map(([from, to, step]) => {
      const visited = []
      for (let i = from as number; i < to; i += step) visited.push(i)
      return [visited.length, visited.reduce((a, b) => a + b, 0)]
    })
    expectIntegers(counted.flat(), { i: ranges.flat() }, (k, { i, z }) => {
      for (const [row, [, , step]] of ranges.entries()) {
        const count = k.intVariable(0)
        const sum = k.intVariable(0)
        const visit = (at: Int) => {
          count.set(count.value.add(1))
          sum.set(sum.value.add(at))
        }
        k.loop(i.at(3 * row), i.at(3 * row + 1), visit, step)
        z.set(2 * row, count.value)
        z.set(2 * row + 1, sum.value)
      }
    })
  })

  test('loops in loops, with conditions in conditions', () => {
    const expected: number[] = []
    for (let a = 0; a < 5; a++) {
      for (let b = a; b < 5; b++) {
        if (a % 2 === 0) {
          if (b > 3) expected.push(1)
          else expected.push(2)
        } else if (b === 2) expected.push(3)
        expected.push(10 * a + b)
      }
    }
    expectIntegers(expected, { n: 5 }, (k, { n, z }) => {
      const next = k.intVariable(0)
      const push = (value: Int | number) => {
        z.set(next.value, value)
        next.set(next.value.add(1))
      }
      k.loop(0, n, a =>
        k.loop(a, n, b => {
          k.if(
            a.rem(2).eq(0),
            () =>
              k.if(
                b.gt(3),
                () => push(1),
                () => push(2),
              ),
            () => k.if(b.eq(2), () => push(3)),
          )
          push(a.mul(10).add(b))
        }),
      )
    })
  })

  test('a variable’s value is what it holds when it is used', () => {
    expectIntegers([1, 5, 6, 6], {}, (k, { z }) => {
      const v = k.intVariable(1)
      const value = v.value
      z.set(0, value)
      v.set(5)
      z.set(1, value)
      k.if(k.int(1).eq(1), () => v.set(v.value.add(1)))
      z.set(2, v.value)
      const copy = k.intVariable(v.value)
      v.set(0)
      z.set(3, copy.value)
    })
  })

  test('a prefetch changes nothing, wherever it points', () => {
    expectIntegers([10], { n: 4, x: [1, 2, 3, 4] }, (k, { x, z, n }) => {
      const total = k.variable(0)
      k.loop(0, n, i => {
        for (const far of [0, 1, 1 << 20]) x.prefetch(i.mul(far), far)
        x.from(-(1 << 20)).prefetch(0)
        total.add(x.at(i))
      })
      z.set(0, total.value.toInt())
    })
  })

  test('a condition on lanes cannot decide an `if`', () => {
    const k = new Builder(target)
    expect(() => k.if(k.vector(1).lt(2), () => {})).toThrow('select')
  })

  test('a barrier needs tasks to wait for', () => {
    expect(() => new Builder(target).barrier()).toThrow('waits for tasks')
  })

  test('every block waits for the tasks that it began', () => {
    const k = new Builder(target)
    k.tasks(3, () => {})
    k.if(k.thread.lt(1), () => k.rows(5, () => {}))
    k.tasks(4, () => {})
    k.barrier()
    k.tasks(2, () => {})
    const { body } = k.finish('waits', [])
    const shape = body.flatMap(i => ('slot' in i ? [`${i.op} ${i.slot}`] : i.op === 'if' ? [i.op] : []))
    expect(shape).toEqual(['tasks 0', 'if', 'tasks 2', 'barrier 0', 'barrier 2', 'tasks 3', 'barrier 3'])
    const inner = body.find(i => i.op === 'if')
    expect(inner?.op === 'if' && inner.body.at(-1)).toMatchObject({ op: 'barrier', slot: 1 })
  })

  test('a kernel without `build` has no program', () => {
    const bookkeeping = kernel({ name: 'bookkeeping', params: { x: f32s }, reference() {} })
    expect(() => buildProgram(bookkeeping, target)).toThrow('bookkeeping has only a reference')
  })
})

describe('reals', () => {
  const random = randomSource(1)
  const x = [
    0,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    2.5,
    -1.5,
    -2.5,
    3.4999998,
    1e-30,
    -1e-30,
    1e30,
    -1e30,
    8_388_607.5,
    123.456,
    -0.1,
    0.3,
    ...Array.from({ length: 49 }, () => Math.fround((random() - 0.5) * 10 ** (8 * random() - 4))),
  ].map(Math.fround)
  const { length } = x
  const other = x.map((_, i) => x[(7 * i + 3) % length]!)
  const even = (v: number) => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v))

  /** Every machine computes y[i] = f(x[i], x[length + i]), on lanes and one by one, to the bit. */
  function expectReals(
    inputs: number[],
    others: number[],
    build: (a: Real, b: Real) => Real,
    f: (a: number, b: number) => number,
  ): void {
    const expected = inputs.map((a, i) => Math.fround(f(a, others[i]!)))
    const run = testKernel((k, args) => {
      const compute = (i: Int) => build(args.x.at(i), args.x.at(i.add(args.n)))
      k.lanes(args.n, i => args.y.set(i, compute(i)))
      k.loop(0, args.n, i => args.y.set(i.add(args.n), compute(i)))
    })
    for (const machine of all) {
      const { y } = run(machine, { x: [...inputs, ...others], n: inputs.length, y: 2 * inputs.length })
      // Adding 0 makes no difference between the two zeros.
      expect(
        y.map(v => v + 0),
        machine.where,
      ).toEqual([...expected, ...expected].map(v => v + 0))
    }
  }

  test('arithmetic', () => {
    expectReals(
      x,
      other,
      (a, b) => a.add(b),
      (a, b) => a + b,
    )
    expectReals(
      x,
      other,
      (a, b) => a.sub(b),
      (a, b) => a - b,
    )
    expectReals(
      x,
      other,
      (a, b) => a.mul(b),
      (a, b) => a * b,
    )
    expectReals(
      x,
      other.map(b => b || 3),
      (a, b) => a.div(b),
      (a, b) => a / b,
    )
    expectReals(x, other, (a, b) => a.min(b), Math.min)
    expectReals(x, other, (a, b) => a.max(b), Math.max)
    expectReals(
      x,
      other,
      a => a.neg(),
      a => -a,
    )
    expectReals(x, other, a => a.abs(), Math.abs)
    expectReals(
      x,
      other,
      a => a.abs().sqrt(),
      a => Math.sqrt(Math.abs(a)),
    )
    expectReals(x, other, a => a.floor(), Math.floor)
    expectReals(x, other, a => a.nearest(), even)
    expectReals(
      x,
      other,
      a => a.add(2).mul(0.1),
      a => Math.fround(a + 2) * Math.fround(0.1),
    )
  })

  test('exponent, mantissa and ldexp take a number apart and put it together', () => {
    const positive = x.map(v => Math.abs(v) || 1)
    const exponent = (v: number) => Math.floor(Math.log2(v))
    expectReals(positive, other, a => a.exponent(), exponent)
    expectReals(
      positive,
      other,
      a => a.mantissa(),
      a => a * 2 ** -exponent(a),
    )
    expectReals(
      positive,
      other,
      a => a.mantissa().ldexp(a.exponent()),
      a => a,
    )
    const powers = x.map((_, i) => (i % 254) - 126)
    expectReals(
      powers,
      other,
      a => a.k.real(1.5).ldexp(a),
      a => 1.5 * 2 ** a,
    )
    expectReals(
      [127, -126, 0],
      [0, 0, 0],
      a => a.k.real(1).ldexp(a),
      a => 2 ** a,
    )
  })

  test('select by lanes, and by a scalar', () => {
    const compared: [(a: Real, b: Real) => Condition, (a: number, b: number) => boolean][] = [
      [(a, b) => a.lt(b), (a, b) => a < b],
      [(a, b) => a.le(b), (a, b) => a <= b],
      [(a, b) => a.gt(b), (a, b) => a > b],
      [(a, b) => a.ge(b), (a, b) => a >= b],
      [a => a.gt(0.25), a => a > 0.25],
    ]
    for (const [build, f] of compared) {
      expectReals(
        x,
        x.map((v, i) => (i % 3 === 0 ? v : other[i]!)),
        (a, b) => build(a, b).select(a, b.mul(2)),
        (a, b) => (f(a, b) ? a : 2 * b),
      )
    }
    // One condition for a whole vector.
    const run = testKernel((k, args) => {
      const chosen = args.a.gt(1)
      k.lanes(args.n, i => args.y.set(i, chosen.select(args.x.at(i), 7)))
    })
    for (const machine of all) {
      expect(run(machine, { x, n: length, y: length, a: 2 }).y, machine.where).toEqual(x)
      expect(run(machine, { x, n: length, y: length, a: 1 }).y, machine.where).toEqual(x.map(() => 7))
    }
  })

  test('mulAdd and addProduct multiply and add', () => {
    // Products of small integers are exact, however often the target rounds.
    const [a, b] = [x.map((_, i) => i - 20), x.map((_, i) => (i * 7) % 31)]
    expectReals(
      a,
      b,
      (p, q) => p.mulAdd(q, p),
      (p, q) => p * q + p,
    )
    expectReals(
      a,
      b,
      (p, q) => p.mulAdd(3, 0.5).add(q),
      (p, q) => p * 3 + 0.5 + q,
    )
    const accumulate = (p: Real, q: Real) => {
      const total = p.k.variable(p.isVector ? p.k.vector(1) : 1)
      total.addProduct(p, q)
      total.addProduct(q, p.k.real(2))
      total.add(p)
      return total.value
    }
    expectReals(a, b, accumulate, (p, q) => 1 + p * q + 2 * q + p)
  })
})

describe('lanes', () => {
  const sizes = [...Array.from({ length: 36 }, (_, n) => n), 47, 48, 49, 63, 64, 65, 127, 128, 129]
  const random = randomSource(2)
  const x = Array.from({ length: 140 }, () => Math.fround(random() * 2 - 1))

  test('every index once, and nothing beyond', () => {
    const run = testKernel((k, args) => k.lanes(args.n, i => args.y.set(i, args.y.at(i).add(args.x.at(i)))))
    for (const machine of all) {
      for (const n of sizes) {
        const { y } = run(machine, { x, n, y: 140 })
        expect(y, `${machine.where}, ${n}`).toEqual(x.map((v, i) => (i < n ? v : 0)))
      }
    }
  })

  test('from any index to any other', () => {
    const run = testKernel((k, args) => k.lanesFrom(args.i.at(0), args.n, i => args.y.set(i, args.x.at(i))))
    for (const machine of all) {
      for (const [from, to] of [
        [0, 0],
        [1, 1],
        [5, 3],
        [1, 2],
        [3, 40],
        [7, 23],
        [64, 129],
      ] as const) {
        const { y } = run(machine, { x, i: [from], n: to, y: 140 })
        expect(y, `${machine.where}, ${from} to ${to}`).toEqual(x.map((v, i) => (i >= from && i < to ? v : 0)))
      }
    }
  })

  test('sum, dot and max of every length', () => {
    const run = testKernel((k, args) => {
      args.y.set(
        0,
        k.sum(args.n, i => args.x.at(i)),
      )
      args.y.set(
        1,
        k.dot(args.n, i => [args.x.at(i), args.x.at(i.add(1))]),
      )
      args.y.set(
        2,
        k.max(args.n, i => args.x.at(i)),
      )
      args.y.set(
        3,
        k.sum(args.n, () => k.real(1)),
      )
    })
    for (const machine of all) {
      for (const n of sizes) {
        const { y } = run(machine, { x, n, y: 4 })
        const part = x.slice(0, n)
        const sum = part.reduce((total, v) => total + v, 0)
        const dot = part.reduce((total, v, i) => total + v * x[i + 1]!, 0)
        const at = `${machine.where}, ${n}`
        expect(Math.abs(y[0]! - sum), at).toBeLessThan(1e-5)
        expect(Math.abs(y[1]! - dot), at).toBeLessThan(1e-5)
        expect(y[2], at).toBe(Math.max(...part))
        expect(y[3], at).toBe(n)
      }
    }
  })

  test('vectors become their transpose, whatever their width', () => {
    const n = 16
    const x = Array.from({ length: n * n }, (_, i) => i)
    const run = testKernel((k, { x, y }) => {
      for (let i = 0; i < n; i += k.width) {
        for (let j = 0; j < n; j += k.width) {
          const rows = Array.from({ length: k.width }, (_, r) => x.vectorAt((i + r) * n + j))
          for (const [c, column] of k.transpose(rows).entries()) y.setVector((j + c) * n + i, column)
        }
      }
    })
    for (const machine of all) {
      const { where, y } = run(machine, { x, y: n * n })
      expect(y, where).toEqual(x.map((_, i) => (i % n) * n + Math.floor(i / n)))
    }
  })

  test('the totals of several vectors are those of each, bit for bit', () => {
    const run = testKernel((k, { x, y }) => {
      const vectors = Array.from({ length: k.width }, (_, i) => x.vectorAt(i * k.width))
      y.setVector(0, k.totals(vectors))
      for (const [i, vector] of vectors.entries()) y.set(16 + i, k.total(vector))
    })
    const x = Array.from({ length: 256 }, (_, i) => Math.sin(i) * 2 ** (i % 7))
    for (const machine of all) {
      const { y } = run(machine, { x, y: 32 })
      expect(y.slice(0, 16), machine.where).toEqual(y.slice(16))
    }
  })

  test('the lanes of a vector add up', () => {
    const run = testKernel((k, args) => {
      args.y.set(0, k.total(args.x.vectorAt(args.n)))
      args.z.set(0, k.width)
    })
    for (const machine of all) {
      const { y, z } = run(machine, { x: x.map((_, i) => i), n: 3, y: 1 })
      expect(y[0], machine.where).toBe((z[0]! * (3 + 3 + z[0]! - 1)) / 2)
    }
  })
})

describe('arrays', () => {
  const x = Array.from({ length: 200 }, (_, i) => i)

  test('places: plain numbers, indices, shifts, cursors', () => {
    const run = testKernel((k, args) => {
      const { x: from, y: to, n } = args
      const { width } = k
      to.set(0, from.at(5))
      to.set(1, from.at(n))
      to.set(2, from.from(3).at(n))
      to.set(3, from.from(n).at(n))
      to.set(4, from.from(n).from(-2).at(1))
      to.set(8, from.from(n).at(-3))
      to.set(9, k.total(from.vectorAt(n, -2)))
      const cursor = from.cursor()
      cursor.advance(4)
      to.set(5, cursor.at(0))
      cursor.advance(n)
      to.set(6, cursor.at(n))
      k.loop(0, 3, () => cursor.advance(1))
      to.set(7, cursor.at(0))
      const vectors = to.from(16)
      vectors.setVector(0, from.vectorAt(n, 2))
      vectors.setVector(k.int(width), from.broadcastAt(n, 2))
      vectors.setVector(k.int(width), from.vectorAt(0), width)
      vectors.setVector(3 * width, args.a)
      args.z.set(0, width)
    })
    for (const machine of all) {
      const { y, z } = run(machine, { x, n: 9, a: 0.5, y: 100 })
      const [width] = z as [number]
      expect(y.slice(0, 8), machine.where).toEqual([5, 9, 12, 18, 8, 4, 22, 16])
      const lanes = Array.from({ length: width }, (_, lane) => lane)
      expect(y.slice(8, 10), machine.where).toEqual([6, lanes.reduce((sum, lane) => sum + 7 + lane, 0)])
      expect(y.slice(16, 16 + 4 * width), machine.where).toEqual([
        ...lanes.map(lane => 11 + lane),
        ...lanes.map(() => 11),
        ...lanes,
        ...lanes.map(() => 0.5),
      ])
    }
  })

  test('integers', () => {
    const i = [5, -7, 11, 13]
    expectIntegers([13, -7, 11, 5, 99], { i, n: 3 }, (k, args) => {
      args.z.set(0, args.i.at(args.n))
      args.z.set(k.int(1), args.i.from(1).at(0))
      args.z.from(1).set(1, args.i.from(args.n).at(-1))
      args.z.set(args.n, args.i.at(0))
      args.z.set(4, 99)
    })
  })
})

describe('functions', () => {
  /** Largest deviation of `build` from `f` over x, in the measure of `error`, on every machine, by lanes and alone. */
  function largestError(
    x: number[],
    build: (x: Real) => Real,
    f: (x: number) => number,
    error: (actual: number, expected: number) => number,
  ): number {
    const run = testKernel((k, args) => {
      k.lanes(args.n, i => args.y.set(i, build(args.x.at(i))))
      k.loop(0, args.n, i => args.y.set(i.add(args.n), build(args.x.at(i))))
    })
    let largest = 0
    for (const machine of all) {
      const { y } = run(machine, { x, n: x.length, y: 2 * x.length })
      for (const [i, value] of y.entries()) {
        const deviation = error(value, f(x[i % x.length]!))
        if (!(deviation <= largest)) largest = deviation
      }
    }
    return largest
  }
  const relative = (actual: number, expected: number) => Math.abs(actual / expected - 1)
  const absolute = (actual: number, expected: number) => Math.abs(actual - expected)
  const grid = (from: number, to: number, count: number) =>
    Array.from({ length: count }, (_, i) => Math.fround(from + ((to - from) * i) / (count - 1)))

  test('exp', () => {
    expect(largestError(grid(-87.2, 87.9, 5001), exp, Math.exp, relative)).toBeLessThan(2e-7)
    expect(largestError(grid(-1e-3, 1e-3, 501), exp, Math.exp, relative)).toBeLessThan(2e-7)
    // Below the range 0, above it a large finite number.
    expect(largestError([-88, -1e4, -3e38, -Infinity], exp, () => 0, absolute)).toBe(0)
    const top = Math.exp(88)
    expect(largestError([88, 89, 1e4, Infinity], exp, () => top, relative)).toBeLessThan(1e-5)
  })

  test('log', () => {
    const near = (actual: number, expected: number) => absolute(actual, expected) / Math.max(Math.abs(expected), 1e-3)
    const powers = grid(-37, 38, 5001).map(e => Math.fround(10 ** e))
    expect(largestError(powers, log, Math.log, near)).toBeLessThan(2e-7)
    expect(largestError(grid(0.5, 2, 5001), log, Math.log, near)).toBeLessThan(2e-7)
    expect(largestError([1], log, () => 0, absolute)).toBe(0)
    const normal = [Math.fround(1.17549435e-38), Math.fround(3.4028234e38)]
    expect(largestError(normal, log, Math.log, relative)).toBeLessThan(2e-7)
  })

  test('sigmoid', () => {
    const logistic = (x: number) => 1 / (1 + Math.exp(-x))
    expect(largestError(grid(-87, 87, 5001), sigmoid, logistic, relative)).toBeLessThan(5e-7)
    expect(largestError([100, 1e30, Infinity], sigmoid, () => 1, absolute)).toBe(0)
    expect(largestError([-100, -1e30, -Infinity], sigmoid, () => 0, absolute)).toBeLessThan(1e-37)
  })
})
