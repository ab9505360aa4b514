import { parameterBytes, parametersAt, taskSlot } from './abi.ts'
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
} from './ir.ts'
import type { Target } from './language.ts'

// Code generator for WebAssembly with 128-bit relaxed SIMD. One module a kernel, one export
// `run(args, thread, threads)`, memory imported as `engine.memory`. Opcodes: WebAssembly core specification 3.0,
// section 5.4, and the threads proposal for atomics.

export const wasmTarget: Target = { name: 'wasm', width: 4, registers: 16 }
/** The same where V8 joins pairs of vectors to registers of 256 bits. */
export const joinedWasmTarget: Target = { ...wasmTarget, joined: 2 }

/** Turns of the barrier's loop before the thread sleeps; about as long as a short kernel runs. */
const barrierSpins = 20_000
const barrierSleepNanoseconds = 200_000

const valueType: Record<RegisterType, number> = {
  i32: 0x7f,
  ptr: 0x7f,
  f32: 0x7d,
  vec: 0x7b,
  mask: 0x7b,
  ints: 0x7b,
  bytes: 0x7b,
  pairs: 0x7b,
}

const i32Arithmetic: Partial<Record<ArithmeticFunction, number>> = {
  add: 0x6a,
  sub: 0x6b,
  mul: 0x6c,
  div: 0x6e,
  rem: 0x70,
  and: 0x71,
  shl: 0x74,
  shr: 0x76,
}
const f32Arithmetic: Partial<Record<ArithmeticFunction, number>> = {
  add: 0x92,
  sub: 0x93,
  mul: 0x94,
  div: 0x95,
  min: 0x96,
  max: 0x97,
}
// Vector min and max are the "pseudo" ones, one instruction on x86: a NaN on the left stays.
const vecArithmetic: Partial<Record<ArithmeticFunction, number>> = {
  add: 0xe4,
  sub: 0xe5,
  mul: 0xe6,
  div: 0xe7,
  min: 0xea,
  max: 0xeb,
}
const i32Comparison: Record<Comparison, number> = { eq: 0x46, ne: 0x47, lt: 0x48, gt: 0x4a, le: 0x4c, ge: 0x4e }
const f32Comparison: Record<Comparison, number> = { eq: 0x5b, ne: 0x5c, lt: 0x5d, gt: 0x5e, le: 0x5f, ge: 0x60 }
const vecComparison: Record<Comparison, number> = { eq: 0x41, ne: 0x42, lt: 0x43, gt: 0x44, le: 0x45, ge: 0x46 }
const f32Unary = { abs: 0x8b, neg: 0x8c, floor: 0x8e, nearest: 0x90, sqrt: 0x91 } as const
const vecUnary = { abs: 0xe0, neg: 0xe1, floor: 0x68, nearest: 0x6a, sqrt: 0xe3 } as const

const op = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  select: 0x1b,
  typedSelect: 0x1c,
  get: 0x20,
  set: 0x21,
  tee: 0x22,
  i32Load: 0x28,
  f32Load: 0x2a,
  i32Load8: 0x2c,
  i32Load16Unsigned: 0x2f,
  i32Store: 0x36,
  f32Store: 0x38,
  i32Store8: 0x3a,
  i32Store16: 0x3b,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  drop: 0x1a,
  i32And: 0x71,
  i32Or: 0x72,
  i32FromBits: 0xbc,
  f32FromBits: 0xbe,
  f32FromI32: 0xb2,
  void: 0x40,
} as const
const simd = {
  load: 0x00,
  load16x4Unsigned: 0x04,
  load16Splat: 0x08,
  loadSplat: 0x09,
  store: 0x0b,
  const: 0x0c,
  shuffle: 0x0d,
  i8Splat: 0x0f,
  i32Splat: 0x11,
  f32Splat: 0x13,
  extractLane: 0x1f,
  and: 0x4e,
  or: 0x50,
  bitselect: 0x52,
  storeLane32: 0x5a,
  storeLane64: 0x5b,
  narrow16To8: 0x65,
  i8ShrUnsigned: 0x6d,
  i8Sub: 0x71,
  narrow32To16: 0x85,
  narrow32To16Unsigned: 0x86,
  i16Shl: 0x8b,
  i16Shr: 0x8c,
  shl: 0xab,
  shrUnsigned: 0xad,
  i32Add: 0xae,
  i32Sub: 0xb1,
  dot16: 0xba,
  truncate: 0xf8,
  convert: 0xfa,
  multiplyAdd: 0x105,
} as const
/** By the size of the element in memory. */
type BySize = Partial<Record<ElementSize, number>>
const scalarLoads: Record<'i32' | 'f32', BySize> = {
  i32: { 1: op.i32Load8, 4: op.i32Load },
  f32: { 2: op.i32Load16Unsigned, 4: op.f32Load },
}
const scalarStores: Record<'i32' | 'f32', BySize> = {
  i32: { 1: op.i32Store8, 4: op.i32Store },
  f32: { 2: op.i32Store16, 4: op.f32Store },
}
const intsArithmetic: Partial<Record<ArithmeticFunction, number>> = { add: simd.i32Add, sub: simd.i32Sub }
/** Which lanes of two vectors, one after the other, make the result. A vector of four lanes has no second four. */
const laneMoves: Partial<Record<ArithmeticFunction, readonly number[]>> = {
  interleaveLow: [0, 4, 1, 5],
  interleaveHigh: [2, 6, 3, 7],
}
/** Mask of the odd elements of pairs. */
const upperHalf = 0xffff0000 | 0
const atomic = { wait32: 0x01, load: 0x10, add: 0x1e } as const

const scalarTypes: readonly RegisterType[] = ['i32', 'f32', 'ptr']
const isScalar = (type: RegisterType): boolean => scalarTypes.includes(type)

/** Growing bytes with the encodings of the format. */
class Bytes {
  readonly list: number[] = []

  byte(...values: number[]): this {
    for (const value of values) this.list.push(value)
    return this
  }
  unsigned(value: number): this {
    let rest = value >>> 0
    while (rest > 0x7f) {
      this.list.push((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.list.push(rest)
    return this
  }
  signed(value: number): this {
    let rest = value | 0
    for (;;) {
      const low = rest & 0x7f
      rest >>= 7
      const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)
      this.list.push(done ? low : low | 0x80)
      if (done) return this
    }
  }
  float(value: number): this {
    return this.byte(...new Uint8Array(Float32Array.of(value).buffer))
  }
  text(value: string): this {
    const bytes = new TextEncoder().encode(value)
    return this.unsigned(bytes.length).byte(...bytes)
  }
  /** Another sequence with its length in front. */
  sized(inner: Bytes): this {
    this.unsigned(inner.list.length)
    for (const value of inner.list) this.list.push(value)
    return this
  }
  section(id: number, inner: Bytes): this {
    return this.byte(id).sized(inner)
  }
}

/** Writes the body of one kernel: `locals[register]` says where each virtual register lives. */
class FunctionWriter {
  readonly code = new Bytes()
  private readonly program: Program
  private readonly locals: number[]
  /** The first of two spare i32 locals, for the barrier. */
  private readonly spare: number

  constructor(program: Program, locals: number[], spare: number) {
    this.program = program
    this.locals = locals
    this.spare = spare
  }

  private get(...registers: Register[]): this {
    for (const register of registers) this.code.byte(op.get).unsigned(this.locals[register]!)
    return this
  }
  private set(register: Register): void {
    this.code.byte(op.set).unsigned(this.locals[register]!)
  }
  private simd(code: number): Bytes {
    return this.code.byte(0xfd).unsigned(code)
  }
  /** An atomic instruction on the 4 aligned bytes at the address on the stack plus `offset`. */
  private atomic(code: number, offset: number): void {
    this.code.byte(0xfe).unsigned(code).byte(2).unsigned(offset)
  }
  /** The address of the argument block, the function's first parameter. */
  private args(): this {
    this.code.byte(op.get, 0)
    return this
  }
  private constant(value: number): this {
    this.code.byte(op.i32Const).signed(value)
    return this
  }
  private splatConstant(value: number): void {
    this.constant(value).simd(simd.i32Splat)
  }
  private splatByte(value: number): void {
    this.constant(value).simd(simd.i8Splat)
  }

  parameters(): void {
    const { params, types } = this.program
    params.forEach((register, i) => {
      this.args().code.byte(types[register] === 'f32' ? op.f32Load : op.i32Load, 2)
      this.code.unsigned(parametersAt(this.program) + parameterBytes * i)
      this.set(register)
    })
  }

  block(block: Block): void {
    for (const instruction of block) this.instruction(instruction)
  }

  private instruction(i: Instruction): void {
    const { code } = this
    const { types } = this.program
    switch (i.op) {
      case 'const':
        if (types[i.to] === 'i32') this.constant(i.value)
        else if (types[i.to] === 'f32') code.byte(op.f32Const).float(i.value)
        else if (types[i.to] === 'ints') this.splatConstant(i.value)
        else for (let lane = this.simd(simd.const), n = 0; n < 4; n++) lane.float(i.value)
        this.set(i.to)
        return
      case 'splat':
        this.get(i.from).simd(simd.f32Splat)
        this.set(i.to)
        return
      case 'unary':
        this.unary(i)
        this.set(i.to)
        return
      case 'binary':
        this.binary(i)
        this.set(i.to)
        return
      case 'compare': {
        this.get(i.a, i.b)
        const type = types[i.a]
        if (type === 'vec') this.simd(vecComparison[i.fn])
        else code.byte(type === 'f32' ? f32Comparison[i.fn] : i32Comparison[i.fn])
        this.set(i.to)
        return
      }
      case 'select':
        this.get(i.a, i.b, i.condition)
        if (types[i.condition] === 'mask') this.simd(simd.bitselect)
        else if (types[i.to] === 'vec') code.byte(op.typedSelect, 1, valueType.vec)
        else code.byte(op.select)
        this.set(i.to)
        return
      case 'fma':
        this.get(i.a, i.b)
        // WebAssembly has no fused scalar; tails round twice.
        if (types[i.to] === 'vec') this.get(i.c).simd(simd.multiplyAdd)
        else {
          code.byte(f32Arithmetic.mul!)
          this.get(i.c)
          code.byte(f32Arithmetic.add!)
        }
        this.set(i.to)
        return
      case 'dot':
        this.dot(i)
        this.set(i.to)
        return
      case 'reduce': {
        const join = f32Arithmetic[i.fn === 'sum' ? 'add' : 'max']!
        const lane = (n: number) => this.get(i.a).simd(simd.extractLane).byte(n)
        lane(0)
        lane(2)
        code.byte(join)
        lane(1)
        lane(3)
        code.byte(join, join)
        this.set(i.to)
        return
      }
      case 'copy':
        this.get(i.from)
        this.set(i.to)
        return
      case 'address':
        this.elementAddress(i)
        this.set(i.to)
        return
      case 'load':
        this.load(i)
        this.set(i.to)
        return
      case 'store':
        this.store(i)
        return
      case 'prefetch':
        // WebAssembly has no such instruction.
        return
      case 'loop':
        // The test stands at the bottom, with one check before the first turn.
        this.get(i.from)
        this.set(i.counter)
        code.byte(op.block, op.void)
        this.get(i.counter, i.to)
        code.byte(i32Comparison.ge, op.brIf, 0, op.loop, op.void)
        this.block(i.body)
        this.get(i.counter).constant(i.step)
        code.byte(i32Arithmetic.add!)
        this.set(i.counter)
        this.get(i.counter, i.to)
        code.byte(i32Comparison.lt, op.brIf, 0, op.end, op.end)
        return
      case 'if':
        this.get(i.condition)
        code.byte(op.if, op.void)
        this.block(i.body)
        if (i.otherwise.length > 0) {
          code.byte(op.else)
          this.block(i.otherwise)
        }
        code.byte(op.end)
        return
      case 'tasks':
        code.byte(op.loop, op.void)
        this.args()
          .constant(1)
          .atomic(atomic.add, taskSlot.bytes * i.slot)
        this.set(i.task)
        this.get(i.task, i.count)
        code.byte(i32Comparison.lt, op.if, op.void)
        this.block(i.body)
        this.args()
          .constant(1)
          .atomic(atomic.add, taskSlot.bytes * i.slot + taskSlot.done)
        code.byte(op.drop, op.br, 1, op.end, op.end)
        break
      case 'barrier':
        this.barrier(i)
        return
    }
  }

  private elementAddress({ base, index, scale }: Pick<Place, 'base' | 'index' | 'scale'>): void {
    this.get(base)
    if (index === undefined) return
    this.get(index)
    if (scale > 1) this.constant(Math.log2(scale)).code.byte(i32Arithmetic.shl!)
    this.code.byte(i32Arithmetic.add!)
  }

  /** What a load or store says of its address: elements are aligned to their size. */
  private place({ scale, offset }: Place): Bytes {
    return this.code.byte(Math.log2(scale)).unsigned(offset)
  }

  private load(i: Instruction & { op: 'load' }): void {
    const { code } = this
    const type = this.program.types[i.to]!
    this.elementAddress(i)
    if (isScalar(type)) {
      code.byte(scalarLoads[type === 'f32' ? 'f32' : 'i32'][i.scale]!)
      this.place(i)
      if (type === 'f32' && i.scale === 2) this.constant(16).code.byte(i32Arithmetic.shl!, op.f32FromBits)
    } else if (type === 'vec' && i.scale === 2) {
      this.simd(i.splat ? simd.load16Splat : simd.load16x4Unsigned)
      this.place(i)
      this.constant(16).simd(simd.shl)
    } else {
      this.simd(i.splat ? simd.loadSplat : simd.load)
      this.place(i)
    }
  }

  private store(i: Instruction & { op: 'store' }): void {
    const { code } = this
    const type = this.program.types[i.from]!
    this.elementAddress(i)
    if (isScalar(type)) {
      if (type === 'f32' && i.scale === 2) this.bf16Bits(i.from)
      else this.get(i.from)
      code.byte(scalarStores[type === 'f32' ? 'f32' : 'i32'][i.scale]!)
      this.place(i)
    } else if (type === 'vec' && i.scale !== 4) {
      this.narrowed(i.from, i.scale)
      this.simd(i.scale === 2 ? simd.storeLane64 : simd.storeLane32)
      this.place(i).byte(0)
    } else {
      this.get(i.from).simd(simd.store)
      this.place(i)
    }
  }

  /** The vector's lanes as bfloat16 or int8, side by side in the low half or quarter. */
  private narrowed(vector: Register, size: 1 | 2): void {
    if (size === 2) {
      this.bf16Vector(vector)
      this.constant(16).simd(simd.shrUnsigned)
      this.splatConstant(0)
      this.simd(simd.narrow32To16Unsigned)
    } else {
      this.get(vector).simd(vecUnary.nearest)
      this.simd(simd.truncate)
      this.splatConstant(0)
      this.simd(simd.narrow32To16)
      this.splatConstant(0)
      this.simd(simd.narrow16To8)
    }
  }

  /** Lanes of a vector whose upper halves are its numbers rounded to bfloat16, ties to even; a NaN stays one. */
  private bf16Vector(vector: Register): void {
    this.get(vector).constant(16).simd(simd.shrUnsigned)
    this.splatConstant(1)
    this.simd(simd.and)
    this.splatConstant(0x7fff)
    this.simd(simd.i32Add)
    this.get(vector).simd(simd.i32Add)
    this.get(vector).splatConstant(0x400000)
    this.simd(simd.or)
    this.get(vector, vector).simd(vecComparison.eq)
    this.simd(simd.bitselect)
  }

  /** The bits of a scalar rounded to bfloat16, as `bf16Vector` rounds. */
  private bf16Bits(scalar: Register): void {
    const { code } = this
    const bits = () => {
      this.get(scalar).code.byte(op.i32FromBits)
      return this
    }
    bits().constant(16).code.byte(i32Arithmetic.shr!)
    this.constant(1).code.byte(op.i32And)
    this.constant(0x7fff).code.byte(i32Arithmetic.add!)
    bits().code.byte(i32Arithmetic.add!)
    bits().constant(0x400000).code.byte(op.i32Or)
    this.get(scalar, scalar).code.byte(f32Comparison.eq, op.select)
    this.constant(16)
    code.byte(i32Arithmetic.shr!)
  }

  private toBf16(register: Register, isVector: boolean): void {
    if (isVector) {
      this.bf16Vector(register)
      this.splatConstant(upperHalf)
      this.simd(simd.and)
    } else {
      this.bf16Bits(register)
      this.constant(16).code.byte(i32Arithmetic.shl!, op.f32FromBits)
    }
  }

  private dot(i: Instruction & { op: 'dot' }): void {
    if (this.program.types[i.a] === 'bytes') {
      // Of 16-bit lanes that hold the even bytes, then of those that hold the odd ones.
      this.get(i.c)
      for (const odd of [false, true]) {
        for (const register of [i.a, i.b]) {
          this.get(register)
          if (!odd) this.constant(8).simd(simd.i16Shl)
          this.constant(8).simd(simd.i16Shr)
        }
        this.simd(simd.dot16)
        this.simd(simd.i32Add)
      }
      return
    }
    // Products of bfloat16 are exact in float32: fused or not, a multiply-add rounds the sum alone.
    for (const register of [i.a, i.b]) this.get(register).constant(16).simd(simd.shl)
    for (const register of [i.a, i.b]) {
      this.get(register).splatConstant(upperHalf)
      this.simd(simd.and)
    }
    this.get(i.c).simd(simd.multiplyAdd)
    this.simd(simd.multiplyAdd)
  }

  private unary(i: Instruction & { op: 'unary' }): void {
    const { code } = this
    const isVector = this.program.types[i.a] === 'vec'
    if (i.fn === 'toBf16') {
      this.toBf16(i.a, isVector)
      return
    }
    this.get(i.a)
    switch (i.fn) {
      case 'toReal':
        if (this.program.types[i.a] === 'ints') this.simd(simd.convert)
        else code.byte(op.f32FromI32)
        return
      case 'lowNibbles':
        this.splatByte(15)
        this.simd(simd.and)
        this.splatByte(8)
        this.simd(simd.i8Sub)
        return
      case 'highNibbles':
        this.constant(4).simd(simd.i8ShrUnsigned)
        this.splatByte(8)
        this.simd(simd.i8Sub)
        return
      case 'evens':
        this.constant(16).simd(simd.shl)
        return
      case 'odds':
        this.splatConstant(upperHalf)
        this.simd(simd.and)
        return
      case 'toInt':
        code.byte(0xfc, 0)
        return
      case 'exponent':
        if (isVector) {
          this.constant(23).simd(simd.shrUnsigned)
          this.splatConstant(255)
          this.simd(simd.and)
          this.splatConstant(127)
          this.simd(simd.i32Sub)
          this.simd(simd.convert)
        } else {
          code.byte(op.i32FromBits)
          this.constant(23).code.byte(i32Arithmetic.shr!)
          this.constant(255).code.byte(op.i32And)
          this.constant(127).code.byte(i32Arithmetic.sub!, op.f32FromI32)
        }
        return
      case 'mantissa':
        if (isVector) {
          this.splatConstant(0x7fffff)
          this.simd(simd.and)
          this.splatConstant(0x3f800000)
          this.simd(simd.or)
        } else {
          code.byte(op.i32FromBits)
          this.constant(0x7fffff).code.byte(op.i32And)
          this.constant(0x3f800000).code.byte(op.i32Or, op.f32FromBits)
        }
        return
      default:
        if (isVector) this.simd(vecUnary[i.fn])
        else code.byte(f32Unary[i.fn])
    }
  }

  private binary(i: Instruction & { op: 'binary' }): void {
    const { code } = this
    const type = this.program.types[i.to]
    if (i.fn === 'ldexp') {
      // x · 2^n with 2^n made from its bits.
      this.get(i.a, i.b)
      if (type === 'vec') {
        this.simd(simd.truncate)
        this.splatConstant(127)
        this.simd(simd.i32Add)
        this.constant(23).simd(simd.shl)
        this.simd(vecArithmetic.mul!)
      } else {
        code.byte(0xfc, 0)
        this.constant(127).code.byte(i32Arithmetic.add!)
        this.constant(23).code.byte(i32Arithmetic.shl!, op.f32FromBits, f32Arithmetic.mul!)
      }
      return
    }
    const lanes = laneMoves[i.fn]
    if (lanes) {
      this.get(i.a, i.b)
      this.simd(simd.shuffle).byte(...lanes.flatMap(lane => [0, 1, 2, 3].map(byte => 4 * lane + byte)))
      return
    }
    if (i.fn === 'packPairs') {
      this.bf16Vector(i.a)
      this.constant(16).simd(simd.shrUnsigned)
      this.bf16Vector(i.b)
      this.splatConstant(upperHalf)
      this.simd(simd.and)
      this.simd(simd.or)
      return
    }
    if (type === 'i32' && (i.fn === 'min' || i.fn === 'max')) {
      this.get(i.a, i.b, i.a, i.b)
      code.byte(i32Comparison[i.fn === 'min' ? 'lt' : 'gt'], op.select)
      return
    }
    this.get(i.a, i.b)
    if (type === 'vec') this.simd(vecArithmetic[i.fn]!)
    else if (type === 'ints') this.simd(intsArithmetic[i.fn]!)
    else code.byte((type === 'f32' ? f32Arithmetic : i32Arithmetic)[i.fn]!)
  }

  /** Waits for the tasks of a slot: spins a while, then sleeps in short naps, since nobody wakes it. */
  private barrier(i: Instruction & { op: 'barrier' }): void {
    const { code, spare } = this
    const doneTasks = taskSlot.bytes * i.slot + taskSlot.done
    const done = spare
    const spins = spare + 1
    this.constant(0)
    code.byte(op.set).unsigned(spins).byte(op.loop, op.void)
    this.args().atomic(atomic.load, doneTasks)
    code.byte(op.tee).unsigned(done)
    this.get(i.count)
    code.byte(i32Comparison.lt, op.if, op.void, op.get).unsigned(spins)
    this.constant(1)
    code.byte(i32Arithmetic.add!, op.tee).unsigned(spins)
    this.constant(barrierSpins)
    code.byte(i32Comparison.gt, op.if, op.void)
    this.args().code.byte(op.get).unsigned(done).byte(op.i64Const).signed(barrierSleepNanoseconds)
    this.atomic(atomic.wait32, doneTasks)
    code.byte(op.drop, op.end, op.br, 1, op.end, op.end)
  }
}

/** The bytes of a WebAssembly module that runs `program`. `maximumPages`: the size the shared memory may grow to. */
export function generateWasm(program: Program, maximumPages: number): Uint8Array<ArrayBuffer> {
  // Locals 0 to 2 are the function's parameters; the others are grouped by type, as the format wants them.
  const locals: number[] = []
  locals[program.thread] = 1
  locals[program.threads] = 2
  const groups: { type: number; count: number }[] = []
  let next = 3
  for (const type of new Set(Object.values(valueType))) {
    const group = { type, count: 0 }
    program.types.forEach((registerType, register) => {
      if (valueType[registerType] !== type || locals[register] !== undefined) return
      locals[register] = next++
      group.count++
    })
    groups.push(group)
  }
  const spare = next
  groups.push({ type: valueType.i32, count: 2 })

  const writer = new FunctionWriter(program, locals, spare)
  writer.parameters()
  writer.block(program.body)
  writer.code.byte(op.end)

  const body = new Bytes().unsigned(groups.length)
  for (const { type, count } of groups) body.unsigned(count).byte(type)
  for (const value of writer.code.list) body.list.push(value)

  const { i32 } = valueType
  const module = new Bytes()
    .byte(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
    .section(1, new Bytes().unsigned(1).byte(0x60).unsigned(3).byte(i32, i32, i32).unsigned(0))
    .section(
      2,
      new Bytes().unsigned(1).text('engine').text('memory').byte(0x02, 0x03).unsigned(1).unsigned(maximumPages),
    )
    .section(3, new Bytes().unsigned(1).unsigned(0))
    .section(7, new Bytes().unsigned(1).text('run').byte(0x00).unsigned(0))
    .section(10, new Bytes().unsigned(1).sized(body))
  return Uint8Array.from(module.list)
}
