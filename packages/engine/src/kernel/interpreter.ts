import { EngineError } from '../errors.ts'
import type {
  ArithmeticFunction,
  Block,
  Comparison,
  Instruction,
  Program,
  Register,
  RegisterType,
  UnaryFunction,
} from './ir.ts'

// What a program means, as plain TypeScript: the code generators must agree with this. It runs as thread 0 of 1, with
// vectors of any width, and refuses every access outside the memory it was given.

/** A register as its lanes, one for a scalar. Storing into the typed array rounds to float32, or wraps to 32 bits. */
type Lanes = Float32Array | Int32Array | Uint32Array | Uint8Array

export interface InterpreterMemory {
  readonly buffer: ArrayBuffer
  /** Whether a kernel may touch the 4-byte word at this address; by default all words of the buffer. */
  allows?(address: number): boolean
}

/**
 * Runs `program`, built for vectors of `width` lanes, on `memory`. `args`: one value for each of `program.params`;
 * arrays as byte addresses. A `kernel` error that names kernel and instruction for an access that memory does not allow.
 */
export function interpret(program: Program, width: number, memory: InterpreterMemory, args: readonly number[]): void {
  new Interpreter(program, width, memory).run(args)
}

class Interpreter {
  private readonly program: Program
  private readonly registers: Lanes[]
  private readonly reals: Float32Array
  private readonly integers: Int32Array
  private readonly allows: (address: number) => boolean

  constructor(program: Program, width: number, memory: InterpreterMemory) {
    this.program = program
    this.registers = program.types.map(type => lanesOf(type, width))
    this.reals = new Float32Array(memory.buffer)
    this.integers = new Int32Array(memory.buffer)
    this.allows = memory.allows?.bind(memory) ?? (() => true)
  }

  run(args: readonly number[]): void {
    const { params, thread, threads, body } = this.program
    for (const [slot, register] of params.entries()) this.registers[register]![0] = args[slot]!
    this.registers[thread]![0] = 0
    this.registers[threads]![0] = 1
    this.block(body)
  }

  private block(block: Block): void {
    for (const instruction of block) this.instruction(instruction)
  }

  private instruction(i: Instruction): void {
    const { registers: r } = this
    switch (i.op) {
      case 'const':
        r[i.to]!.fill(i.value)
        break
      case 'splat':
        r[i.to]!.fill(r[i.from]![0]!)
        break
      case 'copy':
        r[i.to]!.set(r[i.from]!)
        break
      case 'unary': {
        const to = r[i.to]!
        const a = r[i.a]!
        const fn = unary[i.fn]
        for (let lane = 0; lane < to.length; lane++) to[lane] = fn(a[lane]!)
        break
      }
      case 'binary': {
        const to = r[i.to]!
        const a = r[i.a]!
        const b = r[i.b]!
        const fn = (to instanceof Int32Array ? integerArithmetic : realArithmetic)[i.fn]!
        for (let lane = 0; lane < to.length; lane++) to[lane] = fn(a[lane]!, b[lane]!)
        break
      }
      case 'compare': {
        const to = r[i.to]!
        const a = r[i.a]!
        const b = r[i.b]!
        for (let lane = 0; lane < to.length; lane++) to[lane] = comparison[i.fn](a[lane]!, b[lane]!) ? 1 : 0
        break
      }
      case 'select': {
        const to = r[i.to]!
        const condition = r[i.condition]!
        const a = r[i.a]!
        const b = r[i.b]!
        const laneByLane = this.program.types[i.condition] === 'mask'
        for (let lane = 0; lane < to.length; lane++) to[lane] = condition[laneByLane ? lane : 0] ? a[lane]! : b[lane]!
        break
      }
      case 'fma': {
        // Exact product; the sum is rounded to float64 and then to float32, which is once in all but rare cases.
        const to = r[i.to]!
        const a = r[i.a]!
        const b = r[i.b]!
        const c = r[i.c]!
        for (let lane = 0; lane < to.length; lane++) to[lane] = a[lane]! * b[lane]! + c[lane]!
        break
      }
      case 'reduce':
        r[i.to]![0] = reduce(i.fn, r[i.a] as Float32Array)
        break
      case 'address':
        r[i.to]![0] = this.elementAddress(i.base, i.index, 0)
        break
      case 'load': {
        const to = r[i.to]!
        const memory = to instanceof Float32Array ? this.reals : this.integers
        const first = this.wordsAt(i, i.splat ? 1 : to.length)
        for (let lane = 0; lane < to.length; lane++) to[lane] = memory[i.splat ? first : first + lane]!
        break
      }
      case 'store': {
        const from = r[i.from]!
        const memory = from instanceof Float32Array ? this.reals : this.integers
        memory.set(from, this.wordsAt(i, from.length))
        break
      }
      case 'loop': {
        const counter = r[i.counter]!
        const to = r[i.to]!
        for (counter[0] = r[i.from]![0]!; counter[0]! < to[0]!; counter[0]! += i.step) this.block(i.body)
        break
      }
      case 'if':
        this.block(r[i.condition]![0] ? i.body : i.otherwise)
        break
      case 'tasks': {
        const task = r[i.task]!
        const count = r[i.count]!
        for (task[0] = 0; task[0] < count[0]!; task[0]++) this.block(i.body)
        break
      }
      case 'barrier':
        // The only thread waits for nobody.
        break
    }
  }

  private elementAddress(base: Register, index: Register | undefined, offset: number): number {
    const elements = index === undefined ? 0 : this.registers[index]![0]!
    return this.registers[base]![0]! + 4 * elements + offset
  }

  /** Index of the first of `count` words that the access `i` may touch. */
  private wordsAt(i: Instruction & { op: 'load' | 'store' }, count: number): number {
    const address = this.elementAddress(i.base, i.index, i.offset)
    const end = address + 4 * count
    let allowed = address >= 0 && address % 4 === 0 && end <= this.reals.byteLength
    for (let word = address; allowed && word < end; word += 4) allowed = this.allows(word)
    if (allowed) return address / 4
    const register = (n: Register) => `r${n}=${this.registers[n]![0]}`
    const place = `${register(i.base)}${i.index === undefined ? '' : ` + 4·${register(i.index)}`} + ${i.offset}`
    throw new EngineError(
      'kernel',
      `kernel ${this.program.name}: ${i.op} of ${4 * count} bytes at address ${address} (${place}) is outside its arrays`,
    )
  }
}

function lanesOf(type: RegisterType, width: number): Lanes {
  switch (type) {
    case 'i32':
      return new Int32Array(1)
    case 'ptr':
      return new Uint32Array(1)
    case 'f32':
      return new Float32Array(1)
    case 'vec':
      return new Float32Array(width)
    case 'mask':
      return new Uint8Array(width)
  }
}

const scratch = new DataView(new ArrayBuffer(4))
const bitsOf = (x: number): number => {
  scratch.setFloat32(0, x)
  return scratch.getInt32(0)
}
const realOf = (bits: number): number => {
  scratch.setInt32(0, bits)
  return scratch.getFloat32(0)
}

/** The nearest integer, of two equally near ones the even one. */
function nearest(x: number): number {
  const below = Math.floor(x)
  if (x - below === 0.5) return below % 2 === 0 ? below : below + 1
  return Math.round(x)
}

const unary: Record<UnaryFunction, (x: number) => number> = {
  neg: x => -x,
  abs: Math.abs,
  sqrt: Math.sqrt,
  floor: Math.floor,
  nearest,
  exponent: x => ((bitsOf(x) >>> 23) & 255) - 127,
  mantissa: x => realOf((bitsOf(x) & 0x7f_ffff) | 0x3f80_0000),
  toReal: x => x,
  toInt: x => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(x))),
}

const realArithmetic: Partial<Record<ArithmeticFunction, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  // Of a NaN and a number, generated code may give either.
  min: Math.min,
  max: Math.max,
  ldexp: (x, n) => x * 2 ** Math.trunc(n),
}

function divisor(b: number): number {
  if (b === 0) throw new EngineError('kernel', 'integer division by zero')
  return b
}

const integerArithmetic: Partial<Record<ArithmeticFunction, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: Math.imul,
  div: (a, b) => Math.floor(a / divisor(b)),
  rem: (a, b) => a % divisor(b),
  min: Math.min,
  max: Math.max,
  and: (a, b) => a & b,
  shl: (a, b) => a << b,
  shr: (a, b) => a >>> b,
}

const comparison: Record<Comparison, (a: number, b: number) => boolean> = {
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
}

/** Neighbours join first, then pairs of neighbours, and so on. */
function reduce(fn: 'sum' | 'max', lanes: Float32Array): number {
  if (lanes.length === 1) return lanes[0]!
  const half = lanes.length / 2
  const [left, right] = [reduce(fn, lanes.subarray(0, half)), reduce(fn, lanes.subarray(half))]
  return fn === 'sum' ? Math.fround(left + right) : Math.max(left, right)
}
