import { EngineError } from '../../errors.ts'
import type { Place, Program, Register, RegisterType } from '../ir.ts'
import {
  Assembler,
  type Label,
  type Memory,
  type PoolReference,
  type VectorInstruction,
  type VectorLength,
  type VectorOptions,
} from './encoder.ts'
import type { X64Target } from './features.ts'
import type { Folded } from './fold.ts'
import type { Allocation, Location, LoopPlaces } from './registers.ts'

// The machine as the generator of instructions sees it: where each value of the program is, how to get it to where an
// instruction can read it, and how to leave what an instruction wrote. Reals live in vector registers, integers and
// addresses in general ones, an integer always sign-extended to 64 bits so that it can index.

export const [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi] = [0, 1, 2, 3, 4, 5, 6, 7] as const
/** Never allocated: operands that live in the frame pass through these. */
export const scratch = { first: rax, second: rcx } as const
/** Those that the allocator has, the ones that calls need not preserve first. */
export const generalRegisters = [rsi, rdi, rdx, 8, 9, 10, 11, rbx, rbp, 12, 13, 14, 15]
export const calleeSaved = [rbx, rbp, 12, 13, 14, 15]

/** The frame begins with the address of the arguments, a word to put something aside, and borrowed vector registers. */
export const frameLayout = { args: 0, saved: 8, borrowed: 64, end: 320 }
/** What a vector instruction reads: a register, memory, or one number in memory repeated over the lanes. */
export type Operand = number | Memory | PoolReference | { broadcast: Memory | PoolReference }

/** Vectors of other elements than float32. */
export const narrowTypes: ReadonlySet<RegisterType> = new Set(['ints', 'bytes', 'pairs'])

/** The bits of a float32. */
export const bitsOf = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0]!

/** Where the values of one program are while its instructions are written. */
export class Machine {
  readonly asm = new Assembler()
  readonly target: X64Target
  readonly program: Program
  readonly types: readonly RegisterType[]
  readonly folded: Folded
  readonly allocation: Allocation
  readonly isWide: boolean
  readonly length: 256 | 512
  /** The vector registers that are never allocated, and the first of them. */
  readonly spares: readonly number[]
  readonly spare: number
  /** Where values live during the loop that is being written, if it changes that. */
  loopPlaces: LoopPlaces | undefined
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

  /** Where a value lives now. */
  place(register: Register): Location {
    return this.loopPlaces?.places.get(register) ?? this.allocation.places[register]!
  }
  frame(offset: number): Memory {
    return { base: rsp, disp: offset }
  }
  /** An integer or address in a general register: its own, or `through`. */
  general(register: Register, through: number): number {
    const place = this.place(register)
    if (place.kind === 'register') return place.number
    if (place.kind === 'constant') this.asm.movImmediate(64, through, place.value)
    else if (place.kind === 'stack') this.asm.load(64, through, this.frame(place.offset))
    else throw new EngineError('kernel', `${this.program.name}: register ${register} is read but never written`)
    return through
  }
  /** Where an instruction is to write an integer or address; `setGeneral` ends it. */
  generalTarget(register: Register): number {
    const place = this.place(register)
    return place.kind === 'register' ? place.number : scratch.first
  }
  move(to: number, from: number): void {
    if (to !== from) this.asm.mov(64, to, from)
  }
  /** Ends an instruction that wrote `register` to `from`. */
  setGeneral(register: Register, from: number): void {
    const place = this.place(register)
    if (place.kind === 'stack') this.asm.store(64, this.frame(place.offset), from)
    else if (place.kind === 'register') this.move(place.number, from)
  }
  /** How much of a vector register a real takes. */
  lengthOf(register: Register): VectorLength {
    return this.types[register] === 'f32' ? 'scalar' : this.length
  }
  /** Where an instruction is to write a real; `putVector` ends it. */
  vectorTarget(register: Register): number {
    const place = this.place(register)
    return place.kind === 'register' ? place.number : this.spare
  }
  /** Ends an instruction that wrote `register` to `from`. */
  putVector(register: Register, from: number): void {
    const place = this.place(register)
    if (place.kind === 'stack') this.moveVector(this.lengthOf(register), this.frame(place.offset), from)
    else if (place.kind === 'register') this.moveVector(this.lengthOf(register), place.number, from)
  }
  moveVector(length: VectorLength, to: number | Memory, from: number | Memory | PoolReference): void {
    if (to === from) return
    if (typeof to === 'number' && typeof from === 'number')
      this.asm.v('vmovaps', length === 'scalar' ? 128 : length, [to, from])
    else this.asm.v(length === 'scalar' ? 'vmovss' : 'vmovups', length, [to, from])
  }
  /** Moves a value between the frame and a register. */
  moveBetween(type: RegisterType, to: Location, from: Location): void {
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
  /** Where an instruction finds a real: its register, the frame, the constants, or the memory of a folded load. */
  operand(register: Register): Operand {
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
  /** The vector register of a value, if it has one. */
  registerOf(register: Register): number | undefined {
    const place = this.place(register)
    return place.kind === 'register' && !this.folded.has(register) ? place.number : undefined
  }
  /** The bits of a constant. */
  bits(register: Register, value: number): number {
    return this.types[register] === 'ints' ? value | 0 : bitsOf(value)
  }
  /** A real in a vector register: its own, or `through`. */
  vector(register: Register, through: number): number {
    const operand = this.operand(register)
    if (typeof operand === 'number') return operand
    if ('broadcast' in operand) this.asm.v('vbroadcastss', this.length, [through, operand.broadcast])
    else this.moveVector(this.lengthOf(register), through, operand)
    return through
  }
  /** One instruction with vector registers and at most one operand in memory. */
  v(name: string, length: VectorLength, operands: readonly Operand[], options: VectorOptions = {}): void {
    let broadcast = false
    const plain = operands.map(operand => {
      if (typeof operand === 'number' || !('broadcast' in operand)) return operand
      broadcast = true
      return operand.broadcast
    })
    this.asm.v(name as VectorInstruction, length, plain, { broadcast, ...options })
  }
  /** Lends a register that is none of `busy` to `use`, for the rare instruction that needs a second spare one. */
  borrow(busy: readonly number[], use: (register: number) => void): void {
    const register = [0, 1, 2, 3].find(number => !busy.includes(number))!
    this.moveVector(this.length, this.frame(frameLayout.borrowed), register)
    use(register)
    this.moveVector(this.length, register, this.frame(frameLayout.borrowed))
  }
  /** Lends `count` registers that hold none of the values of `busy` to `use`: spare ones first. */
  temporaries(count: number, busy: readonly Register[], use: (...registers: number[]) => void): void {
    const spares = this.spares.slice(0, count)
    const taken = busy.map(register => this.registerOf(register))
    const borrowed = [0, 1, 2, 3, 4, 5, 6].filter(number => !taken.includes(number)).slice(0, count - spares.length)
    const saved = (i: number) => this.frame(frameLayout.borrowed + 64 * i)
    for (const [i, register] of borrowed.entries()) this.moveVector(this.length, saved(i), register)
    use(...spares, ...borrowed)
    for (const [i, register] of borrowed.entries()) this.moveVector(this.length, register, saved(i))
  }
  /** A pattern of 32 bits in the constants, as often as an operand of this length needs it. */
  repeated(bits: number, length: VectorLength): Operand {
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
  /** The address of an element as an operand; it may use both scratch registers, and needs the second until it is used. */
  memory({ base, index, scale, offset }: Place): Memory {
    const start = this.general(base, scratch.second)
    if (index === undefined) return { base: start, disp: offset }
    const place = this.place(index)
    if (place.kind === 'constant') return { base: start, disp: offset + scale * place.value }
    if (place.kind === 'register') return { base: start, index: place.number, scale, disp: offset }
    // One register for both leaves the other for a value to be stored.
    this.asm.lea(64, scratch.second, { base: start, index: this.general(index, scratch.first), scale })
    return { base: scratch.second, disp: offset }
  }

  /** Writes the constants that instructions have asked for, the long ones first, so that all are aligned. */
  constants(): void {
    for (const { label, data } of [...this.pool.values()].sort((a, b) => b.data.length - a.data.length)) {
      this.asm.align(data.length)
      this.asm.bind(label)
      this.asm.bytes(data)
    }
  }
}
