import { type Random, randomInteger, randomSource } from '../testing.ts'
import type { Builder, Condition, Int, IntVariable, Real, Reals, RealVariable } from './language.ts'
import type { Inputs, TestArguments } from './testKernel.ts'

// Random programs in the kernel language, for tests that compare what runs them. All of their numbers stay finite, all
// of their accesses inside the arrays.

/** Every row has so many elements in x, i, y and z: more than the widest vector. */
const stride = 40
const rows = 4
/** Elements of x behind the rows, far from its beginning. */
const far = 5000

export interface RandomKernel {
  build(k: Builder, args: TestArguments): void
  inputs: Required<Inputs>
}

/** The kernel that belongs to `seed`. `fused`: with multiply-add, and without anything that a small deviation changes much. */
export function randomKernel(seed: number, fused: boolean): RandomKernel {
  const random = randomSource(seed + 1)
  const size = rows * stride
  return {
    inputs: {
      x: Array.from({ length: size + far }, () => Math.fround(random() * 6 - 3)),
      i: Array.from({ length: size }, () => randomInteger(random, 60) - 20),
      n: randomInteger(random, 40),
      a: Math.fround(random() * 2),
      y: size,
      z: size,
    },
    build: (k, args) => k.rows(rows, row => new Generator(randomSource(seed), fused, k, args, row).statements(8, 3)),
  }
}

/** Integers near the ends of what 32 bits hold, and factors that leave them. */
const extremes = [2 ** 31 - 1, -(2 ** 31), 65_537, -65_535, 0x7f00_00ff]

/** Writes the program of one row: random statements over what is in scope. */
class Generator {
  private readonly random: Random
  private readonly fused: boolean
  private readonly k: Builder
  private readonly row: Int
  private readonly all: TestArguments
  private readonly x: Reals
  private readonly y: Reals
  private readonly i: TestArguments['i']
  private readonly z: TestArguments['z']
  private readonly integers: (Int | IntVariable)[]
  private readonly reals: (Real | RealVariable)[]
  private readonly vectors: (Real | RealVariable)[] = []
  /** Expressions that come again, of variables and memory that may have changed meanwhile. */
  private readonly repeatedIntegers: (() => Int)[] = []
  private readonly repeatedReals: (() => Real)[] = []

  constructor(random: Random, fused: boolean, k: Builder, args: TestArguments, row: Int) {
    this.random = random
    this.fused = fused
    this.k = k
    this.row = row
    this.all = args
    const first = row.mul(stride)
    this.x = args.x.from(first)
    this.y = args.y.from(first)
    this.i = args.i.from(first)
    this.z = args.z.from(first)
    this.integers = [row, args.n, k.intVariable(args.n)]
    this.reals = [args.a, k.variable(args.a)]
  }

  /** `count` statements; `depth` bounds how deep they nest. What they define is known to each other only. */
  statements(count: number, depth: number): void {
    const scopes = [this.integers, this.reals, this.vectors, this.repeatedIntegers, this.repeatedReals]
    const lengths = scopes.map(scope => scope.length)
    for (let i = 0; i < count; i++) this.statement(depth)
    for (const [i, scope] of scopes.entries()) scope.length = lengths[i]!
  }

  private pick<T>(choices: readonly T[]): T {
    return choices[randomInteger(this.random, choices.length)]!
  }
  private chance(probability: number): boolean {
    return this.random() < probability
  }
  private below(n: number): number {
    return randomInteger(this.random, n)
  }
  private valueOf<T extends Int | Real>(item: T | { value: T }): T {
    return 'value' in item ? (item.value as T) : item
  }
  private variableOf<T extends object>(items: (T | { value: T })[]): { value: T } | undefined {
    const variables = items.filter(item => 'value' in item)
    return variables.length > 0 ? (this.pick(variables) as { value: T }) : undefined
  }

  // Integers

  private integer(depth: number): Int {
    const { k, fused } = this
    if (depth === 0 || this.chance(0.2)) {
      if (this.chance(0.05)) return k.int(this.pick(extremes))
      if (this.repeatedIntegers.length > 0 && this.chance(0.3)) return this.pick(this.repeatedIntegers)()
      return this.chance(0.3) ? k.int(this.below(200) - 100) : this.valueOf(this.pick(this.integers)).spanning(1)
    }
    const a = this.integer(depth - 1)
    const b = () => this.integer(depth - 1)
    const choices = [
      () => a.add(b()),
      () => a.sub(b()),
      () => a.mul(b()),
      () => a.min(b()),
      () => a.max(b()),
      () => a.add(this.below(9) - 4).add(this.below(9) - 4),
      () => a.max(0).div(1 + this.below(9)),
      () => a.max(0).rem(1 + this.below(9)),
      () => a.max(0).rem(b().max(0).min(1000).add(1)),
      () => a.floorTo(8),
      () => this.i.at(this.index(a)),
    ]
    const exact = [
      () =>
        this.real(depth - 1)
          .max(-1000)
          .min(1000)
          .toInt(),
      () => this.x.asBytes().at(this.index(a, 4 * stride)),
    ]
    return this.pick(fused ? choices : [...choices, ...exact])()
  }

  /** An index below `n`, sometimes with a constant term. */
  private index(a: Int, n = stride): Int {
    const shift = this.pick([0, 0, 1, 3])
    return a
      .max(0)
      .rem(n - shift)
      .add(shift)
  }
  /** The index of a vector inside a row. */
  private vectorIndex(): Int | number {
    const last = stride - this.k.width
    return this.chance(0.5) ? this.index(this.integer(1), last + 1) : this.below(last + 1)
  }

  private condition(depth: number): Condition {
    const real = !this.fused && this.chance(0.5)
    const [a, b] = real ? [this.real(depth), this.real(depth)] : [this.integer(depth), this.integer(depth)]
    const compare = this.pick(['lt', 'le', 'gt', 'ge'] as const)
    const condition = (a as Real)[compare](b as Real)
    return this.chance(0.2) ? condition.and(this.condition(0)) : condition
  }

  // Reals

  private bounded(value: Real, limit = 100): Real {
    return value.max(-limit).min(limit)
  }

  /** A real expression; inside a loop over lanes `lane` is the index, which may span a vector. */
  private real(depth: number, lane?: Int): Real {
    const { k, x } = this
    if (depth === 0 || this.chance(0.15)) {
      if (this.repeatedReals.length > 0 && this.chance(0.3)) return this.pick(this.repeatedReals)()
      return this.pick([
        () => k.real(Math.fround(this.random() * 4 - 2)),
        () => this.valueOf(this.pick(this.reals)),
        () => x.at(lane ?? this.below(stride)),
        () => x.at(lane ?? this.index(this.integer(1))),
        () => this.all.x.at(rows * stride + this.below(far)),
      ])()
    }
    return this.operation(() => this.real(depth - 1, lane))
  }

  /** A vector expression. */
  private vector(depth: number): Real {
    const { k, x } = this
    if (depth === 0 || this.chance(0.15)) {
      return this.pick([
        () => k.vector(Math.fround(this.random() * 4 - 2)),
        () => k.vector(this.valueOf(this.pick(this.reals))),
        () => x.vectorAt(this.vectorIndex()),
        () => x.broadcastAt(this.index(this.integer(1))),
        () => this.all.x.vectorAt(rows * stride + this.below(far - k.width)),
        () => (this.vectors.length > 0 ? this.valueOf(this.pick(this.vectors)) : k.vector(1)),
      ])()
    }
    return this.operation(() => this.vector(depth - 1))
  }

  /** An operation on what `operand` gives. */
  private operation(operand: () => Real): Real {
    const { fused } = this
    const a = operand()
    const b = operand
    const choices = [
      () => a.add(b()),
      () => a.sub(b()),
      () => this.bounded(a.mul(b())),
      () => a.min(b()),
      () => a.max(b()),
      () => a.neg(),
      () => a.abs(),
      () => a.div(b().abs().add(0.5)),
      () => a.abs().sqrt(),
      () => this.condition(0).select(a, b()),
      () => this.index(this.integer(0)).toReal().add(a),
      () => this.bounded(fused ? a.mulAdd(b(), b()) : a.mul(b()).add(b())),
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

  // Statements

  private statement(depth: number): void {
    const simple = [
      () => this.y.set(this.index(this.integer(2)), this.real(3)),
      () => this.y.setVector(this.vectorIndex(), this.vector(3)),
      () => this.z.set(this.index(this.integer(2)), this.integer(3)),
      () => this.define(),
      () => this.define(),
      () => this.repeat(),
      () => this.assign(),
      () => this.assignLater(),
      () => this.skipped(),
      () => this.reduction(),
      () => this.lanes(),
      () => this.cursor(),
    ]
    const exact = [() => this.halves(), () => this.byteProducts(), () => this.pairProducts()]
    const nested = [() => this.branch(depth - 1), () => this.loop(depth - 1), () => this.crowd()]
    const flat = this.fused ? simple : [...simple, ...exact]
    this.pick(depth > 0 ? [...flat, ...nested, ...nested] : flat)()
  }

  private define(): void {
    const { k } = this
    this.pick([
      () => this.integers.push(k.intVariable(this.integer(2))),
      () => this.reals.push(k.variable(this.real(2))),
      () => this.vectors.push(k.variable(this.vector(2))),
      () => this.integers.push(this.integer(3)),
      () => this.reals.push(this.bounded(this.real(3), 1e4)),
      () => this.vectors.push(this.bounded(this.vector(3), 1e4)),
    ])()
  }

  private repeat(): void {
    const { k, row, y, z } = this
    const at = this.below(stride)
    const factor = this.below(9)
    this.repeatedIntegers.push(() => z.at(at))
    this.repeatedReals.push(() => this.bounded(y.at(at), 1e4))
    const integer = this.variableOf(this.integers)
    if (integer) {
      const [before, sum] = [k.intVariable(integer.value).value, integer.value.add(factor)]
      this.repeatedIntegers.push(
        () => integer.value.mul(factor).add(row),
        () => before.sub(integer.value),
        () => sum.add(factor),
      )
    }
    const real = this.variableOf(this.reals)
    if (real) this.repeatedReals.push(() => real.value.mul(factor).abs().min(100))
  }

  private assign(): void {
    this.pick([
      () => (this.variableOf(this.integers) as IntVariable | undefined)?.set(this.integer(3)),
      () => (this.variableOf(this.reals) as RealVariable | undefined)?.set(this.bounded(this.real(3), 1e4)),
      () => (this.variableOf(this.vectors) as RealVariable | undefined)?.set(this.bounded(this.vector(3), 1e4)),
    ])()
  }

  /** A variable whose old value is read between what computes the new one and the change. */
  private assignLater(): void {
    const variable = this.variableOf(this.integers) as IntVariable | undefined
    if (!variable) return
    const next = variable.value.add(this.integer(1))
    this.z.set(this.index(this.integer(1)), variable.value)
    variable.set(next)
  }

  /** What may only run if its loop turns: a division by what is then not zero, a load that is then inside. */
  private skipped(): void {
    const { k, x, y, z } = this
    const divisor = this.integer(1).max(0).rem(3)
    const turns = divisor.min(1)
    const outside = turns
      .mul(-1)
      .add(1)
      .mul(rows * stride + far)
    k.loop(0, turns, i => {
      z.set(i, this.index(this.integer(1)).div(divisor))
      y.set(i, x.at(outside))
    })
  }

  private reduction(): void {
    const { k, x } = this
    const size = this.index(this.integer(1))
    const value = this.pick([
      () => k.sum(size, i => this.real(2, i)),
      () => k.max(size.add(1), i => this.real(2, i)),
      () => (this.fused ? k.dot(size, i => [this.real(1, i), x.at(i)]) : k.sum(size, i => x.at(i))),
      () => k.total(this.bounded(this.vector(2))),
    ])()
    this.reals.push(this.bounded(value, 1e4))
  }

  private lanes(): void {
    const { k, y } = this
    const [a, b] = [this.index(this.integer(1)), this.index(this.integer(1))]
    if (this.chance(0.5)) k.lanesFrom(a, b, i => y.set(i, this.real(3, i)))
    else k.lanes(a.add(1), i => y.set(i, this.bounded(y.at(i).add(this.real(2, i)), 1e4)))
  }

  /** Reads around a place that moves forth and back. */
  private cursor(): void {
    const { k, x } = this
    const cursor = x.cursor()
    const step = this.index(this.integer(1), 8)
    cursor.advance(step)
    this.reals.push(cursor.at(3), k.total(cursor.vectorAt(this.index(this.integer(1), 8), 2)))
    cursor.advance(4)
    this.reals.push(cursor.at(-this.below(5)), cursor.at(k.int(0).sub(step)))
    cursor.advance(k.int(-4).sub(step))
    this.reals.push(x.from(3).at(this.integer(1).max(3).min(7).sub(3)), cursor.at(this.below(8)))
  }

  /** Numbers of two bytes: written, rounded, and read again. */
  private halves(): void {
    const halves = this.y.asBf16s()
    const at = this.below(stride)
    halves.set(2 * at + 1, this.bounded(this.real(2), 1e4))
    halves.set(2 * at, this.bounded(this.real(2), 1e4))
    this.reals.push(halves.at(2 * at + this.below(2)))
  }

  /** The bytes of x as numbers, and their two halves, times each other. */
  private byteProducts(): void {
    const { k } = this
    const bytes = this.x.asBytes()
    const total = k.intVectorVariable(0)
    k.loop(0, this.index(this.integer(1), 5), i => {
      const vector = bytes.vectorAt(i.mul(8), this.below(32))
      const nibbles = this.pick([() => vector, () => vector.lowNibbles(), () => vector.highNibbles()])()
      total.addDot(nibbles, bytes.broadcastAt(i, this.below(4 * stride - 8)))
    })
    this.vectors.push(total.value.toReal().mul(1e-3))
  }

  private pairProducts(): void {
    const { k } = this
    const total = k.variable(k.vector(0))
    const pairs = () => k.packPairs(this.bounded(this.vector(1)), this.bounded(this.vector(1)))
    const fixed = pairs()
    k.loop(0, this.index(this.integer(1), 5), () => total.addDot(pairs(), fixed))
    this.vectors.push(this.bounded(total.value), this.pick([() => fixed.evens(), () => fixed.odds()])())
  }

  private branch(depth: number): void {
    const otherwise = this.chance(0.5) ? () => this.statements(2, depth) : undefined
    this.k.if(this.condition(2), () => this.statements(2, depth), otherwise)
  }

  private loop(depth: number): void {
    const [from, to] = [this.integer(1).max(-3).min(3), this.integer(1).max(-3).min(4)]
    const body = (i: Int) => {
      this.integers.push(i)
      this.statements(2, depth)
      this.integers.pop()
    }
    this.k.loop(from, to, body, 1 + this.below(3))
  }

  /** More variables that change together than any processor has registers. */
  private crowd(): void {
    const { k, x, fused } = this
    const size = 8 + this.below(32)
    const members = Array.from({ length: size }, (_, m) => m)
    const sums = members.map(m => k.variable(this.chance(0.5) ? x.vectorAt(m % 8) : x.broadcastAt(m)))
    const counts = members.map(m => k.intVariable(this.row.add(m)))
    const factor = this.bounded(this.vector(1), 1)
    k.loop(0, this.integer(1).max(1).min(4), i => {
      for (const m of members) {
        const next = sums[(m + 1) % size]!.value
        if (fused && this.chance(0.5)) sums[m]!.addProduct(next, factor)
        else sums[m]!.set(this.bounded(next.mul(factor).add(sums[m]!.value)))
        counts[m]!.set(
          counts[m]!.value.mul(3)
            .add(counts[(m + 5) % size]!.value)
            .add(i),
        )
      }
    })
    for (const m of members) this.z.set(m % stride, counts[m]!.value)
    const sum = sums.map(({ value }) => this.bounded(value)).reduce((a, b) => a.add(b))
    this.reals.push(this.bounded(k.total(sum), 1e4))
  }
}
