import { EngineError } from '../../errors.ts'
import { parameterBytes, parametersAt, taskSlot } from '../abi.ts'
import type {
  ArithmeticFunction,
  Block,
  Comparison,
  Instruction,
  Place,
  Program,
  Register,
  RegisterType,
} from '../ir.ts'
import {
  Assembler,
  type Condition,
  type Label,
  type Memory,
  type PoolReference,
  type VectorInstruction,
} from './encoder.ts'
import type { X64Target } from './features.ts'
import { type Folded, fold } from './fold.ts'
import { dotBytes, dotPairs, nibbles, roundToUpperHalves, type Source, upperHalf } from './narrow.ts'
import { type Allocation, allocate, type Location, type LoopPlaces } from './registers.ts'

// Code generator for x86-64: a function `run(args, thread, threads)` in the System V convention. Reals live in vector
// registers, integers and addresses in general ones, an integer always sign-extended to 64 bits so that it can index.
// Instruction names: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.

const [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi] = [0, 1, 2, 3, 4, 5, 6, 7] as const
/** Never allocated: operands that live in the frame pass through these. */
const scratch = { first: rax, second: rcx } as const
const general = [rsi, rdi, rdx, 8, 9, 10, 11, rbx, rbp, 12, 13, 14, 15]
const calleeSaved = [rbx, rbp, 12, 13, 14, 15]

/** The frame begins with the address of the arguments, a word to put something aside, and borrowed vector registers. */
const frameLayout = { args: 0, saved: 8, borrowed: 64, end: 320 }
/** Turns of the barrier's loop before the system may give the core to somebody else, at every turn from then on. */
const spinsBeforeYield = 4096
const schedYield = 24

type VectorLength = 'scalar' | 128 | 256 | 512
/** What a vector instruction reads: a register, memory, or one number in memory repeated over the lanes. */
type Operand = number | Memory | PoolReference | { broadcast: Memory | PoolReference }

/** Predicates of vcmpps: ordered, so false for NaN; `ne` is true for it. */
const predicates: Record<Comparison, number> = { eq: 0x00, lt: 0x11, le: 0x12, ne: 0x04, ge: 0x1d, gt: 0x1e }
const signedConditions: Record<Comparison, Condition> = { eq: 'e', ne: 'ne', lt: 'l', le: 'le', gt: 'g', ge: 'ge' }
const opposite: Record<Condition, Condition> = {
  o: 'no',
  no: 'o',
  b: 'ae',
  ae: 'b',
  e: 'ne',
  ne: 'e',
  be: 'a',
  a: 'be',
  s: 'ns',
  ns: 's',
  p: 'np',
  np: 'p',
  l: 'ge',
  ge: 'l',
  le: 'g',
  g: 'le',
}
const realArithmetic: Partial<Record<ArithmeticFunction, string>> = {
  add: 'vadd',
  sub: 'vsub',
  mul: 'vmul',
  div: 'vdiv',
  min: 'vmin',
  max: 'vmax',
}
const intsArithmetic: Partial<Record<ArithmeticFunction, string>> = { add: 'vpaddd', sub: 'vpsubd' }
type LaneMove = readonly [name: string, immediate?: number]
/** Instructions that move lanes of two vectors, of 256 and of 512 bits. */
const laneMoves: Partial<Record<ArithmeticFunction, { narrow: LaneMove; wide: LaneMove }>> = {
  interleaveLow: { narrow: ['vunpcklps'], wide: ['vunpcklps'] },
  interleaveHigh: { narrow: ['vunpckhps'], wide: ['vunpckhps'] },
  evenFours: { narrow: ['vperm2f128', 0x20], wide: ['vshuff32x4', 0x88] },
  oddFours: { narrow: ['vperm2f128', 0x31], wide: ['vshuff32x4', 0xdd] },
}
const narrowTypes: ReadonlySet<RegisterType> = new Set(['ints', 'bytes', 'pairs'])

const bitsOf = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0]!

/** The machine code of a kernel, ready for `sharedObject`, with what a test wants to know about it. */
export interface X64Code {
  readonly bytes: Uint8Array
  /** Values that an innermost loop has to fetch from the stack frame, for each such loop. */
  readonly innerLoopSpills: ReadonlyMap<Instruction, readonly Register[]>
}

/** Translates `program`, built for `target`; position-independent, constants behind the code. */
export function generateX64(program: Program, target: X64Target): X64Code {
  const folded = fold(program, target.width === 16)
  const isWide = target.width === 16
  // Narrow numbers are taken apart and put together in registers of their own.
  const spares = program.types.some(type => narrowTypes.has(type)) ? 3 : 1
  const vectors = Array.from({ length: target.registers - spares }, (_, i) => i)
  const allocation = allocate(program, folded, {
    pools: { general, vector: vectors, mask: [1, 2, 3, 4, 5, 6, 7] },
    classOf: type => (type === 'i32' || type === 'ptr' ? 'general' : type === 'mask' && isWide ? 'mask' : 'vector'),
    vectorBytes: 4 * target.width,
    reserved: frameLayout.end,
  })
  return new Emitter(program, target, folded, allocation, spares).function()
}

class Emitter {
  private readonly asm = new Assembler()
  private readonly program: Program
  private readonly types: readonly RegisterType[]
  private readonly folded: Folded
  private readonly allocation: Allocation
  private readonly isWide: boolean
  private readonly length: 256 | 512
  readonly target: X64Target
  /** The vector registers that are never allocated, and the first of them. */
  private readonly spares: readonly number[]
  private readonly spare: number
  /** Where values live during the loop that is being written, if it changes that. */
  private loopPlaces: LoopPlaces | undefined
  private readonly pool = new Map<string, { label: Label; data: Uint8Array }>()

  constructor(program: Program, target: X64Target, folded: Folded, allocation: Allocation, spares: number) {
    this.program = program
    this.types = program.types
    this.folded = folded
    this.allocation = allocation
    this.isWide = target.width === 16
    this.length = this.isWide ? 512 : 256
    this.target = target
    this.spares = Array.from({ length: spares }, (_, i) => target.registers - 1 - i)
    this.spare = target.registers - 1
  }

  function(): X64Code {
    const { asm } = this
    const saved = calleeSaved.filter(register => this.allocation.usedGeneral.has(register))
    for (const register of saved) asm.push(register)
    // The frame is aligned for whole vectors; the stack pointer before is kept at its end.
    const bytes = Math.ceil(this.allocation.frameBytes / 64) * 64 + 64
    asm.mov(64, rax, rsp)
    asm.aluImmediate('and', 64, rsp, -64)
    asm.aluImmediate('sub', 64, rsp, bytes)
    asm.store(64, { base: rsp, disp: bytes - 8 }, rax)
    this.parameters()
    this.block(this.program.body)
    asm.load(64, rsp, { base: rsp, disp: bytes - 8 })
    for (const register of saved.reverse()) asm.pop(register)
    asm.vzeroupper()
    asm.ret()
    // Long constants first, so that all are aligned.
    for (const { label, data } of [...this.pool.values()].sort((a, b) => b.data.length - a.data.length)) {
      asm.align(data.length)
      asm.bind(label)
      asm.bytes(data)
    }
    return { bytes: asm.finish(), innerLoopSpills: this.allocation.innerLoopSpills }
  }

  private parameters(): void {
    const { asm, program } = this
    asm.store(64, { base: rsp, disp: frameLayout.args }, rdi)
    asm.movsxd(rcx, rsi)
    asm.movsxd(rax, rdx)
    this.setGeneral(program.thread, rcx)
    this.setGeneral(program.threads, rax)
    asm.load(64, rax, this.frame(frameLayout.args))
    program.params.forEach((register, slot) => {
      const from = { base: rax, disp: parametersAt(program) + parameterBytes * slot }
      const place = this.place(register)
      if (place.kind === 'none') return
      if (this.types[register] === 'f32') {
        const to = this.vectorTarget(register)
        asm.v('vmovss', 'scalar', [to, from])
        this.putVector(register, to)
        return
      }
      const to = place.kind === 'register' ? place.number : rcx
      if (this.types[register] === 'ptr') asm.load(64, to, from)
      else asm.movsxd(to, from)
      this.setGeneral(register, to)
    })
  }

  private block(block: Block): void {
    for (const i of block) {
      const to = 'to' in i && i.op !== 'loop' ? i.to : undefined
      if (to !== undefined && (this.folded.has(to) || this.place(to).kind === 'none')) continue
      this.instruction(i)
    }
  }

  private instruction(i: Instruction): void {
    switch (i.op) {
      case 'const':
        this.constant(i)
        return
      case 'splat':
        this.splat(i)
        return
      case 'unary':
        this.unary(i)
        return
      case 'binary':
        if (this.types[i.to] === 'i32') this.integerBinary(i)
        else if (i.fn === 'packPairs') this.packPairs(i)
        else if (i.fn in laneMoves) this.moveLanes(i)
        else this.realBinary(i)
        return
      case 'compare':
        this.compare(i)
        return
      case 'select':
        this.select(i)
        return
      case 'fma':
        this.multiplyAdd(i)
        return
      case 'dot':
        this.dot(i)
        return
      case 'reduce':
        this.reduce(i)
        return
      case 'copy':
        this.copy(i)
        return
      case 'address': {
        const to = this.generalTarget(i.to)
        this.asm.lea(64, to, this.memory({ ...i, offset: 0 }))
        this.setGeneral(i.to, to)
        return
      }
      case 'load':
        this.load(i)
        return
      case 'store':
        this.store(i)
        return
      case 'loop':
        this.loop(i)
        return
      case 'if':
        this.if(i)
        return
      case 'tasks':
        this.tasks(i)
        return
      case 'barrier':
        this.barrier(i)
        return
    }
  }

  // Places

  private place(register: Register): Location {
    return this.loopPlaces?.places.get(register) ?? this.allocation.places[register]!
  }
  private frame(offset: number): Memory {
    return { base: rsp, disp: offset }
  }
  /** An integer or address in a general register: its own, or `through`. */
  private general(register: Register, through: number): number {
    const place = this.place(register)
    if (place.kind === 'register') return place.number
    if (place.kind === 'constant') this.asm.movImmediate(64, through, place.value)
    else if (place.kind === 'stack') this.asm.load(64, through, this.frame(place.offset))
    else throw new EngineError('kernel', `${this.program.name}: register ${register} is read but never written`)
    return through
  }
  private generalTarget(register: Register): number {
    const place = this.place(register)
    return place.kind === 'register' ? place.number : scratch.first
  }
  private move(to: number, from: number): void {
    if (to !== from) this.asm.mov(64, to, from)
  }
  private setGeneral(register: Register, from: number): void {
    const place = this.place(register)
    if (place.kind === 'stack') this.asm.store(64, this.frame(place.offset), from)
    else if (place.kind === 'register') this.move(place.number, from)
  }

  private lengthOf(register: Register): VectorLength {
    return this.types[register] === 'f32' ? 'scalar' : this.length
  }
  private vectorTarget(register: Register): number {
    const place = this.place(register)
    return place.kind === 'register' ? place.number : this.spare
  }
  /** Ends an instruction that wrote `register` to `from`. */
  private putVector(register: Register, from: number): void {
    const place = this.place(register)
    if (place.kind === 'stack') this.moveVector(this.lengthOf(register), this.frame(place.offset), from)
    else if (place.kind === 'register') this.moveVector(this.lengthOf(register), place.number, from)
  }
  private moveVector(length: VectorLength, to: number | Memory, from: number | Memory | PoolReference): void {
    if (to === from) return
    if (typeof to === 'number' && typeof from === 'number')
      this.asm.v('vmovaps', length === 'scalar' ? 128 : length, [to, from])
    else this.asm.v(length === 'scalar' ? 'vmovss' : 'vmovups', length, [to, from])
  }
  /** Where an instruction finds a real: its register, the frame, the constants, or the memory of a folded load. */
  private operand(register: Register): Operand {
    const load = this.folded.get(register)
    if (load?.op === 'load') {
      const memory = this.memory(load)
      return load.splat ? { broadcast: memory } : memory
    }
    const place = this.place(register)
    if (place.kind === 'register') return place.number
    if (place.kind === 'stack') return this.frame(place.offset)
    if (place.kind === 'constant') return this.repeated(this.bits(register, place.value), this.lengthOf(register))
    throw new EngineError('kernel', `${this.program.name}: register ${register} is read but never written`)
  }
  /** The bits of a constant. */
  private bits(register: Register, value: number): number {
    return this.types[register] === 'ints' ? value | 0 : bitsOf(value)
  }
  /** A real in a vector register: its own, or `through`. */
  private vector(register: Register, through: number): number {
    const operand = this.operand(register)
    if (typeof operand === 'number') return operand
    if ('broadcast' in operand) this.asm.v('vbroadcastss', this.length, [through, operand.broadcast])
    else this.moveVector(this.lengthOf(register), through, operand)
    return through
  }
  /** One instruction with vector registers and at most one operand in memory. */
  v(name: string, length: VectorLength, operands: readonly Operand[], immediate?: number): void {
    const broadcast = operands.some(operand => typeof operand === 'object' && 'broadcast' in operand)
    const plain = operands.map(operand =>
      typeof operand === 'object' && 'broadcast' in operand ? operand.broadcast : operand,
    )
    this.asm.v(name as VectorInstruction, length, plain, {
      broadcast,
      ...(immediate === undefined ? {} : { immediate }),
    })
  }
  /** Lends a register that is none of `busy` to `use`, for the rare instruction that needs a second spare one. */
  private borrow(busy: readonly number[], use: (register: number) => void): void {
    const register = [0, 1, 2, 3].find(number => !busy.includes(number))!
    this.moveVector(this.length, this.frame(frameLayout.borrowed), register)
    use(register)
    this.moveVector(this.length, register, this.frame(frameLayout.borrowed))
  }

  /** Lends `count` registers that hold none of the values of `busy` to `use`: spare ones first. */
  private temporaries(count: number, busy: readonly Register[], use: (...registers: number[]) => void): void {
    const spares = this.spares.slice(0, count)
    const taken = busy.map(register => this.operandKind(register))
    const borrowed = [0, 1, 2, 3, 4, 5, 6].filter(number => !taken.includes(number)).slice(0, count - spares.length)
    const saved = (i: number) => this.frame(frameLayout.borrowed + 64 * i)
    for (const [i, register] of borrowed.entries()) this.moveVector(this.length, saved(i), register)
    use(...spares, ...borrowed)
    for (const [i, register] of borrowed.entries()) this.moveVector(this.length, register, saved(i))
  }

  /** A pattern of 32 bits in the constants, as often as an operand of this length needs it. */
  private repeated(bits: number, length: VectorLength): Operand {
    const single = length === 'scalar' || this.isWide
    const bytes = single ? 4 : 32
    const key = `${bits}/${bytes}`
    let entry = this.pool.get(key)
    if (!entry) {
      entry = { label: this.asm.label(), data: new Uint8Array(new Int32Array(bytes / 4).fill(bits).buffer) }
      this.pool.set(key, entry)
    }
    const reference = { pool: entry.label }
    return length !== 'scalar' && this.isWide ? { broadcast: reference } : reference
  }
  /** The same for instructions that have no form for a single number: they work on 128 bits. */
  pattern(bits: number, length: VectorLength): Operand {
    return this.repeated(bits, length === 'scalar' ? 128 : length)
  }

  private memory({ base, index, scale, offset }: Place): Memory {
    const start = this.general(base, scratch.second)
    if (index === undefined) return { base: start, disp: offset }
    const place = this.place(index)
    if (place.kind === 'constant') return { base: start, disp: offset + scale * place.value }
    if (place.kind === 'register') return { base: start, index: place.number, scale, disp: offset }
    // One register for both leaves the other for a value to be stored.
    this.asm.lea(64, scratch.second, { base: start, index: this.general(index, scratch.first), scale })
    return { base: scratch.second, disp: offset }
  }

  // Values

  private constant({ to, value }: Instruction & { op: 'const' }): void {
    // What has no register is written where it is used.
    const place = this.place(to)
    if (place.kind === 'constant') return
    if (this.types[to] === 'i32') {
      const target = this.generalTarget(to)
      this.asm.movImmediate(64, target, value)
      this.setGeneral(to, target)
      return
    }
    const target = this.vectorTarget(to)
    const length = this.lengthOf(to)
    if (Object.is(value, 0)) {
      if (this.isWide) this.asm.v('vpxord', 512, [target, target, target])
      else this.asm.v('vxorps', 256, [target, target, target])
    } else if (length === 'scalar') this.v('vmovss', length, [target, this.repeated(bitsOf(value), length)])
    else {
      const source = this.repeated(this.bits(to, value), 'scalar')
      this.v('vbroadcastss', length, [target, source])
    }
    this.putVector(to, target)
  }

  private splat({ to, from }: Instruction & { op: 'splat' }): void {
    const target = this.vectorTarget(to)
    this.v('vbroadcastss', this.length, [target, this.operand(from)])
    this.putVector(to, target)
  }

  private copy({ to, from }: Instruction & { op: 'copy' }): void {
    const type = this.types[to]
    if (type === 'i32' || type === 'ptr') {
      const place = this.place(to)
      this.setGeneral(to, this.general(from, place.kind === 'register' ? place.number : scratch.first))
      return
    }
    const target = this.vectorTarget(to)
    this.putVector(to, this.vector(from, target))
  }

  private load(i: Instruction & { op: 'load' }): void {
    const { to, splat } = i
    const memory = this.memory(i)
    const type = this.types[to]
    if (type === 'i32') {
      const target = this.generalTarget(to)
      if (i.scale === 1) {
        this.asm.movsx8(target, memory)
        this.asm.movsxd(target, target)
      } else this.asm.movsxd(target, memory)
      this.setGeneral(to, target)
      return
    }
    const target = this.vectorTarget(to)
    if (i.scale === 2 && type !== 'pairs') this.loadBf16(target, memory, i)
    else if (splat) this.asm.v('vbroadcastss', this.length, [target, memory])
    else this.moveVector(this.lengthOf(to), target, memory)
    this.putVector(to, target)
  }

  private store(i: Instruction & { op: 'store' }): void {
    const { from } = i
    const memory = this.memory(i)
    if (this.types[from] === 'i32') {
      const value = this.general(from, scratch.first)
      if (i.scale === 1) this.asm.store8(memory, value)
      else this.asm.store(32, memory, value)
    } else if (narrowTypes.has(this.types[from]!) || i.scale === 4)
      this.moveVector(this.lengthOf(from), memory, this.vector(from, this.spare))
    else if (i.scale === 2) this.storeBf16(memory, from)
    else this.storeBytes(memory, from)
  }

  // Narrow numbers

  private loadBf16(target: number, memory: Memory, { to, splat }: Instruction & { op: 'load' }): void {
    const { asm, length } = this
    if (this.types[to] === 'f32') {
      asm.movzx16(scratch.first, memory)
      asm.shift('shl', 32, scratch.first, 16)
      asm.v('vmovd', 'scalar', [target, scratch.first])
    } else {
      asm.v(splat ? 'vpbroadcastw' : 'vpmovzxwd', length, [target, memory])
      this.v('vpslld', length, [target, target], 16)
    }
  }

  /** Calls use(upper, help) with the value of `from` rounded to bfloat16 in the upper halves of `upper`. */
  private rounded(from: Register, busy: readonly Register[], use: (upper: number, help: number) => void): void {
    const bits = this.types[from] === 'f32' ? 128 : this.length
    this.temporaries(3, [from, ...busy], (upper, help, through) => {
      roundToUpperHalves(this, bits, upper!, this.vector(from, through!), help!)
      use(upper!, help!)
    })
  }

  private storeBf16(memory: Memory, from: Register): void {
    const { asm, length } = this
    const isScalar = this.types[from] === 'f32'
    this.rounded(from, [], (upper, help) => {
      this.v('vpsrld', isScalar ? 128 : length, [upper, upper], 16)
      if (isScalar) {
        asm.v('vmovdToGeneral', 'scalar', [scratch.first, upper])
        asm.store16(memory, scratch.first)
      } else if (this.isWide) asm.v('vpmovdw', 512, [memory, upper])
      else {
        asm.v('vextractf128', 256, [help, upper], { immediate: 1 })
        asm.v('vpackusdw', 128, [upper, upper, help])
        asm.v('vmovups', 128, [memory, upper])
      }
    })
  }

  /** Rounded to the nearest, no further than a byte reaches. */
  private storeBytes(memory: Memory, from: Register): void {
    const { asm, length } = this
    this.temporaries(2, [from], (value, help) => {
      this.v('vmaxps', length, [value!, this.vector(from, value!), this.pattern(bitsOf(-128), length)])
      this.v('vminps', length, [value!, value!, this.pattern(bitsOf(127), length)])
      asm.v('vcvtps2dq', length, [value!, value!])
      if (this.isWide) asm.v('vpmovsdb', 512, [memory, value!])
      else {
        asm.v('vextractf128', 256, [help!, value!], { immediate: 1 })
        asm.v('vpackssdw', 128, [value!, value!, help!])
        asm.v('vpacksswb', 128, [value!, value!, value!])
        asm.v('vmovq', 'scalar', [memory, value!])
      }
    })
  }

  private toBf16({ to, a }: Instruction & { op: 'unary' }): void {
    const bits = this.types[to] === 'f32' ? 128 : this.length
    this.rounded(a, [to], upper => {
      this.v('vandps', bits, [upper, upper, this.pattern(upperHalf, bits)])
      this.putVector(to, upper)
    })
  }

  private packPairs({ to, a, b }: Instruction & { op: 'binary' }): void {
    const { length } = this
    this.temporaries(4, [to, a, b], (even, odd, help, through) => {
      roundToUpperHalves(this, length, even!, this.vector(a, through!), help!)
      roundToUpperHalves(this, length, odd!, this.vector(b, through!), help!)
      this.v('vpsrld', length, [even!, even!], 16)
      this.v('vandps', length, [odd!, odd!, this.pattern(upperHalf, length)])
      this.v('vorps', length, [even!, even!, odd!])
      this.putVector(to, even!)
    })
  }

  private moveLanes({ fn, to, a, b }: Instruction & { op: 'binary' }): void {
    const target = this.vectorTarget(to)
    const [name, immediate] = laneMoves[fn]![this.length === 512 ? 'wide' : 'narrow']
    this.v(name, this.length, [target, this.vector(a, this.spare), this.operand(b)], immediate)
    this.putVector(to, target)
  }

  private nibbles(fn: 'lowNibbles' | 'highNibbles', { to, a }: Instruction & { op: 'unary' }): void {
    const { length } = this
    const [result, eights] = [this.spares[0]!, this.spares[1]!]
    this.v('vbroadcastss', length, [eights, this.repeated(0x0808_0808, 'scalar')])
    nibbles(this, length, result, this.vector(a, result), fn, eights)
    this.putVector(to, result)
  }

  private dot({ to, a, b, c }: Instruction & { op: 'dot' }): void {
    const { length, spare } = this
    const target = this.operandKind(to)
    const isInput = target !== undefined && [a, b].some(register => this.operandKind(register) === target)
    const total = target === undefined || isInput ? spare : target
    this.moveVector(length, total, this.vector(c, total))
    const sourceOf =
      (register: Register): Source =>
      through =>
        this.vector(register, through)
    const help = [this.spares[1]!, this.spares[2]!] as const
    if (this.types[a] === 'bytes') dotBytes(this, length, total, sourceOf(a), sourceOf(b), help)
    else if (!this.target.bf16) dotPairs(this, length, total, sourceOf(a), sourceOf(b), help)
    else {
      // The operand in memory comes last.
      const [x, y] = this.operandKind(a) === undefined ? [b, a] : [a, b]
      this.v('vdpbf16ps', length, [total, this.vector(x, help[0]), this.operand(y)])
    }
    this.putVector(to, total)
  }

  private unary(i: Instruction & { op: 'unary' }): void {
    const { asm, spare } = this
    if (i.fn === 'toInt') {
      const target = this.generalTarget(i.to)
      const a = this.vector(i.a, spare)
      asm.v('vcvttss2si', 'scalar', [target, a])
      // What is too large becomes the least integer; one less is the greatest.
      this.v('vucomiss', 'scalar', [a, this.repeated(bitsOf(2 ** 31), 'scalar')])
      asm.setcc('ae', scratch.second)
      asm.movzx8(scratch.second, scratch.second)
      asm.alu('sub', 32, target, scratch.second)
      asm.movsxd(target, target)
      this.setGeneral(i.to, target)
      return
    }
    if (i.fn === 'toBf16') {
      this.toBf16(i)
      return
    }
    if (i.fn === 'lowNibbles' || i.fn === 'highNibbles') {
      this.nibbles(i.fn, i)
      return
    }
    const target = this.vectorTarget(i.to)
    const length = this.lengthOf(i.to)
    const bits = length === 'scalar' ? 128 : length
    const integerAnd = this.isWide ? 'vpandd' : 'vpand'
    const integerOr = this.isWide ? 'vpord' : 'vpor'
    switch (i.fn) {
      case 'toReal': {
        if (this.types[i.a] === 'ints') {
          this.v('vcvtdq2ps', length, [target, this.vector(i.a, spare)])
          break
        }
        const from = this.general(i.a, scratch.first)
        // The instruction keeps the upper lanes of its first source: a fresh one keeps it from waiting.
        asm.v('vxorps', 128, [target, target, target])
        asm.v('vcvtsi2ss', 'scalar', [target, target, from])
        break
      }
      case 'neg':
        this.v('vxorps', bits, [target, this.vector(i.a, spare), this.pattern(-0x8000_0000, length)])
        break
      case 'abs':
        this.v('vandps', bits, [target, this.vector(i.a, spare), this.pattern(0x7fff_ffff, length)])
        break
      case 'sqrt':
        if (length === 'scalar') {
          const a = this.vector(i.a, spare)
          asm.v('vsqrtss', length, [target, a, a])
        } else this.v('vsqrtps', length, [target, this.operand(i.a)])
        break
      case 'floor':
      case 'nearest': {
        const rounding = i.fn === 'floor' ? 9 : 8
        const a = this.vector(i.a, spare)
        const name = this.isWide ? 'vrndscale' : 'vround'
        if (length === 'scalar') this.v(`${name}ss`, length, [target, a, a], rounding)
        else this.v(`${name}ps`, length, [target, a], rounding)
        break
      }
      case 'exponent':
        this.v('vpsrld', bits, [spare, this.vector(i.a, spare)], 23)
        this.v(integerAnd, bits, [spare, spare, this.pattern(255, length)])
        this.v('vpsubd', bits, [spare, spare, this.pattern(127, length)])
        asm.v('vcvtdq2ps', bits, [target, spare])
        break
      case 'mantissa':
        this.v(integerAnd, bits, [spare, this.vector(i.a, spare), this.pattern(0x7f_ffff, length)])
        this.v(integerOr, bits, [target, spare, this.pattern(0x3f80_0000, length)])
        break
    }
    this.putVector(i.to, target)
  }

  private realBinary(i: Instruction & { op: 'binary' }): void {
    const { asm, spare } = this
    const length = this.lengthOf(i.to)
    const target = this.vectorTarget(i.to)
    const suffix = length === 'scalar' ? 'ss' : 'ps'
    if (i.fn === 'ldexp') {
      // x · 2^n with 2^n made from its bits.
      const bits = length === 'scalar' ? 128 : length
      asm.v('vcvttps2dq', bits, [spare, this.vector(i.b, spare)])
      this.v('vpaddd', bits, [spare, spare, this.pattern(127, length)])
      this.v('vpslld', bits, [spare, spare], 23)
      this.v(`vmul${suffix}`, length, [target, spare, this.operand(i.a)])
      this.putVector(i.to, target)
      return
    }
    const name = this.types[i.to] === 'ints' ? intsArithmetic[i.fn]! : `${realArithmetic[i.fn]!}${suffix}`
    let [a, b] = [i.a, i.b]
    // Of two equal numbers, and of a NaN and a number, x86 gives the second, WebAssembly's pseudo-minimum the first.
    const exchanged = i.fn === 'min' || i.fn === 'max'
    const commutes = i.fn === 'add' || i.fn === 'mul'
    if (exchanged || (commutes && this.operandKind(a) === undefined && this.operandKind(b) !== undefined))
      [a, b] = [b, a]
    this.v(name, length, [target, this.vector(a, spare), this.operand(b)])
    this.putVector(i.to, target)
  }
  /** The register of a real, if it has one. */
  private operandKind(register: Register): number | undefined {
    const place = this.place(register)
    return place.kind === 'register' && !this.folded.has(register) ? place.number : undefined
  }

  private multiplyAdd({ to, a, b, c }: Instruction & { op: 'fma' }): void {
    const length = this.lengthOf(to)
    const suffix = length === 'scalar' ? 'ss' : 'ps'
    const [inA, inC] = [a, c].map(register => this.operandKind(register))
    // The factor in memory, if there is one, comes last.
    const [x, y] = inA === undefined ? [b, a] : [a, b]
    const inY = this.operandKind(y)
    const place = this.operandKind(to)
    const compute = (target: number, factor: number) => {
      // The form of the instruction follows from which operand lies where the result goes.
      if (target === inC) this.v(`vfmadd231${suffix}`, length, [target, factor, this.operand(y)])
      else if (target === factor) {
        if (inY !== undefined) this.v(`vfmadd213${suffix}`, length, [target, inY, this.operand(c)])
        else this.v(`vfmadd132${suffix}`, length, [target, this.vector(c, this.spare), this.operand(y)])
      } else if (target === inY) this.v(`vfmadd213${suffix}`, length, [target, factor, this.operand(c)])
      else {
        this.moveVector(length, target, this.vector(c, target))
        this.v(`vfmadd231${suffix}`, length, [target, factor, this.operand(y)])
      }
    }
    const factor = this.operandKind(x)
    if (factor !== undefined) {
      const target = place ?? this.spare
      compute(target, factor)
      this.putVector(to, target)
      return
    }
    // Both factors in memory: one needs a register, the result another.
    const busy = [place, inC].flatMap(number => (number === undefined ? [] : [number]))
    this.borrow(busy, borrowed => {
      this.vector(x, borrowed)
      const target = place ?? this.spare
      if (target !== inC) this.moveVector(length, target, this.vector(c, target))
      this.v(`vfmadd231${suffix}`, length, [target, borrowed, this.operand(y)])
      if (place === undefined) this.putVector(to, target)
    })
  }

  /** Neighbours join first, then pairs of neighbours, and so on, as in the interpreter. */
  private reduce({ to, fn, a }: Instruction & { op: 'reduce' }): void {
    const { asm, spare } = this
    const join = fn === 'sum' ? 'vadd' : 'vmax'
    const from = this.operandKind(a)
    const target = this.operandKind(to)
    const steps = (work: number) => {
      const source = this.vector(a, spare)
      asm.v('vpermilps', this.length, [work, source], { immediate: 0xb1 })
      this.v(`${join}ps`, this.length, [spare, source, work])
      asm.v('vpermilps', this.length, [work, spare], { immediate: 0x4e })
      this.v(`${join}ps`, this.length, [spare, spare, work])
      if (this.isWide) {
        asm.v('vshuff32x4', 512, [work, spare, spare], { immediate: 0xb1 })
        this.v(`${join}ps`, 512, [spare, spare, work])
        asm.v('vshuff32x4', 512, [work, spare, spare], { immediate: 0x4e })
      } else asm.v('vextractf128', 256, [work, spare], { immediate: 1 })
      this.v(`${join}ss`, 'scalar', [spare, spare, work])
    }
    if (target !== undefined && target !== from) steps(target)
    else this.borrow([from ?? -1], steps)
    this.putVector(to, spare)
  }

  // Integers

  private integerBinary(i: Instruction & { op: 'binary' }): void {
    const { asm } = this
    const target = this.generalTarget(i.to)
    const right = this.place(i.b)
    const immediate = right.kind === 'constant' ? right.value : undefined
    switch (i.fn) {
      case 'add':
      case 'sub':
      case 'and': {
        const left = this.general(i.a, scratch.first)
        if (immediate !== undefined) {
          this.move(scratch.first, left)
          asm.aluImmediate(i.fn, 32, scratch.first, immediate)
        } else {
          const other = this.general(i.b, scratch.second)
          this.move(scratch.first, left)
          asm.alu(i.fn, 32, scratch.first, other)
        }
        asm.movsxd(target, scratch.first)
        break
      }
      case 'mul': {
        const left = this.general(i.a, scratch.first)
        if (immediate !== undefined) asm.imulImmediate(32, scratch.first, left, immediate)
        else {
          const other = this.general(i.b, scratch.second)
          this.move(scratch.first, left)
          asm.imul(32, scratch.first, other)
        }
        asm.movsxd(target, scratch.first)
        break
      }
      case 'shl':
      case 'shr':
        if (immediate !== undefined) {
          this.move(scratch.first, this.general(i.a, scratch.first))
          asm.shift(i.fn, 32, scratch.first, immediate & 31)
        } else {
          const by = this.general(i.b, scratch.second)
          asm.shiftBy(i.fn === 'shl' ? 'shlx' : 'shrx', 32, scratch.first, this.general(i.a, scratch.first), by)
        }
        asm.movsxd(target, scratch.first)
        break
      case 'div':
      case 'rem': {
        // Of non-negative numbers. A power of two needs no division.
        const power =
          immediate !== undefined && immediate > 0 && (immediate & (immediate - 1)) === 0
            ? Math.log2(immediate)
            : undefined
        if (power !== undefined) {
          this.move(scratch.first, this.general(i.a, scratch.first))
          if (i.fn === 'div') asm.shift('shr', 64, scratch.first, power)
          else asm.aluImmediate('and', 64, scratch.first, immediate! - 1)
          this.move(target, scratch.first)
          break
        }
        this.move(rax, this.general(i.a, rax))
        this.move(rcx, this.general(i.b, rcx))
        asm.store(64, this.frame(frameLayout.saved), rdx)
        asm.alu('xor', 32, rdx, rdx)
        asm.div(32, rcx)
        if (i.fn === 'rem') asm.mov(64, rax, rdx)
        asm.load(64, rdx, this.frame(frameLayout.saved))
        this.move(target, rax)
        break
      }
      case 'min':
      case 'max': {
        const other = this.general(i.b, scratch.second)
        this.move(scratch.first, this.general(i.a, scratch.first))
        asm.alu('cmp', 64, scratch.first, other)
        asm.cmov(i.fn === 'min' ? 'g' : 'l', 64, scratch.first, other)
        this.move(target, scratch.first)
        break
      }
      default:
        throw new EngineError('kernel', `${this.program.name}: no integer ${i.fn}`)
    }
    this.setGeneral(i.to, target)
  }

  // Conditions

  /** Compares two integers. */
  private compareIntegers(a: Register, b: Register): void {
    const left = this.general(a, scratch.first)
    const right = this.place(b)
    if (right.kind === 'constant') this.asm.aluImmediate('cmp', 64, left, right.value)
    else this.asm.alu('cmp', 64, left, this.general(b, scratch.second))
  }

  private compare(i: Instruction & { op: 'compare' }): void {
    const { asm, spare } = this
    const type = this.types[i.a]
    if (type === 'vec') {
      const a = this.vector(i.a, spare)
      if (!this.isWide) {
        const target = this.vectorTarget(i.to)
        this.v('vcmpps', 256, [target, a, this.operand(i.b)], predicates[i.fn])
        this.putVector(i.to, target)
        return
      }
      const place = this.place(i.to)
      // k0 cannot select, but it can carry an answer to the frame.
      const target = place.kind === 'register' ? place.number : 0
      this.v('vcmppsMask', 512, [target, a, this.operand(i.b)], predicates[i.fn])
      if (place.kind === 'stack') asm.v('kmovw', 'scalar', [this.frame(place.offset), target])
      return
    }
    if (type === 'f32') {
      // The answer of vcmpss is a pattern of all ones or zeros.
      const a = this.vector(i.a, spare)
      if (this.isWide) {
        this.v('vcmpssMask', 'scalar', [0, a, this.operand(i.b)], predicates[i.fn])
        asm.v('kmovwToGeneral', 'scalar', [scratch.first, 0])
      } else {
        this.v('vcmpss', 'scalar', [spare, a, this.operand(i.b)], predicates[i.fn])
        asm.v('vmovdToGeneral', 'scalar', [scratch.first, spare])
      }
      asm.aluImmediate('and', 32, scratch.first, 1)
    } else {
      this.compareIntegers(i.a, i.b)
      asm.setcc(signedConditions[i.fn], scratch.first)
      asm.movzx8(scratch.first, scratch.first)
    }
    this.setGeneral(i.to, scratch.first)
  }

  private select(i: Instruction & { op: 'select' }): void {
    const { asm, spare } = this
    if (this.types[i.condition] === 'mask') {
      const target = this.vectorTarget(i.to)
      if (this.isWide) {
        const place = this.place(i.condition)
        const mask = place.kind === 'register' ? place.number : 1
        if (place.kind !== 'register') {
          this.selectSpilled(i)
          return
        }
        const b = this.vector(i.b, spare)
        const a = this.operand(i.a)
        const [plain, broadcast] = typeof a === 'object' && 'broadcast' in a ? [a.broadcast, true] : [a, false]
        asm.v('vblendmps', 512, [target, b, plain as number | Memory | PoolReference], { mask, broadcast })
        this.putVector(i.to, target)
        return
      }
      const condition = this.operandKind(i.condition)
      const b = this.operandKind(i.b)
      if (condition !== undefined && b !== undefined)
        this.v('vblendvps', 256, [target, b, this.operand(i.a), condition])
      else if (condition !== undefined || b !== undefined) {
        const [second, mask] = [this.vector(i.b, spare), this.vector(i.condition, spare)]
        this.v('vblendvps', 256, [target, second, this.operand(i.a), mask])
      } else {
        const a = this.operandKind(i.a)
        const busy = [a, this.operandKind(i.to)].flatMap(number => (number === undefined ? [] : [number]))
        this.borrow(busy, borrowed => {
          const [second, mask] = [this.vector(i.b, spare), this.vector(i.condition, borrowed)]
          this.v('vblendvps', 256, [target, second, this.operand(i.a), mask])
        })
      }
      this.putVector(i.to, target)
      return
    }
    const condition = this.general(i.condition, scratch.second)
    asm.test(32, condition, condition)
    // Moves leave the answer of the test alone.
    if (this.types[i.to] === 'i32') {
      this.move(scratch.first, this.general(i.b, scratch.first))
      const a = this.general(i.a, scratch.second)
      asm.cmov('ne', 64, scratch.first, a)
      this.setGeneral(i.to, scratch.first)
      return
    }
    const done = asm.label()
    const length = this.lengthOf(i.to)
    this.moveVector(length, spare, this.vector(i.b, spare))
    asm.jcc('e', done)
    this.moveVector(length, spare, this.vector(i.a, spare))
    asm.bind(done)
    this.putVector(i.to, spare)
  }
  /** A mask from the frame takes the place of k1 for a moment. */
  private selectSpilled(i: Instruction & { op: 'select' }): void {
    const { asm, spare } = this
    const place = this.place(i.condition)
    if (place.kind !== 'stack') throw new EngineError('kernel', `${this.program.name}: a mask without a place`)
    asm.v('kmovw', 'scalar', [this.frame(frameLayout.borrowed), 1])
    asm.v('kmovw', 'scalar', [1, this.frame(place.offset)])
    const target = this.vectorTarget(i.to)
    const b = this.vector(i.b, spare)
    const a = this.operand(i.a)
    const [plain, broadcast] = typeof a === 'object' && 'broadcast' in a ? [a.broadcast, true] : [a, false]
    asm.v('vblendmps', 512, [target, b, plain as number | Memory | PoolReference], { mask: 1, broadcast })
    this.putVector(i.to, target)
    asm.v('kmovw', 'scalar', [1, this.frame(frameLayout.borrowed)])
  }

  // Control

  /** Jumps to `label` unless `condition` holds. */
  private jumpUnless(condition: Register, label: Label): void {
    const { asm } = this
    const inner = this.folded.get(condition)
    if (inner?.op !== 'compare') {
      const value = this.general(condition, scratch.first)
      asm.test(32, value, value)
      asm.jcc('e', label)
      return
    }
    const { fn, a, b } = inner
    if (this.types[a] !== 'f32') {
      this.compareIntegers(a, b)
      asm.jcc(opposite[signedConditions[fn]], label)
      return
    }
    // vucomiss says "below" also for NaN, so only "above" is a sure answer: a < b is asked as b > a.
    const [left, right] = fn === 'lt' || fn === 'le' ? [b, a] : [a, b]
    this.v('vucomiss', 'scalar', [this.vector(left, this.spare), this.operand(right)])
    if (fn === 'lt' || fn === 'gt') asm.jcc('be', label)
    else if (fn === 'le' || fn === 'ge') asm.jcc('b', label)
    else if (fn === 'eq') {
      asm.jcc('ne', label)
      asm.jcc('p', label)
    } else {
      const holds = asm.label()
      asm.jcc('ne', holds)
      asm.jcc('np', label)
      asm.bind(holds)
    }
  }

  private if(i: Instruction & { op: 'if' }): void {
    const { asm } = this
    const [otherwise, end] = [asm.label(), asm.label()]
    this.jumpUnless(i.condition, otherwise)
    this.block(i.body)
    if (i.otherwise.length > 0) asm.jmp(end)
    asm.bind(otherwise)
    this.block(i.otherwise)
    asm.bind(end)
  }

  private loop(i: Instruction & { op: 'loop' }): void {
    const other = this.allocation.loops.get(i)
    if (!other) {
      this.turns(i)
      return
    }
    const own = (register: Register) => this.allocation.places[register]!
    const moved = (register: Register) => this.types[register]!
    for (const { class: kind, number, offset } of other.saved) {
      if (kind === 'general') this.asm.store(64, this.frame(offset), number)
      else this.moveVector(this.length, this.frame(offset), number)
    }
    for (const register of other.fetched) this.moveBetween(moved(register), other.places.get(register)!, own(register))
    this.loopPlaces = other
    this.turns(i)
    this.loopPlaces = undefined
    for (const register of other.put) this.moveBetween(moved(register), own(register), other.places.get(register)!)
    for (const { class: kind, number, offset } of other.saved) {
      if (kind === 'general') this.asm.load(64, number, this.frame(offset))
      else this.moveVector(this.length, number, this.frame(offset))
    }
  }
  /** Moves a value between the frame and a register. */
  private moveBetween(type: RegisterType, to: Location, from: Location): void {
    const isGeneral = type === 'i32' || type === 'ptr'
    const length = type === 'f32' ? 'scalar' : this.length
    if (to.kind === 'register' && from.kind === 'stack') {
      if (isGeneral) this.asm.load(64, to.number, this.frame(from.offset))
      else this.moveVector(length, to.number, this.frame(from.offset))
    } else if (to.kind === 'stack' && from.kind === 'register') {
      if (isGeneral) this.asm.store(64, this.frame(to.offset), from.number)
      else this.moveVector(length, this.frame(to.offset), from.number)
    }
  }

  /** The test stands at the bottom, with one check before the first turn. The counter has 64 bits and cannot overflow. */
  private turns(i: Instruction & { op: 'loop' }): void {
    const { asm } = this
    const [start, end] = [asm.label(), asm.label()]
    const place = this.place(i.counter)
    this.setGeneral(i.counter, this.general(i.from, place.kind === 'register' ? place.number : scratch.first))
    this.compareIntegers(i.counter, i.to)
    asm.jcc('ge', end)
    asm.align(32)
    asm.bind(start)
    this.block(i.body)
    const counter = this.general(i.counter, scratch.first)
    asm.aluImmediate('add', 64, counter, i.step)
    this.setGeneral(i.counter, counter)
    this.compareIntegers(i.counter, i.to)
    asm.jcc('l', start)
    asm.bind(end)
  }

  private tasks(i: Instruction & { op: 'tasks' }): void {
    const { asm } = this
    const [next, end] = [asm.label(), asm.label()]
    const [args, number] = [scratch.second, scratch.first]
    asm.bind(next)
    asm.load(64, args, this.frame(frameLayout.args))
    asm.movImmediate(32, number, 1)
    asm.lockXadd(32, { base: args, disp: taskSlot.bytes * i.slot }, number)
    this.setGeneral(i.task, number)
    this.compareIntegersWith(number, i.count)
    asm.jcc('ge', end)
    this.block(i.body)
    asm.load(64, args, this.frame(frameLayout.args))
    asm.lockAddImmediate(32, { base: args, disp: taskSlot.bytes * i.slot + taskSlot.done }, 1)
    asm.jmp(next)
    asm.bind(end)
  }
  /** Compares a non-negative number in a register with an integer. */
  private compareIntegersWith(left: number, b: Register): void {
    const right = this.place(b)
    if (right.kind === 'constant') this.asm.aluImmediate('cmp', 64, left, right.value)
    else this.asm.alu('cmp', 64, left, this.general(b, scratch.second))
  }

  /** Waits for the tasks of a slot: spins a while, then lets others have the core, since one of them may have our work. */
  private barrier(i: Instruction & { op: 'barrier' }): void {
    const { asm } = this
    const [wait, done] = [asm.label(), asm.label()]
    const [args, found] = [scratch.second, scratch.first]
    const spins = this.frame(frameLayout.saved)
    const count = this.place(i.count)
    asm.storeImmediate(32, spins, 0)
    asm.bind(wait)
    asm.load(64, args, this.frame(frameLayout.args))
    asm.movsxd(found, { base: args, disp: taskSlot.bytes * i.slot + taskSlot.done })
    if (count.kind === 'constant') asm.aluImmediate('cmp', 64, found, count.value)
    else if (count.kind === 'stack') asm.alu('cmp', 64, found, this.frame(count.offset))
    else if (count.kind === 'register') asm.alu('cmp', 64, found, count.number)
    asm.jcc('ge', done)
    asm.pause()
    asm.load(32, found, spins)
    asm.aluImmediate('add', 32, found, 1)
    asm.store(32, spins, found)
    asm.aluImmediate('cmp', 32, found, spinsBeforeYield)
    asm.jcc('l', wait)
    // The system call keeps all registers but rax, rcx and this one.
    asm.push(11)
    asm.movImmediate(32, rax, schedYield)
    asm.syscall()
    asm.pop(11)
    asm.jmp(wait)
    asm.bind(done)
  }
}
