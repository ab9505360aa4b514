import { EngineError } from '../../errors.ts'
import { type Form, forms, type VectorInstruction, type VectorLength } from './instructions.ts'

export type { VectorInstruction, VectorLength }

// Machine code of x86-64, instruction by instruction. The encodings are those of the Intel SDM, volume 2; where an
// instruction has several, the one that the GNU assembler picks (the tests compare with its bytes).

/** A place in the code; made by `label()`, placed by `bind()`. */
export interface Label {
  /** Bytes from the start of the code; undefined until bound. */
  readonly offset: number | undefined
}

/** base + index·scale + disp bytes; registers 0..15 are rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 … r15. */
export interface Memory {
  base: number
  index?: number
  scale?: 1 | 2 | 4 | 8
  disp?: number
}

/** Memory at a label of the same code, such as a constant after it. */
export interface PoolReference {
  pool: Label
}

export type MemoryOperand = Memory | PoolReference
/** A register's number, or memory. */
export type Operand = number | MemoryOperand
/** Bits of a general register. */
export type Size = 32 | 64
export type Arithmetic = keyof typeof arithmetic
export type Condition = (typeof conditions)[number]

export interface VectorOptions {
  /** Mask register 1..7: only lanes whose bit is set are written. */
  mask?: number
  /** With a mask: the other lanes become 0. Without: they keep their value. */
  zeroing?: boolean
  /** The memory operand is one number of 32 bits, repeated in all lanes. */
  broadcast?: boolean
  /** 0..255. */
  immediate?: number
}

const arithmetic = { add: 0, or: 1, and: 4, sub: 5, xor: 6, cmp: 7 } as const
const shifts = { shl: 4, shr: 5, sar: 7 } as const
/** VEX.pp of the BMI2 shifts. */
const shiftsBy = { shlx: 1, sarx: 2, shrx: 3 } as const
/** In the order of their codes. */
const conditions = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'] as const
/** How many registers there are of each kind. */
const registersOf = { v: 32, h: 32, q: 32, x: 32, y: 32, k: 8, r: 16 } as const
const stackPointer = 4
/** Bytes of what a broadcast repeats, in all instructions of the table. */
const elementBytes = 4

/** The parts of a VEX or EVEX instruction once its operands are in their places. */
interface VectorCode {
  prefix: number
  map: number
  w: number
  opcode: number
  reg: number
  vvvv: number
  rm: Operand
  length: number
  /** Bytes after ModRM and displacement. */
  tail: number[]
}

const bit = (value: number, position: number): number => (value >> position) & 1
const low3 = (value: number): number => value & 7
const isBelow = (value: number, count: number): boolean => Number.isInteger(value) && value >= 0 && value < count
const fits8 = (value: number): boolean => value >= -128 && value <= 127
const fits32 = (value: number): boolean => Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31
const bytes32 = (value: number): number[] => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24]

/** Bit 3 of the register number that X extends, and of the one that B extends. */
function extensions(rm: Operand): { x: number; b: number } {
  if (typeof rm === 'number') return { x: 0, b: bit(rm, 3) }
  if ('pool' in rm) return { x: 0, b: 0 }
  return { x: bit(rm.index ?? 0, 3), b: bit(rm.base, 3) }
}

function refuse(message: string): never {
  throw new EngineError('kernel', `x64 encoder: ${message}`)
}

function checkRegister(register: number): void {
  if (!isBelow(register, 16)) refuse(`there is no general register ${register}; use 0..15`)
}

function checkImmediate32(value: number): void {
  if (!fits32(value)) refuse(`${value} is no signed 32-bit integer; put it into a register first`)
}

/** The constant as a signed integer of `size` bits. */
function signedConstant(size: Size, value: number | bigint): bigint {
  const isInteger = typeof value === 'bigint' || Number.isInteger(value)
  if (!isInteger || value < -(2n ** BigInt(size - 1)) || value >= 2n ** BigInt(size))
    refuse(`${value} is no integer of ${size} bits`)
  return BigInt.asIntN(size, BigInt(value))
}

function checkMemory(memory: Memory): void {
  checkRegister(memory.base)
  if (memory.index !== undefined) checkRegister(memory.index)
  if (memory.index === stackPointer) refuse('rsp cannot be an index; use another register')
  checkImmediate32(memory.disp ?? 0)
}

/** Whether the form has this length, these operands in number and kind, and these options. */
function fits(form: Form, length: VectorLength, operands: readonly Operand[], options: VectorOptions): boolean {
  const { mask, zeroing, broadcast, immediate } = options
  if (!form.lengths.has(length) || form.operands.length !== operands.length) return false
  const allTaken = form.operands.every(({ register, memory, broadcast: repeated }, index) => {
    const operand = operands[index]
    if (typeof operand === 'number') return register !== undefined && isBelow(operand, registersOf[register])
    return broadcast ? repeated : memory
  })
  if (!allTaken || (broadcast && operands.every(operand => typeof operand === 'number'))) return false
  if (form.immediate ? !isBelow(immediate ?? -1, 256) : immediate !== undefined) return false
  if (mask !== undefined && !(form.masked && isBelow(mask - 1, 7))) return false
  // Memory and mask registers have no lanes to zero.
  return !zeroing || (mask !== undefined && typeof operands[0] === 'number' && form.operands[0].register !== 'k')
}

/** Whether VEX can encode what `fits`. */
function inVexReach(form: Form, length: VectorLength, operands: readonly Operand[], options: VectorOptions): boolean {
  const plain = form.vex && length !== 512 && options.mask === undefined && !options.broadcast
  return plain && operands.every(operand => typeof operand !== 'number' || operand < 16)
}

/** Instructions of one to nine bytes that do nothing. Software Developer's Manual, volume 2, NOP, table 4-12. */
const nops = [
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
] as const

/**
 * Writes machine code for x86-64 into memory. Every method named like an instruction appends that instruction; the
 * destination comes first. What cannot be encoded is an `EngineError` with the code `kernel`.
 */
export class Assembler {
  private readonly code: number[] = []
  /** Places of 32-bit displacements: where they stand and the end of their instruction, from which they count. */
  private readonly fixups: { at: number; end: number; label: Label }[] = []

  /** Bytes written so far: the offset of the next instruction. */
  get size(): number {
    return this.code.length
  }

  /** A new label, to be bound before `finish`. */
  label(): Label {
    return { offset: undefined }
  }

  /** Puts the label here. */
  bind(label: Label): void {
    if (label.offset !== undefined) refuse('a label is bound twice; make one label for each place')
    ;(label as { offset: number | undefined }).offset = this.size
  }

  /** Goes on at a multiple of `bytes`; what lies between does nothing. */
  align(bytes: number): void {
    for (let missing = -this.size & (bytes - 1); missing > 0; ) {
      const length = Math.min(missing, nops.length)
      this.code.push(...nops[length - 1]!)
      missing -= length
    }
  }

  /** Data, such as constants. */
  bytes(data: Uint8Array): void {
    for (const byte of data) this.code.push(byte)
  }

  /** The code, with all labels resolved. */
  finish(): Uint8Array {
    const code = Uint8Array.from(this.code)
    const view = new DataView(code.buffer)
    for (const { at, end, label } of this.fixups) {
      if (label.offset === undefined) refuse('a label is used but never bound; call bind() before finish()')
      view.setInt32(at, label.offset - end, true)
    }
    return code
  }

  // General registers. `size` is in bits; writing 32 bits zeroes the upper half.

  mov(size: Size, to: number, from: number): void {
    this.general(size, [0x89], from, to)
  }

  /** The shortest move of the constant; `value` may be signed or unsigned. */
  movImmediate(size: Size, to: number, value: number | bigint): void {
    checkRegister(to)
    const signed = signedConstant(size, value)
    const unsigned = BigInt.asUintN(size, signed)
    if (unsigned < 2n ** 32n) {
      this.rex(32, 0, to)
      this.put(0xb8 | low3(to), ...bytes32(Number(unsigned)))
    } else if (signed >= -(2n ** 31n) && signed < 0) {
      this.general(64, [0xc7], 0, to, bytes32(Number(signed)))
    } else {
      this.rex(64, 0, to)
      this.put(0xb8 | low3(to), ...bytes32(Number(unsigned & 0xffffffffn)), ...bytes32(Number(unsigned >> 32n)))
    }
  }

  load(size: Size, to: number, from: MemoryOperand): void {
    this.general(size, [0x8b], to, from)
  }

  store(size: Size, to: MemoryOperand, from: number): void {
    this.general(size, [0x89], from, to)
  }

  storeImmediate(size: 32, to: MemoryOperand, value: number): void {
    this.general(size, [0xc7], 0, to, bytes32(Number(signedConstant(size, value))))
  }

  /** The low 8 bits of a register. */
  store8(to: MemoryOperand, from: number): void {
    this.general(32, [0x88], from, to, [], isByteRegister(from))
  }

  /** The low 16 bits of a register. */
  store16(to: MemoryOperand, from: number): void {
    this.put(0x66)
    this.general(32, [0x89], from, to)
  }

  movsxd(to: number, from: Operand): void {
    this.general(64, [0x63], to, from)
  }

  movzx8(to: number, from: Operand): void {
    this.general(32, [0x0f, 0xb6], to, from, [], typeof from === 'number' && isByteRegister(from))
  }

  movsx8(to: number, from: Operand): void {
    this.general(32, [0x0f, 0xbe], to, from, [], typeof from === 'number' && isByteRegister(from))
  }

  movzx16(to: number, from: Operand): void {
    this.general(32, [0x0f, 0xb7], to, from)
  }

  alu(operation: Arithmetic, size: Size, to: number, from: Operand): void {
    const opcode = arithmetic[operation] << 3
    // Of two registers the destination is r/m, as the GNU assembler has it.
    if (typeof from === 'number') this.general(size, [opcode | 1], from, to)
    else this.general(size, [opcode | 3], to, from)
  }

  aluImmediate(operation: Arithmetic, size: Size, to: number, value: number): void {
    checkImmediate32(value)
    const digit = arithmetic[operation]
    if (fits8(value)) this.general(size, [0x83], digit, to, [value & 0xff])
    else if (to === 0) {
      // rax has a form without ModRM, a byte shorter.
      this.rex(size, 0, 0)
      this.put((digit << 3) | 5, ...bytes32(value))
    } else this.general(size, [0x81], digit, to, bytes32(value))
  }

  test(size: Size, a: number, b: number): void {
    this.general(size, [0x85], b, a)
  }

  imul(size: Size, to: number, from: Operand): void {
    this.general(size, [0x0f, 0xaf], to, from)
  }

  imulImmediate(size: Size, to: number, from: Operand, value: number): void {
    checkImmediate32(value)
    if (fits8(value)) this.general(size, [0x6b], to, from, [value & 0xff])
    else this.general(size, [0x69], to, from, bytes32(value))
  }

  /** rax, rdx = quotient and remainder of rdx:rax by the register, unsigned. */
  div(size: Size, by: number): void {
    this.general(size, [0xf7], 6, by)
  }

  shift(operation: keyof typeof shifts, size: Size, to: number, count: number): void {
    if (!isBelow(count, size)) refuse(`cannot shift ${size} bits by ${count}`)
    if (count === 1) this.general(size, [0xd1], shifts[operation], to)
    else this.general(size, [0xc1], shifts[operation], to, [count])
  }

  /** to = from shifted by a register, modulo the size; keeps the flags (BMI2). */
  shiftBy(operation: keyof typeof shiftsBy, size: Size, to: number, from: Operand, by: number): void {
    checkRegister(to)
    checkRegister(by)
    if (typeof from === 'number') checkRegister(from)
    const w = size === 64 ? 1 : 0
    this.vex({ prefix: shiftsBy[operation], map: 2, w, opcode: 0xf7, reg: to, vvvv: by, rm: from, length: 0, tail: [] })
  }

  lea(size: Size, to: number, address: MemoryOperand): void {
    this.general(size, [0x8d], to, address)
  }

  cmov(condition: Condition, size: Size, to: number, from: Operand): void {
    this.general(size, [0x0f, 0x40 | conditions.indexOf(condition)], to, from)
  }

  /** The low 8 bits of the register become 1 or 0; the others stay. */
  setcc(condition: Condition, to: number): void {
    this.general(32, [0x0f, 0x90 | conditions.indexOf(condition)], 0, to, [], isByteRegister(to))
  }

  // Jumps. Backward ones are short where they reach; forward ones always have 32 bits.

  jmp(label: Label): void {
    this.branch(label, [0xeb], [0xe9])
  }

  jcc(condition: Condition, label: Label): void {
    this.branch(label, [0x70 | conditions.indexOf(condition)], [0x0f, 0x80 | conditions.indexOf(condition)])
  }

  /** Calls the address in a register. */
  call(register: number): void {
    this.general(32, [0xff], 2, register)
  }

  ret(): void {
    this.put(0xc3)
  }

  push(register: number): void {
    checkRegister(register)
    this.rex(32, 0, register)
    this.put(0x50 | low3(register))
  }

  pop(register: number): void {
    checkRegister(register)
    this.rex(32, 0, register)
    this.put(0x58 | low3(register))
  }

  // Threads and system.

  /** Adds the register to memory, atomically; the register becomes what memory held before. */
  lockXadd(size: Size, to: MemoryOperand, register: number): void {
    this.put(0xf0)
    this.general(size, [0x0f, 0xc1], register, to)
  }

  lockAddImmediate(size: Size, to: MemoryOperand, value: number): void {
    checkImmediate32(value)
    this.put(0xf0)
    if (fits8(value)) this.general(size, [0x83], 0, to, [value & 0xff])
    else this.general(size, [0x81], 0, to, bytes32(value))
  }

  pause(): void {
    this.put(0xf3, 0x90)
  }

  cpuid(): void {
    this.put(0x0f, 0xa2)
  }

  xgetbv(): void {
    this.put(0x0f, 0x01, 0xd0)
  }

  syscall(): void {
    this.put(0x0f, 0x05)
  }

  prefetcht0(address: MemoryOperand): void {
    this.general(32, [0x0f, 0x18], 1, address)
  }

  vzeroupper(): void {
    this.put(0xc5, 0xf8, 0x77)
  }

  /** A vector or mask instruction of the table in instructions.ts; operands in Intel's order, destination first.
   * VEX where it can say it, EVEX otherwise. */
  v(name: VectorInstruction, length: VectorLength, operands: readonly Operand[], options: VectorOptions = {}): void {
    const fitting = forms.get(name)!.filter(form => fits(form, length, operands, options))
    const vex = fitting.find(form => inVexReach(form, length, operands, options))
    const evex = fitting.find(form => form.evex)
    if (vex) this.vex(vectorCode(vex, length, operands, options))
    else if (evex) this.evex(vectorCode(evex, length, operands, options), evex, length, options)
    else {
      const wish = `length ${length}, operands ${JSON.stringify(operands)} and options ${JSON.stringify(options)}`
      refuse(`no form of ${name} has ${wish}; instructions.ts lists what it takes`)
    }
  }

  private put(...bytes: number[]): void {
    for (const byte of bytes) this.code.push(byte)
  }

  /** An instruction with ModRM: prefix REX where needed, opcode, operands, `tail` (an immediate). */
  private general(size: Size, opcode: number[], reg: number, rm: Operand, tail: number[] = [], forceRex = false): void {
    checkRegister(reg)
    if (typeof rm === 'number') checkRegister(rm)
    this.rex(size, reg, rm, forceRex)
    this.put(...opcode)
    this.modRm(reg, rm, tail)
  }

  private rex(size: Size, reg: number, rm: Operand, force = false): void {
    const { x, b } = extensions(rm)
    const rex = 0x40 | (size === 64 ? 8 : 0) | (bit(reg, 3) << 2) | (x << 1) | b
    if (rex !== 0x40 || force) this.put(rex)
  }

  private vex({ prefix, map, w, opcode, reg, vvvv, rm, length, tail }: VectorCode): void {
    const { x, b } = extensions(rm)
    const notR = bit(~reg, 3) << 7
    const last = ((~vvvv & 15) << 3) | (length << 2) | prefix
    // The short prefix has neither X nor B nor W, and means map 0F.
    if (map === 1 && w === 0 && x === 0 && b === 0) this.put(0xc5, notR | last)
    else this.put(0xc4, notR | ((1 - x) << 6) | ((1 - b) << 5) | map, (w << 7) | last)
    this.put(opcode)
    this.modRm(reg, rm, tail)
  }

  private evex(code: VectorCode, form: Form, length: VectorLength, options: VectorOptions): void {
    const { prefix, map, w, opcode, reg, vvvv, rm, tail } = code
    const { x, b } = extensions(rm)
    // A register in r/m has its bit 4 in X.
    const notX = typeof rm === 'number' ? bit(~rm, 4) : 1 - x
    this.put(
      0x62,
      (bit(~reg, 3) << 7) | (notX << 6) | ((1 - b) << 5) | (bit(~reg, 4) << 4) | map,
      (w << 7) | ((~vvvv & 15) << 3) | 4 | prefix,
      (options.zeroing ? 0x80 : 0) |
        (code.length << 5) |
        (options.broadcast ? 0x10 : 0) |
        (bit(~vvvv, 4) << 3) |
        (options.mask ?? 0),
      opcode,
    )
    const vectorBytes = length === 'scalar' ? 16 : length / 8
    this.modRm(reg, rm, tail, options.broadcast ? elementBytes : form.memoryBytes(vectorBytes))
  }

  /** ModRM, SIB, displacement (8 bits where it is a small multiple of `unit`) and the tail of an instruction. */
  private modRm(reg: number, rm: Operand, tail: number[], unit = 1): void {
    const field = low3(reg) << 3
    if (typeof rm === 'number') this.put(0xc0 | field | low3(rm))
    else if ('pool' in rm) {
      this.put(field | 5)
      this.displacement(rm.pool, tail.length)
    } else this.address(field, rm, unit)
    this.put(...tail)
  }

  private address(field: number, memory: Memory, unit: number): void {
    checkMemory(memory)
    const { base, index, scale = 1, disp = 0 } = memory
    const short = disp % unit === 0 && fits8(disp / unit)
    // rbp and r13 without displacement would mean something else.
    const mode = disp === 0 && low3(base) !== 5 ? 0 : short ? 1 : 2
    // rsp and r12 as r/m say that a SIB byte follows; in it, rsp as index says that there is none.
    if (index === undefined && low3(base) !== stackPointer) this.put((mode << 6) | field | low3(base))
    else this.put((mode << 6) | field | 4, (Math.log2(scale) << 6) | (low3(index ?? stackPointer) << 3) | low3(base))
    if (mode === 1) this.put((disp / unit) & 0xff)
    if (mode === 2) this.put(...bytes32(disp))
  }

  /** A 32-bit distance to the label from the end of the instruction, `after` bytes behind the displacement. */
  private displacement(label: Label, after = 0): void {
    this.fixups.push({ at: this.size, end: this.size + 4 + after, label })
    this.put(0, 0, 0, 0)
  }

  /** A jump with 8 bits of distance after `short` if it reaches, else with 32 after `near`. */
  private branch(label: Label, short: number[] | undefined, near: number[]): void {
    const reach = (label.offset ?? Number.POSITIVE_INFINITY) - this.size - 2
    if (short && fits8(reach)) {
      this.put(...short, reach & 0xff)
      return
    }
    this.put(...near)
    this.displacement(label)
  }
}

/** Registers 4..7 name their low byte only with a REX prefix; without, the number means ah, ch, dh, bh. */
function isByteRegister(register: number): boolean {
  return register >= 4 && register < 8
}

/** Puts the operands into their places. */
function vectorCode(
  form: Form,
  length: VectorLength,
  operands: readonly Operand[],
  options: VectorOptions,
): VectorCode {
  const at = (place: string): Operand | undefined => operands[form.operands.findIndex(o => o.place === place)]
  const inImmediate = at('L') as number | undefined
  const tail = inImmediate !== undefined ? [inImmediate << 4] : form.immediate ? [options.immediate! & 0xff] : []
  return {
    prefix: form.prefix,
    map: form.map,
    w: form.w,
    opcode: form.opcode,
    reg: (at('R') as number | undefined) ?? form.digit,
    vvvv: (at('V') as number | undefined) ?? 0,
    rm: at('M')!,
    length: form.lengths.get(length)!,
    tail,
  }
}
