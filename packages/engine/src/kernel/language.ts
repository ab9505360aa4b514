import { EngineError } from '../errors.ts'
import type { Factors } from './factors.ts'
import type {
  ArithmeticFunction,
  Block,
  Comparison,
  ElementSize,
  Instruction,
  Place,
  Program,
  RealFunction,
  Register,
  RegisterType,
  UnaryFunction,
} from './ir.ts'
import type { Kernel, Parameters } from './kernel.ts'

// The kernel language: TypeScript objects whose methods append instructions to the program being built. A kernel's
// `build` runs once; ordinary TypeScript `for` loops unroll, `Builder.loop` makes a loop that runs in the kernel.

/** What a code generator offers: lanes of a vector and vector registers; tile sizes follow from them. */
export interface Target {
  readonly name: string
  readonly width: number
  readonly registers: number
  /** Neighbouring vectors that one register holds where kernels treat them alike; 1 if not given. */
  readonly joined?: number
  /** How products of matrices take their factors; `float32` if not given. */
  readonly factors?: Factors
}

/** An integer: a size, an index. With `span` = width it is the index of the first of that many consecutive elements. */
export class Int {
  readonly k: Builder
  readonly register: Register
  readonly span: number

  constructor(k: Builder, register: Register, span = 1) {
    this.k = k
    this.register = register
    this.span = span
  }

  private binary(fn: ArithmeticFunction, other: Int | number): Int {
    const right = this.k.int(other)
    return new Int(this.k, this.k.emitBinary(fn, 'i32', this.register, right.register), Math.max(this.span, right.span))
  }
  private compare(fn: Comparison, other: Int | number): Condition {
    return new Condition(this.k, this.k.emitCompare(fn, 'i32', this.register, this.k.int(other).register))
  }

  add = (other: Int | number): Int => this.binary('add', other)
  sub = (other: Int | number): Int => this.binary('sub', other)
  mul = (other: Int | number): Int => this.binary('mul', other)
  /** Quotient of non-negative numbers, rounded down. */
  div = (other: Int | number): Int => this.binary('div', other)
  rem = (other: Int | number): Int => this.binary('rem', other)
  min = (other: Int | number): Int => this.binary('min', other)
  max = (other: Int | number): Int => this.binary('max', other)
  /** The same number as the index of the first of `span` consecutive elements. */
  spanning = (span: number): Int => new Int(this.k, this.register, span)
  /** Rounded down to a multiple of `n`, a power of two. */
  floorTo = (n: number): Int => this.binary('and', -n)
  /** The number of blocks of `n` that cover this many. */
  ceilDiv = (n: Int | number): Int => this.add(typeof n === 'number' ? n - 1 : n.sub(1)).div(n)
  lt = (other: Int | number): Condition => this.compare('lt', other)
  le = (other: Int | number): Condition => this.compare('le', other)
  gt = (other: Int | number): Condition => this.compare('gt', other)
  ge = (other: Int | number): Condition => this.compare('ge', other)
  eq = (other: Int | number): Condition => this.compare('eq', other)
  ne = (other: Int | number): Condition => this.compare('ne', other)
  toReal = (): Real => new Real(this.k, this.k.emitUnary('toReal', 'f32', this.register), false)
}

/** float32: one number, or a vector of `width` of them. A scalar meets a vector as that many copies. */
export class Real {
  readonly k: Builder
  readonly register: Register
  readonly isVector: boolean

  constructor(k: Builder, register: Register, isVector: boolean) {
    this.k = k
    this.register = register
    this.isVector = isVector
  }

  private unary(fn: RealFunction): Real {
    return new Real(this.k, this.k.emitUnary(fn, this.isVector ? 'vec' : 'f32', this.register), this.isVector)
  }
  private binary(fn: ArithmeticFunction, other: Real | number): Real {
    const { k } = this
    const [isVector, a, b] = k.unify(this, other)
    return new Real(k, k.emitBinary(fn, isVector ? 'vec' : 'f32', a, b), isVector)
  }
  private compare(fn: Comparison, other: Real | number): Condition {
    const { k } = this
    const [isVector, a, b] = k.unify(this, other)
    return new Condition(k, k.emitCompare(fn, isVector ? 'mask' : 'i32', a, b))
  }

  add = (other: Real | number): Real => this.binary('add', other)
  sub = (other: Real | number): Real => this.binary('sub', other)
  mul = (other: Real | number): Real => this.binary('mul', other)
  div = (other: Real | number): Real => this.binary('div', other)
  min = (other: Real | number): Real => this.binary('min', other)
  max = (other: Real | number): Real => this.binary('max', other)
  neg = (): Real => this.unary('neg')
  abs = (): Real => this.unary('abs')
  sqrt = (): Real => this.unary('sqrt')
  floor = (): Real => this.unary('floor')
  /** Rounded to the nearest integer, ties to even. */
  nearest = (): Real => this.unary('nearest')
  /** floor(log2 |x|) of a normal number. */
  exponent = (): Real => this.unary('exponent')
  /** x · 2^−exponent(x), from 1 to 2, of a positive normal number. */
  mantissa = (): Real => this.unary('mantissa')
  /** Rounded to the nearest number that bfloat16 has, ties to even. */
  toBf16 = (): Real => this.unary('toBf16')
  /** this · 2^n for integral n from −126 to 127. */
  ldexp = (n: Real): Real => this.binary('ldexp', n)
  lt = (other: Real | number): Condition => this.compare('lt', other)
  gt = (other: Real | number): Condition => this.compare('gt', other)
  le = (other: Real | number): Condition => this.compare('le', other)
  ge = (other: Real | number): Condition => this.compare('ge', other)
  /** Rounded towards zero, a scalar. */
  toInt = (): Int => new Int(this.k, this.k.emitUnary('toInt', 'i32', this.register))
  /** this · a + b, rounded once. */
  mulAdd = (a: Real | number, b: Real | number): Real => this.k.emitFma(this, this.k.real(a), this.k.real(b))
}

/** `width` int32 numbers: the sums of products of bytes. Sums that pass 32 bits wrap. */
export class IntVector {
  readonly k: Builder
  readonly register: Register

  constructor(k: Builder, register: Register) {
    this.k = k
    this.register = register
  }

  private binary(fn: ArithmeticFunction, other: IntVector): IntVector {
    return new IntVector(this.k, this.k.emitBinary(fn, 'ints', this.register, other.register))
  }

  add = (other: IntVector): IntVector => this.binary('add', other)
  sub = (other: IntVector): IntVector => this.binary('sub', other)
  toReal = (): Real => new Real(this.k, this.k.emitUnary('toReal', 'vec', this.register), true)
}

/** 4·`width` int8 numbers. */
export class ByteVector {
  readonly k: Builder
  readonly register: Register

  constructor(k: Builder, register: Register) {
    this.k = k
    this.register = register
  }

  private unary(fn: UnaryFunction): ByteVector {
    return new ByteVector(this.k, this.k.emitUnary(fn, 'bytes', this.register))
  }

  /** (byte & 15) − 8 of each: one of the two 4-bit numbers in a byte, stored as 0 to 15 for −8 to 7. */
  lowNibbles = (): ByteVector => this.unary('lowNibbles')
  /** The same of the upper four bits. */
  highNibbles = (): ByteVector => this.unary('highNibbles')
}

/** 2·`width` bfloat16 numbers; lane l has numbers 2l and 2l + 1. */
export class PairVector {
  readonly k: Builder
  readonly register: Register

  constructor(k: Builder, register: Register) {
    this.k = k
    this.register = register
  }

  private unary(fn: UnaryFunction): Real {
    return new Real(this.k, this.k.emitUnary(fn, 'vec', this.register), true)
  }

  /** Numbers 0, 2, 4, … */
  evens = (): Real => this.unary('evens')
  /** Numbers 1, 3, 5, … */
  odds = (): Real => this.unary('odds')
}

/** The answer of a comparison, of scalars (for `Builder.if`) or lane by lane (for `select`). */
export class Condition {
  readonly k: Builder
  readonly register: Register

  constructor(k: Builder, register: Register) {
    this.k = k
    this.register = register
  }

  /** Both conditions, of scalars. */
  and(other: Condition): Condition {
    return new Condition(this.k, this.k.emitBinary('and', 'i32', this.register, other.register))
  }

  /** `a` where the condition holds, else `b`. */
  select(a: Real | number, b: Real | number): Real {
    const { k } = this
    const isMask = k.typeOf(this.register) === 'mask'
    const left = isMask ? k.vector(a) : k.real(a)
    const right = isMask ? k.vector(b) : k.real(b)
    const [isVector, x, y] = k.unify(left, right)
    const to = k.register(isVector ? 'vec' : 'f32')
    k.emit({ op: 'select', to, condition: this.register, a: x, b: y })
    return new Real(k, to, isVector)
  }
}

/** A real that changes: an accumulator. `value` stands for whatever it holds when it is used, not a copy. */
export class RealVariable {
  readonly value: Real

  constructor(value: Real) {
    this.value = value
  }

  set(next: Real | number): void {
    const { k, isVector, register } = this.value
    const from = isVector ? k.vector(next) : k.real(next)
    k.emit({ op: 'copy', to: register, from: from.register })
  }
  add(term: Real | number): void {
    this.set(this.value.add(term))
  }
  /** += a·b, rounded once. */
  addProduct(a: Real, b: Real): void {
    const { k, isVector, register } = this.value
    const [x, y] = isVector ? [k.vector(a), k.vector(b)] : [a, b]
    k.emit({ op: 'fma', to: register, a: x.register, b: y.register, c: register })
  }
  /** Adds to lane l the products of a's numbers 2l and 2l + 1 with b's. Each sum is rounded; subnormals may be lost. */
  addDot(a: PairVector, b: PairVector): void {
    const { k, register } = this.value
    k.emit({ op: 'dot', to: register, a: a.register, b: b.register, c: register })
  }
}

/** Integers that change: accumulators of products of bytes. */
export class IntVectorVariable {
  readonly value: IntVector

  constructor(value: IntVector) {
    this.value = value
  }

  set(next: IntVector): void {
    const { k, register } = this.value
    k.emit({ op: 'copy', to: register, from: next.register })
  }
  /** Adds to lane l the products of a's numbers 4l to 4l + 3 with b's, exactly. */
  addDot(a: ByteVector, b: ByteVector): void {
    const { k, register } = this.value
    k.emit({ op: 'dot', to: register, a: a.register, b: b.register, c: register })
  }
}

/** An integer that changes. */
export class IntVariable {
  readonly value: Int

  constructor(value: Int) {
    this.value = value
  }

  set(next: Int | number): void {
    const { k, register } = this.value
    k.emit({ op: 'copy', to: register, from: k.int(next).register })
  }
}

/** Numbers in memory. An index is counted in elements; a plain number becomes part of the instruction. */
export class ArrayOf {
  readonly k: Builder
  readonly register: Register
  protected readonly scale: ElementSize = 4

  constructor(k: Builder, register: Register) {
    this.k = k
    this.register = register
  }

  protected place(index: Int | number, plus = 0): Place {
    const { scale, register: base } = this
    const place = (index: Int | undefined, elements: number) => {
      return { base, index: index?.register, scale, offset: scale * elements }
    }
    // Offsets of instructions are not negative.
    if (typeof index !== 'number') return plus < 0 ? place(index.add(plus), 0) : place(index, plus)
    const at = index + plus
    return at < 0 ? place(this.k.int(at), 0) : place(undefined, at)
  }
  protected shifted(index: Int | number): Register {
    const to = this.k.register('ptr')
    this.move(to, index)
    return to
  }
  /** Lets `to` point to the element at `index`. */
  protected move(to: Register, index: Int | number): void {
    this.k.emit({ op: 'address', to, base: this.register, index: this.k.int(index).register, scale: this.scale })
  }
  protected copied(): Register {
    const to = this.k.register('ptr')
    this.k.emit({ op: 'copy', to, from: this.register })
    return to
  }
  protected loaded(type: RegisterType, index: Int | number, plus: number, splat = false): Register {
    const to = this.k.register(type)
    this.k.emit({ op: 'load', to, ...this.place(index, plus), splat })
    return to
  }
  protected store({ register }: { readonly register: Register }, index: Int | number, plus = 0): void {
    this.k.emit({ op: 'store', from: register, ...this.place(index, plus) })
  }
}

/** Whether an index stands for a vector of consecutive elements. */
const spans = (index: Int | number): boolean => typeof index !== 'number' && index.span > 1

export class Reals extends ArrayOf {
  /** One number, or `width` of them from `index` on if the index spans a vector. */
  at(index: Int | number): Real {
    return spans(index) ? this.vectorAt(index) : new Real(this.k, this.loaded('f32', index, 0), false)
  }
  /** `width` numbers from `index + plus` on. */
  vectorAt(index: Int | number, plus = 0): Real {
    return new Real(this.k, this.loaded('vec', index, plus), true)
  }
  /** The number at `index + plus`, repeated over the lanes. */
  broadcastAt(index: Int | number, plus = 0): Real {
    return new Real(this.k, this.loaded('vec', index, plus, true), true)
  }
  /** Stores `width` numbers from `index + plus` on. */
  setVector(index: Int | number, value: Real, plus = 0): void {
    this.store(this.k.vector(value), index, plus)
  }
  /** Stores a number, or a vector from `index` on; a scalar is repeated if the index spans a vector. */
  set(index: Int | number, value: Real | number): void {
    const from = spans(index) ? this.k.vector(value) : this.k.real(value)
    this.store(from, index)
  }
  /** Asks the processor to bring what stands at `index + plus` into its cache, whether that belongs to the array or not. */
  prefetch(index: Int | number, plus = 0): void {
    this.k.emit({ op: 'prefetch', ...this.place(index, plus) })
  }
  /** The same numbers, counted from `index` on. */
  from(index: Int | number): Reals {
    return new Reals(this.k, this.shifted(index))
  }
  /** A place that `advance` moves. */
  cursor(): RealsCursor {
    return new RealsCursor(this.k, this.copied())
  }
  /** The same memory as bfloat16 numbers, two in the place of one, for instance scratch. */
  asBf16s(): Bf16s {
    return new Bf16s(this.k, this.register)
  }
  /** The same memory as pairs of bfloat16 numbers. */
  asPairs(): Pairs {
    return new Pairs(this.k, this.register)
  }
  /** The same memory as int32 numbers. */
  asInts(): Ints {
    return new Ints(this.k, this.register)
  }
  /** The same memory as int8 numbers. */
  asBytes(): Bytes {
    return new Bytes(this.k, this.register)
  }
}

export class RealsCursor extends Reals {
  advance(elements: Int | number): void {
    this.move(this.register, elements)
  }
  moveTo(place: Reals): void {
    this.k.emit({ op: 'copy', to: this.register, from: place.register })
  }
}

/** bfloat16 numbers: the upper halves of float32, which is what they become when loaded; stores round to nearest even. */
export class Bf16s extends Reals {
  protected override readonly scale = 2

  override from(index: Int | number): Bf16s {
    return new Bf16s(this.k, this.shifted(index))
  }
  override cursor(): Bf16sCursor {
    return new Bf16sCursor(this.k, this.copied())
  }
}

export class Bf16sCursor extends Bf16s {
  advance(elements: Int | number): void {
    this.move(this.register, elements)
  }
  moveTo(place: Bf16s): void {
    this.k.emit({ op: 'copy', to: this.register, from: place.register })
  }
}

/** Pairs of bfloat16 numbers, which take as much memory as float32 numbers. */
export class Pairs extends ArrayOf {
  /** `width` pairs from `index + plus` on. */
  vectorAt(index: Int | number, plus = 0): PairVector {
    return new PairVector(this.k, this.loaded('pairs', index, plus))
  }
  /** The pair at `index + plus`, repeated over the lanes. */
  broadcastAt(index: Int | number, plus = 0): PairVector {
    return new PairVector(this.k, this.loaded('pairs', index, plus, true))
  }
  setVector(index: Int | number, value: PairVector, plus = 0): void {
    this.store(value, index, plus)
  }
  from(index: Int | number): Pairs {
    return new Pairs(this.k, this.shifted(index))
  }
  cursor(): PairsCursor {
    return new PairsCursor(this.k, this.copied())
  }
}

export class PairsCursor extends Pairs {
  advance(elements: Int | number): void {
    this.move(this.register, elements)
  }
}

/** int8 numbers. */
export class Bytes extends ArrayOf {
  protected override readonly scale = 1

  at(index: Int | number): Int {
    return new Int(this.k, this.loaded('i32', index, 0))
  }
  /** Stores the lowest eight bits. */
  set(index: Int | number, value: Int | number): void {
    this.store(this.k.int(value), index)
  }
  /** 4·`width` numbers from `index + plus` on. */
  vectorAt(index: Int | number, plus = 0): ByteVector {
    return new ByteVector(this.k, this.loaded('bytes', index, plus))
  }
  /** The four numbers from `index + plus` on, repeated over the lanes. */
  broadcastAt(index: Int | number, plus = 0): ByteVector {
    return new ByteVector(this.k, this.loaded('bytes', index, plus, true))
  }
  setVector(index: Int | number, value: ByteVector, plus = 0): void {
    this.store(value, index, plus)
  }
  /** Stores the nearest integer from −128 to 127, or `width` of them if the index spans a vector. Of a NaN, any. */
  setRounded(index: Int | number, value: Real): void {
    if (!spans(index)) this.set(index, value.max(-128).min(127).nearest().toInt())
    else this.store(this.k.vector(value), index)
  }
  from(index: Int | number): Bytes {
    return new Bytes(this.k, this.shifted(index))
  }
  cursor(): BytesCursor {
    return new BytesCursor(this.k, this.copied())
  }
}

export class BytesCursor extends Bytes {
  advance(elements: Int | number): void {
    this.move(this.register, elements)
  }
}

export class Ints extends ArrayOf {
  at(index: Int | number): Int {
    return new Int(this.k, this.loaded('i32', index, 0))
  }
  set(index: Int | number, value: Int | number): void {
    this.store(this.k.int(value), index)
  }
  /** `width` numbers from `index + plus` on. */
  vectorAt(index: Int | number, plus = 0): IntVector {
    return new IntVector(this.k, this.loaded('ints', index, plus))
  }
  setVector(index: Int | number, value: IntVector, plus = 0): void {
    this.store(value, index, plus)
  }
  from(index: Int | number): Ints {
    return new Ints(this.k, this.shifted(index))
  }
}

const argumentClasses = { f32s: Reals, i32s: Ints, i8s: Bytes, bf16s: Bf16s } as const
type ArgumentClasses = typeof argumentClasses

export type BuilderArguments<P extends Parameters> = {
  readonly [K in keyof P]: P[K] extends keyof ArgumentClasses
    ? InstanceType<ArgumentClasses[P[K]]>
    : P[K] extends 'f32'
      ? Real
      : Int
}

/** Appends instructions to the program of one kernel. Methods that say `emit` are for the classes above. */
export class Builder {
  /** Lanes of a vector. */
  readonly width: number
  /** Vector registers of the target. */
  readonly registers: number
  /** Neighbouring vectors that one register holds. */
  readonly joined: number
  readonly factors: Factors
  readonly thread: Int
  readonly threads: Int
  /** Scratch memory of the call: this thread's own, and one for all threads. */
  readonly own: Reals
  readonly shared: Reals

  private readonly types: RegisterType[] = []
  private block: Block = []
  private taskSlots = 0
  /** Tasks of the current block that no barrier waits for yet. */
  private pending: { slot: number; count: Register }[] = []
  /** Into how many parts `share` cuts: several for each thread, so that the faster one does more. */
  private readonly parts: Int
  /** Filled from the end of the argument block: own scratch of thread 0, shared scratch, distance between own scratches. */
  private readonly scratchRegisters: Register[]

  constructor(target: Target) {
    this.width = target.width
    this.registers = target.registers
    this.joined = target.joined ?? 1
    this.factors = target.factors ?? 'float32'
    this.thread = new Int(this, this.register('i32'))
    this.threads = new Int(this, this.register('i32'))
    const first = new Reals(this, this.register('ptr'))
    this.shared = new Reals(this, this.register('ptr'))
    const stride = new Int(this, this.register('i32'))
    this.scratchRegisters = [first.register, this.shared.register, stride.register]
    this.own = first.from(this.thread.mul(stride))
    // One part for one thread, four for each of several.
    this.parts = this.threads.mul(this.threads.min(2).mul(3).sub(2))
  }

  // Values

  int(value: Int | number): Int {
    return typeof value === 'number' ? new Int(this, this.emitConstant('i32', value)) : value
  }
  real(value: Real | number): Real {
    return typeof value === 'number' ? new Real(this, this.emitConstant('f32', value), false) : value
  }
  /** As a vector: a scalar is repeated over the lanes. */
  vector(value: Real | number): Real {
    if (typeof value === 'number') return new Real(this, this.emitConstant('vec', value), true)
    if (value.isVector) return value
    const to = this.register('vec')
    this.emit({ op: 'splat', to, from: value.register })
    return new Real(this, to, true)
  }
  /** A variable that starts as `value` (a scalar, or a vector of accumulators with `vector(0)`). */
  variable(value: Real | number): RealVariable {
    const from = this.real(value)
    const register = this.register(from.isVector ? 'vec' : 'f32')
    this.emit({ op: 'copy', to: register, from: from.register })
    return new RealVariable(new Real(this, register, from.isVector))
  }
  intVariable(value: Int | number): IntVariable {
    const register = this.register('i32')
    this.emit({ op: 'copy', to: register, from: this.int(value).register })
    return new IntVariable(new Int(this, register))
  }

  intVector(value: number): IntVector {
    return new IntVector(this, this.emitConstant('ints', value))
  }
  intVectorVariable(value: number): IntVectorVariable {
    const register = this.register('ints')
    this.emit({ op: 'copy', to: register, from: this.intVector(value).register })
    return new IntVectorVariable(new IntVector(this, register))
  }
  /** Rounds two vectors to bfloat16: lane l becomes the pair (even[l], odd[l]). */
  packPairs(even: Real, odd: Real): PairVector {
    return new PairVector(this, this.emitBinary('packPairs', 'pairs', even.register, odd.register))
  }
  private move(fn: ArithmeticFunction, a: Real, b: Real): Real {
    return new Real(this, this.emitBinary(fn, 'vec', a.register, b.register), true)
  }
  /** The vectors whose lane i is the n-th lane of rows[i], for n = 0 … width − 1, of as many rows. */
  transpose(rows: readonly Real[]): Real[] {
    const low = (a: Real, b: Real) => this.move('interleaveLow', a, b)
    const high = (a: Real, b: Real) => this.move('interleaveHigh', a, b)
    // Four rows at a time, within each four lanes: column n of fours[i] is one of the answer's vectors i, i + 4, …
    const fours: Real[][] = [[], [], [], []]
    for (let r = 0; r < rows.length; r += 4) {
      const [a, b, c, d] = rows.slice(r, r + 4) as [Real, Real, Real, Real]
      const [even, odd] = [low, high].map(half => [half(a, c), half(b, d)] as const) as [[Real, Real], [Real, Real]]
      for (const [i, [x, y]] of [even, even, odd, odd].entries()) fours[i]!.push((i % 2 === 0 ? low : high)(x, y))
    }
    // Then the fours: those with even numbers of all, and those with odd ones, until each vector has one number.
    const collect = (vectors: readonly Real[]): Real[] => {
      if (vectors.length === 1) return [...vectors]
      const halves = (['evenFours', 'oddFours'] as const).map(fn => {
        const pairs = Array.from({ length: vectors.length / 2 }, (_, p) =>
          this.move(fn, vectors[2 * p]!, vectors[2 * p + 1]!),
        )
        return collect(pairs)
      })
      return Array.from({ length: vectors.length }, (_, n) => halves[n % 2]![n >> 1]!)
    }
    const columns = fours.map(collect)
    return rows.map((_, n) => columns[n % 4]![n >> 2]!)
  }

  // Control

  /** for (i = from; i < to; i += step) body(i). */
  loop(from: Int | number, to: Int | number, body: (i: Int) => void, step = 1, span = 1): void {
    const start = this.int(from).register
    const end = this.int(to).register
    const counter = this.register('i32')
    this.emit({
      op: 'loop',
      counter,
      from: start,
      to: end,
      step,
      body: this.nested(() => body(new Int(this, counter, span))),
    })
  }
  if(condition: Condition, then: () => void, otherwise: () => void = () => {}): void {
    const { register } = condition
    if (this.typeOf(register) === 'mask')
      throw new EngineError('kernel', 'if needs a scalar condition, use select for lanes')
    this.emit({ op: 'if', condition: register, body: this.nested(then), otherwise: this.nested(otherwise) })
  }
  /** body(row) for every row 0 … n−1, split over the threads. */
  rows(n: Int | number, body: (row: Int) => void): void {
    this.share(n, 1, (from, to) => this.loop(from, to, body))
  }
  /** body(from, to) for parts of 0 … n−1, cut at multiples of `grain` and split over the threads. */
  share(n: Int | number, grain: number, body: (from: Int, to: Int) => void): void {
    const size = this.int(n)
    const each = size.ceilDiv(grain).ceilDiv(this.parts).max(1).mul(grain)
    this.tasks(size.ceilDiv(each), task => {
      const from = task.mul(each)
      body(from, from.add(each).min(size))
    })
  }
  /**
   * body(task) for 0 … n−1: threads take tasks as they become free, so a thread that lost its core holds up nobody.
   * Each task must write its own memory only, and nothing may depend on which thread runs it. What stands outside of
   * tasks runs on every thread, also on one that comes when all is done: it may read only the arguments, what earlier
   * kernels wrote and what tasks before a barrier wrote, and write only own scratch. Not inside loops.
   */
  tasks(n: Int | number, body: (task: Int) => void): void {
    const count = this.int(n).register
    const task = this.register('i32')
    const slot = this.taskSlots++
    this.emit({ op: 'tasks', slot, task, count, body: this.nested(() => body(new Int(this, task))) })
    this.pending.push({ slot, count })
  }
  /**
   * Waits until all tasks before it are done: what they wrote is seen after. It stands in the same block as they do; at
   * the end of a block there is one without being asked for, so that a call ends when all of its work is done.
   */
  barrier(): void {
    if (this.pending.length === 0) {
      throw new EngineError('kernel', 'a barrier waits for tasks, but there are none before it')
    }
    this.emitBarriers()
  }

  // Loops over lanes

  /** body(i) for i = 0 … n−1, a vector of them at a time, then the rest one by one. */
  lanes(n: Int | number, body: (i: Int) => void): void {
    this.lanesFrom(0, n, body)
  }
  /** `lanes` from `from` to `to`. */
  lanesFrom(from: Int | number, to: Int | number, body: (i: Int) => void): void {
    const start = this.int(from)
    const end = this.int(to)
    const full = start.add(end.sub(start).max(0).floorTo(this.width))
    this.loop(start, full, body, this.width, this.width)
    this.loop(full, end, body)
  }
  /** Σ term(i) over i = 0 … n−1, a scalar. The order of the additions is fixed by n and the width. */
  sum(n: Int | number, term: (i: Int) => Real): Real {
    return this.accumulate(n, 0, 'sum', (total, i) => total.add(term(i)))
  }
  /** Σ a(i)·b(i) with one rounding a step. */
  dot(n: Int | number, factors: (i: Int) => readonly [Real, Real]): Real {
    return this.accumulate(n, 0, 'sum', (total, i) => total.addProduct(...factors(i)))
  }
  /** The greatest term(i), −infinity if there is none. */
  max(n: Int | number, term: (i: Int) => Real): Real {
    return this.accumulate(n, Number.NEGATIVE_INFINITY, 'max', (total, i) => total.set(total.value.max(term(i))))
  }

  private accumulate(
    n: Int | number,
    start: number,
    fn: 'sum' | 'max',
    step: (total: RealVariable, i: Int) => void,
  ): Real {
    // Four independent accumulators hide the latency of the addition.
    const unroll = 4
    const { width } = this
    const size = this.int(n)
    const blocks = size.floorTo(unroll * width)
    const full = size.floorTo(width)
    const totals = Array.from({ length: unroll }, () => this.variable(this.vector(start)))
    const body = (i: Int) => {
      for (const [u, total] of totals.entries()) step(total, i.add(u * width))
    }
    this.loop(0, blocks, body, unroll * width, width)
    this.loop(blocks, full, i => step(totals[0]!, i), width, width)
    const rest = this.variable(start)
    this.loop(full, size, i => step(rest, i))
    const join = (a: Real, b: Real) => (fn === 'sum' ? a.add(b) : a.max(b))
    return join(this.reduce(fn, totals.map(total => total.value).reduce(join)), rest.value)
  }

  /** The sum of a vector's lanes. */
  total(vector: Real): Real {
    return this.reduce('sum', vector)
  }
  /**
   * Lane i is the sum of the lanes of vectors[i], bit for bit `total` of it, for as many vectors as there are lanes: a
   * third of the work, since half of the lanes go with every addition.
   */
  totals(vectors: readonly Real[]): Real {
    const join = (fns: readonly [ArithmeticFunction, ArithmeticFunction]) => (a: Real, b: Real) =>
      this.move(fns[0], a, b).add(this.move(fns[1], a, b))
    const [lanes, fours] = [join(['interleaveLow', 'interleaveHigh']), join(['evenFours', 'oddFours'])]
    let sums: Real[] = []
    for (let i = 0; i < vectors.length; i += 4) {
      const [a, b, c, d] = vectors.slice(i, i + 4) as [Real, Real, Real, Real]
      sums.push(lanes(lanes(a, c), lanes(b, d)))
    }
    while (sums.length > 1) {
      sums = Array.from({ length: sums.length / 2 }, (_, i) => fours(sums[2 * i]!, sums[2 * i + 1]!))
    }
    return sums[0]!
  }

  private reduce(fn: 'sum' | 'max', vector: Real): Real {
    const to = this.register('f32')
    this.emit({ op: 'reduce', fn, to, a: vector.register })
    return new Real(this, to, false)
  }

  // For the value classes and the code generators

  register(type: RegisterType): Register {
    return this.types.push(type) - 1
  }
  typeOf(register: Register): RegisterType {
    return this.types[register]!
  }
  emit(instruction: Instruction): void {
    this.block.push(instruction)
  }
  emitConstant(type: RegisterType, value: number): Register {
    const to = this.register(type)
    this.emit({ op: 'const', to, value })
    return to
  }
  emitUnary(fn: UnaryFunction, type: RegisterType, a: Register): Register {
    const to = this.register(type)
    this.emit({ op: 'unary', fn, to, a })
    return to
  }
  emitBinary(fn: ArithmeticFunction, type: RegisterType, a: Register, b: Register): Register {
    const to = this.register(type)
    this.emit({ op: 'binary', fn, to, a, b })
    return to
  }
  emitCompare(fn: Comparison, type: RegisterType, a: Register, b: Register): Register {
    const to = this.register(type)
    this.emit({ op: 'compare', fn, to, a, b })
    return to
  }
  emitFma(a: Real, b: Real, c: Real): Real {
    const isVector = a.isVector || b.isVector || c.isVector
    const [x, y, z] = isVector ? [this.vector(a), this.vector(b), this.vector(c)] : [a, b, c]
    const to = this.register(isVector ? 'vec' : 'f32')
    this.emit({ op: 'fma', to, a: x.register, b: y.register, c: z.register })
    return new Real(this, to, isVector)
  }
  unify(a: Real, b: Real | number): [isVector: boolean, a: Register, b: Register] {
    const right = typeof b === 'number' ? (a.isVector ? this.vector(b) : this.real(b)) : b
    const isVector = a.isVector || right.isVector
    return isVector ? [true, this.vector(a).register, this.vector(right).register] : [false, a.register, right.register]
  }
  /** Ends the program. */
  finish(name: string, params: Register[]): Program {
    this.emitBarriers()
    const { types, block, taskSlots } = this
    const threads = { thread: this.thread.register, threads: this.threads.register }
    return { name, types, params: [...params, ...this.scratchRegisters], ...threads, body: block, taskSlots }
  }

  private nested(build: () => void): Block {
    const { block, pending } = this
    const inner: Block = []
    this.block = inner
    this.pending = []
    build()
    this.emitBarriers()
    this.block = block
    this.pending = pending
    return inner
  }

  private emitBarriers(): void {
    for (const tasks of this.pending) this.emit({ op: 'barrier', ...tasks })
    this.pending = []
  }
}

/** The program of `kernel` for `target`; a `kernel` error if it has no `build`. */
export function buildProgram<P extends Parameters>(kernel: Kernel<P>, target: Target): Program {
  if (!kernel.build) throw new EngineError('kernel', `kernel ${kernel.name} has only a reference`)
  const k = new Builder(target)
  const registers: Register[] = []
  const entries = Object.entries(kernel.params).map(([name, kind]) => {
    const register = k.register(kind === 'f32' ? 'f32' : kind === 'i32' ? 'i32' : 'ptr')
    registers.push(register)
    if (kind === 'f32') return [name, new Real(k, register, false)]
    return [name, kind === 'i32' ? new Int(k, register) : new argumentClasses[kind](k, register)]
  })
  kernel.build(k, Object.fromEntries(entries))
  return k.finish(kernel.name, registers)
}

/** eˣ, relative error below 2e-7; 0 below −87, 2^127-ish above 88. Cephes' expf: x = n·ln 2 + r, degree-6 polynomial. */
export function exp(x: Real): Real {
  const clamped = x.max(-87.3).min(88)
  const n = clamped.mul(Math.LOG2E).nearest()
  const r = n.mulAdd(2.1219444e-4, n.mulAdd(-0.693359375, clamped))
  let p = r.mulAdd(1.98756915e-4, 1.3981999507e-3)
  for (const c of [8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1]) p = p.mulAdd(r, c)
  const value = p.mulAdd(r.mul(r), r).add(1).ldexp(n)
  return x.lt(-87.3).select(0, value)
}

/** ln x of a positive normal number, relative error below 2e-7. Cephes' logf: polynomial in (mantissa − 1). */
export function log(x: Real): Real {
  const big = x.mantissa().gt(Math.SQRT2)
  const m = big.select(x.mantissa().mul(0.5), x.mantissa())
  const e = big.select(x.exponent().add(1), x.exponent())
  const r = m.sub(1)
  let p = r.mulAdd(7.0376836292e-2, -1.151461031e-1)
  const rest = [
    1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1,
    3.3333331174e-1,
  ]
  for (const c of rest) p = p.mulAdd(r, c)
  const square = r.mul(r)
  const y = p.mul(r).mul(square).add(e.mul(-2.1219444e-4)).sub(square.mul(0.5))
  return e.mul(0.693359375).add(r.add(y))
}

/** 1 / (1 + e^−x). */
export const sigmoid = (x: Real): Real => x.k.real(1).div(exp(x.neg()).add(1))
