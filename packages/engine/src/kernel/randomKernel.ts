import { type Random, randomInteger, randomSource } from '../testing.ts'
import type { Builder, Condition, Int, IntVariable, Real, RealVariable } from './language.ts'
import type { Inputs, TestArguments } from './testKernel.ts'

// Random programs in the kernel language, for tests that compare what runs them.

/** Every row has so many elements in x, i, y and z. */
const stride = 23
const rows = 6

/** Writes the program of one row: random statements over what is in scope. */
class Generator {
  private readonly random: Random
  private readonly fused: boolean
  private readonly k: Builder
  private readonly args: TestArguments
  private readonly row: Int
  private readonly integers: (Int | IntVariable)[] = []
  private readonly reals: (Real | RealVariable)[] = []

  constructor(random: Random, fused: boolean, k: Builder, args: TestArguments, row: Int) {
    this.random = random
    this.fused = fused
    this.k = k
    this.args = args
    this.row = row
    this.integers.push(row, args.n)
    this.reals.push(args.a)
  }

  private pick<T>(choices: readonly T[]): T {
    return choices[randomInteger(this.random, choices.length)]!
  }

  private valueOf<T extends Int | Real>(item: T | { value: T }): T {
    return 'value' in item ? (item.value as T) : item
  }

  private integer(depth: number): Int {
    const { k, random, args } = this
    if (depth === 0 || random() < 0.2) {
      return random() < 0.3
        ? k.int(randomInteger(random, 200) - 100)
        : this.valueOf(this.pick(this.integers)).spanning(1)
    }
    const a = this.integer(depth - 1)
    const b = () => this.integer(depth - 1)
    return this.pick([
      () => a.add(b()),
      () => a.sub(b()),
      () => a.mul(b()),
      () => a.min(b()),
      () => a.max(b()),
      () => a.max(0).div(1 + randomInteger(random, 9)),
      () => a.max(0).rem(1 + randomInteger(random, 9)),
      () => a.max(0).rem(b().max(0).min(1000).add(1)),
      () => a.floorTo(8),
      () => args.i.from(this.row.mul(stride)).at(this.index(a)),
      () =>
        this.real(depth - 1)
          .max(-1000)
          .min(1000)
          .toInt(),
    ])()
  }

  /** An index into a row. */
  private index(a: Int): Int {
    return a.max(0).rem(stride)
  }

  private scalarCondition(depth: number): Condition {
    const { random } = this
    if (!this.fused && random() < 0.5) {
      const [a, b] = [this.real(depth), this.real(depth)]
      return this.pick([() => a.lt(b), () => a.le(b), () => a.gt(b), () => a.ge(b)])()
    }
    const [a, b] = [this.integer(depth), this.integer(depth)]
    const condition = this.pick([
      () => a.lt(b),
      () => a.le(b),
      () => a.gt(b),
      () => a.ge(b),
      () => a.eq(b),
      () => a.ne(b),
    ])()
    return random() < 0.2 ? condition.and(this.scalarCondition(0)) : condition
  }

  /** A real expression; inside a loop over lanes `lane` is the index, which may span a vector. */
  private real(depth: number, lane?: Int): Real {
    const { k, random, args, fused } = this
    if (depth === 0 || random() < 0.15) {
      const choices = [
        () => k.real(Math.fround(random() * 4 - 2)),
        () => this.valueOf(this.pick(this.reals)),
        () => args.x.from(this.row.mul(stride)).at(lane ?? randomInteger(random, stride)),
      ]
      return this.pick(choices)()
    }
    const a = this.real(depth - 1, lane)
    const b = () => this.real(depth - 1, lane)
    const bounded = (value: Real) => value.max(-100).min(100)
    const choices = [
      () => a.add(b()),
      () => a.sub(b()),
      () => bounded(a.mul(b())),
      () => a.min(b()),
      () => a.max(b()),
      () => a.neg(),
      () => a.abs(),
      () => a.div(b().abs().add(0.5)),
      () => a.abs().sqrt(),
      () => this.scalarCondition(0).select(a, b()),
      () => this.index(this.integer(0)).toReal().add(a),
      () => bounded(fused ? a.mulAdd(b(), b()) : a.mul(b()).add(b())),
    ]
    const exact = [
      () => a.floor(),
      () => a.nearest(),
      () => a.abs().add(0.25).exponent(),
      () => a.abs().add(0.25).mantissa(),
      () => a.ldexp(b().max(-3).min(3).nearest()),
      () => a.lt(b()).select(b(), a),
      () => a.ge(0.5).select(a, 1),
    ]
    return this.pick(fused ? choices : [...choices, ...exact])()
  }

  /** Statements; `depth` bounds how deep they nest. */
  statements(count: number, depth: number): void {
    const scope = [this.integers.length, this.reals.length] as const
    for (let i = 0; i < count; i++) this.statement(depth)
    // What was defined in here is not known outside.
    this.integers.length = scope[0]
    this.reals.length = scope[1]
  }

  private statement(depth: number): void {
    const { k, args, random, row } = this
    const y = args.y.from(row.mul(stride))
    const z = args.z.from(row.mul(stride))
    const x = args.x.from(row.mul(stride))
    const simple = [
      () => y.set(this.index(this.integer(2)), this.real(3)),
      () => z.set(this.index(this.integer(2)), this.integer(3)),
      () => this.integers.push(k.intVariable(this.integer(2))),
      () => this.reals.push(k.variable(this.real(2))),
      () => {
        const variables = this.reals.filter(item => 'value' in item)
        if (variables.length > 0) this.pick(variables).set(this.real(3))
      },
      () => {
        const variables = this.integers.filter(item => 'value' in item)
        if (variables.length > 0) this.pick(variables).set(this.integer(3))
      },
      () => {
        const size = this.index(this.integer(1))
        this.reals.push(
          this.pick([
            () => k.sum(size, i => this.real(2, i)),
            () => k.max(size.add(1), i => this.real(2, i)),
            () => (this.fused ? k.dot(size, i => [this.real(1, i), x.at(i)]) : k.sum(size, i => x.at(i))),
          ])()
            .max(-1e4)
            .min(1e4),
        )
      },
      () => {
        const [a, b] = [this.index(this.integer(1)), this.index(this.integer(1))]
        k.lanesFrom(a, b, i => y.set(i, this.real(3, i)))
      },
      () => k.lanes(this.index(this.integer(1)).add(1), i => y.set(i, y.at(i).add(this.real(2, i)).max(-1e4).min(1e4))),
      () => {
        const cursor = x.cursor()
        cursor.advance(this.integer(1).max(0).rem(8))
        this.reals.push(cursor.at(3), k.total(cursor.vectorAt(this.integer(1).max(0).rem(8), 2)))
      },
    ]
    const nested = [
      () =>
        k.if(
          this.scalarCondition(2),
          () => this.statements(2, depth - 1),
          random() < 0.5 ? () => this.statements(2, depth - 1) : undefined,
        ),
      () =>
        k.loop(
          this.integer(1).max(-3).min(3),
          this.integer(1).max(-3).min(4),
          i => {
            this.integers.push(i)
            this.statements(2, depth - 1)
            this.integers.pop()
          },
          1 + randomInteger(random, 3),
        ),
    ]
    this.pick(depth > 0 ? [...simple, ...nested, ...nested] : simple)()
  }
}

/** Builds the program that belongs to `seed`, and what it is to run on. */
export function randomKernel(
  seed: number,
  fused: boolean,
): { build: (k: Builder, args: TestArguments) => void; inputs: Required<Inputs> } {
  const random = randomSource(seed + 1)
  const size = rows * stride
  const inputs = {
    x: Array.from({ length: size }, () => Math.fround(random() * 6 - 3)),
    i: Array.from({ length: size }, () => randomInteger(random, 60) - 20),
    n: randomInteger(random, 40),
    a: Math.fround(random() * 2),
    y: size,
    z: size,
  }
  const build = (k: Builder, args: TestArguments) =>
    k.rows(rows, row => new Generator(randomSource(seed), fused, k, args, row).statements(8, 2))
  return { build, inputs }
}
