import { EngineError } from '../errors.ts'
import { bf16FromReal, bf16ToReal } from './bf16.ts'
import type {
  ArithmeticFunction,
  Block,
  Comparison,
  ElementSize,
  Instruction,
  Place,
  Program,
  Register,
  RegisterType,
  UnaryFunction,
} from './ir.ts'

// What a program means, as plain TypeScript: the code generators must agree with this. It runs as thread 0 of 1, with
// vectors of any width, and refuses every access outside the memory it was given.

/** A register as its lanes, one for a scalar. Storing into the typed array rounds to float32, or wraps. */
type Lanes = Float32Array | Int32Array | Uint32Array | Uint8Array | Int8Array | Uint16Array

export interface InterpreterMemory {
  readonly buffer: ArrayBuffer
  /** Whether a kernel may touch the bytes from one address to another (exclusive); by default all of the buffer. */
  allows?(from: number, to: number): boolean
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
  private readonly width: number
  private readonly memory: InterpreterMemory
  private readonly reals: Float32Array
  private readonly integers: Record<ElementSize, Int32Array | Uint16Array | Int8Array>

  constructor(program: Program, width: number, memory: InterpreterMemory) {
    this.program = program
    this.registers = program.types.map(type => lanesOf(type, width))
    this.width = width
    this.memory = memory
    const { buffer } = memory
    this.reals = new Float32Array(buffer)
    this.integers = { 1: new Int8Array(buffer), 2: new Uint16Array(buffer), 4: new Int32Array(buffer) }
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
        if (i.fn === 'evens' || i.fn === 'odds') {
          const first = i.fn === 'evens' ? 0 : 1
          for (let lane = 0; lane < to.length; lane++) to[lane] = bf16ToReal(a[2 * lane + first]!)
          break
        }
        const fn = unary[i.fn]
        for (let lane = 0; lane < to.length; lane++) to[lane] = fn(a[lane]!)
        break
      }
      case 'binary': {
        const to = r[i.to]!
        const a = r[i.a]!
        const b = r[i.b]!
        if (i.fn === 'packPairs') {
          for (let lane = 0; lane < a.length; lane++) {
            to[2 * lane] = bf16FromReal(a[lane]!)
            to[2 * lane + 1] = bf16FromReal(b[lane]!)
          }
          break
        }
        const source = movedLane[i.fn]
        if (source) {
          for (let lane = 0; lane < to.length; lane++) {
            const from = source(lane, to.length)
            to[lane] = from < to.length ? a[from]! : b[from - to.length]!
          }
          break
        }
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
      case 'dot':
        if (this.program.types[i.a] === 'bytes') dotBytes(r[i.a]!, r[i.b]!, r[i.c]!, r[i.to]!)
        else dotPairs(r[i.a]!, r[i.b]!, r[i.c]!, r[i.to]!)
        break
      case 'reduce':
        r[i.to]![0] = reduce(i.fn, r[i.a] as Float32Array)
        break
      case 'address':
        r[i.to]![0] = this.elementAddress({ ...i, offset: 0 })
        break
      case 'load': {
        const to = r[i.to]!
        const { elements, read } = this.elements(to, i.scale)
        const count = i.splat ? to.length / this.width : to.length
        const first = this.firstElement(i, count, elements.BYTES_PER_ELEMENT)
        for (let lane = 0; lane < to.length; lane++) to[lane] = read(elements[first + (lane % count)]!)
        break
      }
      case 'store': {
        const from = r[i.from]!
        const { elements, write } = this.elements(from, i.scale)
        const first = this.firstElement(i, from.length, elements.BYTES_PER_ELEMENT)
        for (let lane = 0; lane < from.length; lane++) elements[first + lane] = write(from[lane]!)
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
      case 'prefetch':
        break
      case 'barrier':
        // The only thread waits for nobody.
        break
    }
  }

  /** Memory as `register` meets it: as elements of `size` bytes, or, a vector of integers, as it is. */
  private elements(register: Lanes, size: ElementSize): ElementAccess {
    const { reals, integers } = this
    if (!(register instanceof Float32Array)) {
      const own = register.length > 1 ? (register.BYTES_PER_ELEMENT as ElementSize) : size
      return { elements: integers[own], read: same, write: same }
    }
    if (size === 4) return { elements: reals, read: same, write: same }
    if (size === 2) return { elements: integers[2], read: bf16ToReal, write: bf16FromReal }
    return { elements: integers[1], read: same, write: byteFromReal }
  }

  private elementAddress({ base, index, scale, offset }: Place): number {
    const elements = index === undefined ? 0 : this.registers[index]![0]!
    return this.registers[base]![0]! + scale * elements + offset
  }

  /** Index of the first of `count` elements of `size` bytes that the access `i` may touch. */
  private firstElement(i: Instruction & { op: 'load' | 'store' }, count: number, size: number): number {
    const { scale } = i
    const address = this.elementAddress(i)
    const end = address + size * count
    const inside = address >= 0 && address % size === 0 && end <= this.memory.buffer.byteLength
    if (inside && (this.memory.allows?.(address, end) ?? true)) return address / size
    const register = (n: Register) => `r${n}=${this.registers[n]![0]}`
    const place = `${register(i.base)}${i.index === undefined ? '' : ` + ${scale}·${register(i.index)}`} + ${i.offset}`
    throw new EngineError(
      'kernel',
      `kernel ${this.program.name}: ${i.op} of ${size * count} bytes at address ${address} (${place}) is outside its arrays`,
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
    case 'ints':
      return new Int32Array(width)
    case 'bytes':
      return new Int8Array(4 * width)
    case 'pairs':
      return new Uint16Array(2 * width)
  }
}

interface ElementAccess {
  elements: Lanes
  read(element: number): number
  write(lane: number): number
}

const same = (x: number): number => x
/** The nearest integer that an int8 holds. */
const byteFromReal = (x: number): number => nearest(Math.max(-128, Math.min(127, x)))

function dotBytes(a: Lanes, b: Lanes, c: Lanes, to: Lanes): void {
  for (let lane = 0; lane < to.length; lane++) {
    let sum = c[lane]!
    for (let i = 4 * lane; i < 4 * lane + 4; i++) sum += a[i]! * b[i]!
    to[lane] = sum
  }
}

function dotPairs(a: Lanes, b: Lanes, c: Lanes, to: Lanes): void {
  const product = (i: number) => bf16ToReal(a[i]!) * bf16ToReal(b[i]!)
  for (let lane = 0; lane < to.length; lane++) {
    to[lane] = Math.fround(c[lane]! + product(2 * lane + 1)) + product(2 * lane)
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

const unary: Record<Exclude<UnaryFunction, 'evens' | 'odds'>, (x: number) => number> = {
  neg: x => -x,
  abs: Math.abs,
  sqrt: Math.sqrt,
  floor: Math.floor,
  nearest,
  exponent: x => ((bitsOf(x) >>> 23) & 255) - 127,
  mantissa: x => realOf((bitsOf(x) & 0x7f_ffff) | 0x3f80_0000),
  toBf16: x => bf16ToReal(bf16FromReal(x)),
  toReal: x => x,
  toInt: x => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(x))),
  lowNibbles: byte => (byte & 15) - 8,
  highNibbles: byte => ((byte >> 4) & 15) - 8,
}

/** Which lane of a and b, one after the other, goes to a lane of a vector of `width`. */
const movedLane: Partial<Record<ArithmeticFunction, (lane: number, width: number) => number>> = {
  interleaveLow: (lane, width) => lane - (lane % 4) + ((lane % 4) >> 1) + (lane % 2) * width,
  interleaveHigh: (lane, width) => lane - (lane % 4) + ((lane % 4) >> 1) + 2 + (lane % 2) * width,
  evenFours: lane => 8 * (lane >> 2) + (lane % 4),
  oddFours: lane => 8 * (lane >> 2) + (lane % 4) + 4,
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

export const integerArithmetic: Partial<Record<ArithmeticFunction, (a: number, b: number) => number>> = {
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

export const comparison: Record<Comparison, (a: number, b: number) => boolean> = {
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
}

/** In every four lanes the first and the third, the second and the fourth, and both; then neighbouring fours, and so on. */
function reduce(fn: 'sum' | 'max', lanes: Float32Array): number {
  const join = (a: number, b: number) => (fn === 'sum' ? Math.fround(a + b) : Math.max(a, b))
  if (lanes.length === 4) {
    const [a, b, c, d] = lanes as unknown as [number, number, number, number]
    return join(join(a, c), join(b, d))
  }
  const half = lanes.length / 2
  return join(reduce(fn, lanes.subarray(0, half)), reduce(fn, lanes.subarray(half)))
}
