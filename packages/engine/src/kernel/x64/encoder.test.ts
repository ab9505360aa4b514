import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { EngineError } from '../../errors.ts'
import { randomInteger, randomSource } from '../../testing.ts'
import {
  type Arithmetic,
  Assembler,
  type Condition,
  type Label,
  type MemoryOperand,
  type Operand,
  type Size,
  type VectorLength,
  type VectorOptions,
} from './encoder.ts'
import { type Form, forms, type RegisterKind } from './instructions.ts'

/** An instruction twice: as text for the GNU assembler, and as a call of ours. */
interface Case {
  text: string
  write: (asm: Assembler) => void
}

const sizes: Size[] = [32, 64]
const allRegisters = Array.from({ length: 16 }, (_, register) => register)
const oldNames = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di']
const byteNames = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil']

function registerName(register: number, bits: 8 | 16 | Size): string {
  if (register > 7) return `r${register}${{ 8: 'b', 16: 'w', 32: 'd', 64: '' }[bits]}`
  if (bits === 8) return byteNames[register]
  return { 16: '', 32: 'e', 64: 'r' }[bits] + oldNames[register]
}

/** Bound at the start of the code: where the instruction itself stands, `1:` for the GNU assembler. */
const start = new Assembler().label()
new Assembler().bind(start)

function address(memory: MemoryOperand): string {
  if ('pool' in memory) return '[rip+1b]'
  const { base, index, scale = 1, disp = 0 } = memory
  const indexed = index === undefined ? '' : `+${registerName(index, 64)}*${scale}`
  return `[${registerName(base, 64)}${indexed}${disp < 0 ? '' : '+'}${disp}]`
}

const memoryNames: Record<number, string> = {
  1: 'BYTE',
  2: 'WORD',
  4: 'DWORD',
  8: 'QWORD',
  16: 'XMMWORD',
  32: 'YMMWORD',
  64: 'ZMMWORD',
}
const pointer = (bytes: number, memory: MemoryOperand): string => `${memoryNames[bytes]} PTR ${address(memory)}`

function encode(write: (asm: Assembler) => void): Uint8Array {
  const asm = new Assembler()
  write(asm)
  return asm.finish()
}

const random = randomSource(4)
const below = (limit: number): number => randomInteger(random, limit)
const oneOf = <T>(choices: readonly T[]): T => choices[below(choices.length)]

const scales = [1, 2, 4, 8] as const
const indexes = allRegisters.filter(register => register !== 4)

/** Memory operands over all bases, indexes, scales, and displacements around the borders of 8 bits and of 8 bits · `unit`. */
function memories(unit: number): MemoryOperand[] {
  const distances = [1, unit, 8 * unit, 127, 128, 129, 127 * unit, 128 * unit, 129 * unit, 1000, 2 ** 20]
  const displacements = [0, ...distances, ...distances.map(distance => -distance)]
  return [
    { pool: start },
    ...allRegisters.flatMap(base => [{ base }, { base, disp: oneOf(displacements) }]),
    ...indexes.flatMap(index => scales.map(scale => ({ base: below(16), index, scale, disp: oneOf(displacements) }))),
    ...displacements.map(disp => ({ base: below(16), disp })),
  ]
}

// General registers.

const conditions: Condition[] = 'o no b ae e ne be a s ns p np l ge le g'.split(' ') as Condition[]
const arithmetics: Arithmetic[] = ['add', 'or', 'and', 'sub', 'xor', 'cmp']
const immediates = [0, 1, -1, 127, 128, -128, -129, 1000, 2 ** 31 - 1, -(2 ** 31)]
const pairs = allRegisters.flatMap(a => allRegisters.map(b => [a, b] as const))

function registerCases(): Case[] {
  const cases: Case[] = []
  const add = (text: string, write: (asm: Assembler) => void): void => void cases.push({ text, write })
  for (const size of sizes) {
    const r = (register: number): string => registerName(register, size)
    for (const [a, b] of pairs) {
      add(`mov ${r(a)}, ${r(b)}`, asm => asm.mov(size, a, b))
      add(`test ${r(a)}, ${r(b)}`, asm => asm.test(size, a, b))
      add(`imul ${r(a)}, ${r(b)}`, asm => asm.imul(size, a, b))
      for (const op of arithmetics) add(`${op} ${r(a)}, ${r(b)}`, asm => asm.alu(op, size, a, b))
      const condition = oneOf(conditions)
      add(`cmov${condition} ${r(a)}, ${r(b)}`, asm => asm.cmov(condition, size, a, b))
      const value = oneOf(immediates)
      add(`imul ${r(a)}, ${r(b)}, ${value}`, asm => asm.imulImmediate(size, a, b, value))
      const by = below(16)
      for (const op of ['shlx', 'shrx', 'sarx'] as const)
        add(`${op} ${r(a)}, ${r(b)}, ${r(by)}`, asm => asm.shiftBy(op, size, a, b, by))
    }
    for (const a of allRegisters) {
      for (const value of immediates)
        for (const op of arithmetics) add(`${op} ${r(a)}, ${value}`, asm => asm.aluImmediate(op, size, a, value))
      for (const count of [0, 1, 2, 7, size - 1])
        for (const op of ['shl', 'shr', 'sar'] as const)
          add(`${op} ${r(a)}, ${count}`, asm => asm.shift(op, size, a, count))
      add(`div ${r(a)}`, asm => asm.div(size, a))
    }
    for (const condition of conditions) add(`cmov${condition} ${r(9)}, ${r(3)}`, asm => asm.cmov(condition, size, 9, 3))
  }
  for (const [a, b] of pairs) {
    add(`movsxd ${registerName(a, 64)}, ${registerName(b, 32)}`, asm => asm.movsxd(a, b))
    add(`movzx ${registerName(a, 32)}, ${registerName(b, 8)}`, asm => asm.movzx8(a, b))
    add(`movsx ${registerName(a, 32)}, ${registerName(b, 8)}`, asm => asm.movsx8(a, b))
    add(`movzx ${registerName(a, 32)}, ${registerName(b, 16)}`, asm => asm.movzx16(a, b))
  }
  for (const a of allRegisters) {
    for (const condition of conditions) add(`set${condition} ${registerName(a, 8)}`, asm => asm.setcc(condition, a))
    add(`push ${registerName(a, 64)}`, asm => asm.push(a))
    add(`pop ${registerName(a, 64)}`, asm => asm.pop(a))
    add(`call ${registerName(a, 64)}`, asm => asm.call(a))
  }
  for (const name of ['ret', 'pause', 'cpuid', 'xgetbv', 'syscall', 'vzeroupper'] as const)
    add(name, asm => asm[name]())
  return cases
}

/** Constants, with the shortest of the moves that have the same effect. */
function constantCases(): Case[] {
  const values = [0n, 1n, -1n, 127n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, -(2n ** 31n), 2n ** 47n + 5n]
  const wide = [...values, -(2n ** 31n) - 1n, -(2n ** 63n), 2n ** 63n, 2n ** 64n - 2n]
  const text = (a: number, value: bigint): string => {
    const unsigned = BigInt.asUintN(64, value)
    const size = unsigned < 2n ** 32n ? 32 : 64
    const signed = BigInt.asIntN(64, value)
    const move = size === 32 || BigInt.asIntN(32, signed) === signed ? 'mov' : 'movabs'
    return `${move} ${registerName(a, size)}, ${size === 32 ? unsigned : signed}`
  }
  return allRegisters.flatMap(a => [
    ...wide.map(value => ({ text: text(a, value), write: (asm: Assembler) => asm.movImmediate(64, a, value) })),
    ...[0, 1, -1, 2 ** 31, 2 ** 32 - 1, -(2 ** 31)].map(value => ({
      text: `mov ${registerName(a, 32)}, ${value}`,
      write: (asm: Assembler) => asm.movImmediate(32, a, value),
    })),
  ])
}

function memoryCases(): Case[] {
  const cases: Case[] = []
  const add = (text: string, write: (asm: Assembler) => void): void => void cases.push({ text, write })
  for (const m of memories(1)) {
    const a = below(16)
    const by = below(16)
    const value = oneOf(immediates)
    const condition = oneOf(conditions)
    const [e, r] = [registerName(a, 32), registerName(a, 64)]
    for (const size of sizes) {
      const register = registerName(a, size)
      const memory = pointer(size / 8, m)
      add(`mov ${register}, ${memory}`, asm => asm.load(size, a, m))
      add(`mov ${memory}, ${register}`, asm => asm.store(size, m, a))
      add(`lea ${register}, ${address(m)}`, asm => asm.lea(size, a, m))
      for (const op of arithmetics) add(`${op} ${register}, ${memory}`, asm => asm.alu(op, size, a, m))
      add(`imul ${register}, ${memory}`, asm => asm.imul(size, a, m))
      add(`imul ${register}, ${memory}, ${value}`, asm => asm.imulImmediate(size, a, m, value))
      add(`cmov${condition} ${register}, ${memory}`, asm => asm.cmov(condition, size, a, m))
      for (const op of ['shlx', 'shrx', 'sarx'] as const)
        add(`${op} ${register}, ${memory}, ${registerName(by, size)}`, asm => asm.shiftBy(op, size, a, m, by))
      add(`lock xadd ${memory}, ${register}`, asm => asm.lockXadd(size, m, a))
      add(`lock add ${memory}, ${value}`, asm => asm.lockAddImmediate(size, m, value))
    }
    add(`mov ${pointer(4, m)}, ${value}`, asm => asm.storeImmediate(32, m, value))
    add(`mov ${pointer(1, m)}, ${registerName(a, 8)}`, asm => asm.store8(m, a))
    add(`mov ${pointer(2, m)}, ${registerName(a, 16)}`, asm => asm.store16(m, a))
    add(`movsxd ${r}, ${pointer(4, m)}`, asm => asm.movsxd(a, m))
    add(`movzx ${e}, ${pointer(1, m)}`, asm => asm.movzx8(a, m))
    add(`movsx ${e}, ${pointer(1, m)}`, asm => asm.movsx8(a, m))
    add(`movzx ${e}, ${pointer(2, m)}`, asm => asm.movzx16(a, m))
    add(`prefetcht0 ${address(m)}`, asm => asm.prefetcht0(m))
  }
  return cases
}

// Vector instructions: what the table says, over registers, masks and memory.

function vectorName(kind: RegisterKind, register: number, vectorBytes: number): string {
  if (kind === 'k') return `k${register}`
  if (kind === 'r') return registerName(register, 32)
  const bytes = { v: vectorBytes, h: vectorBytes / 2, q: vectorBytes / 4, x: 16, y: 32 }[kind]
  return `${bytes === 64 ? 'z' : bytes === 32 ? 'y' : 'x'}mm${register}`
}

const bytesOf = (length: VectorLength): number => (length === 'scalar' ? 16 : length / 8)

function vectorText(form: Form, length: VectorLength, operands: Operand[], options: VectorOptions): string {
  const bytes = bytesOf(length)
  const parts = form.operands.map(({ register }, index) => {
    const operand = operands[index]
    if (typeof operand === 'number') return vectorName(register!, operand, bytes)
    return options.broadcast ? `${pointer(4, operand)}{1to${bytes / 4}}` : pointer(form.memoryBytes(bytes), operand)
  })
  if (options.mask) parts[0] += `{k${options.mask}}${options.zeroing ? '{z}' : ''}`
  if (options.immediate !== undefined) parts.push(String(options.immediate))
  // A move between registers has two equal encodings; ours is always the load.
  const hint = name(form).startsWith('vmov') && operands.every(operand => typeof operand === 'number') ? '{load} ' : ''
  return `${hint}${name(form)} ${parts.join(', ')}`
}

/** The assembler's name: without the suffix that says which file a register is in. */
const name = (form: Form): string => form.name.replace(/(Mask|ToGeneral|FromGeneral)$/, '')

function vectorCase(form: Form, length: VectorLength, operands: Operand[], wish: VectorOptions = {}): Case {
  const options = form.immediate ? { ...wish, immediate: below(256) } : wish
  return {
    text: vectorText(form, length, operands, options),
    write: asm => asm.v(form.name, length, operands, options),
  }
}

const countOf = (form: Form, kind: RegisterKind): number =>
  ({ k: 8, r: 16 })[kind as 'k' | 'r'] ?? (form.evex ? 32 : 16)

/** Operands of the form, all of them registers where it allows, except `memory` in the place of memory. */
function operandsOf(form: Form, memory?: MemoryOperand): Operand[] {
  return form.operands.map(({ register, memory: takesMemory }) =>
    (memory && takesMemory) || register === undefined ? (memory ?? oneOf(memories(1))) : below(countOf(form, register)),
  )
}

function formCases(form: Form): Case[] {
  const lengths = [...form.lengths.keys()].filter(length => form.evex || length !== 512)
  const cases: Case[] = []
  for (const length of lengths) {
    form.operands.forEach(({ register, memory, broadcast }, index) => {
      for (let number = 0; register && number < countOf(form, register); number++)
        cases.push(vectorCase(form, length, operandsOf(form).with(index, number)))
      if (memory)
        for (const m of memories(form.memoryBytes(bytesOf(length))))
          cases.push(vectorCase(form, length, operandsOf(form, m)))
      if (broadcast)
        for (const m of memories(4)) cases.push(vectorCase(form, length, operandsOf(form, m), { broadcast: true }))
    })
  }
  return [...cases, ...maskCases(form, lengths)]
}

function maskCases(form: Form, lengths: VectorLength[]): Case[] {
  if (!form.masked) return []
  const cases: Case[] = []
  for (let mask = 1; mask < 8; mask++)
    for (const length of lengths)
      for (const zeroing of [false, true])
        for (const memory of [undefined, oneOf(memories(form.memoryBytes(bytesOf(length))))]) {
          const operands = operandsOf(form, memory)
          const hasLanes = typeof operands[0] === 'number' && form.operands[0].register !== 'k'
          if (hasLanes || !zeroing) cases.push(vectorCase(form, length, operands, { mask, zeroing }))
        }
  return cases
}

/** Jumps over distances around the reach of the short form. */
function jumpCase(): Case {
  const distances = [0, 100, 126, 127, 128, 1000]
  const ways = ['jmp', ...conditions.map(condition => `j${condition}`)]
  const jump = (asm: Assembler, way: string, label: Label): void => {
    if (way === 'jmp') asm.jmp(label)
    else asm.jcc(way.slice(1) as Condition, label)
  }
  const all = ways.flatMap(way => distances.map(distance => ({ way, distance })))
  const fill = (distance: number): string => `.skip ${distance}, 0x90`
  return {
    text: all
      .map(({ way, distance }, i) => {
        const forward = `{disp32} ${way} after${i}`
        return `back${i}: ${fill(distance)}\n ${way} back${i}\n ${forward}\n ${fill(distance)}\n after${i}:`
      })
      .join('\n'),
    write: asm => {
      for (const { way, distance } of all) {
        const [back, after] = [asm.label(), asm.label()]
        const gap = new Uint8Array(distance).fill(0x90)
        asm.bind(back)
        asm.bytes(gap)
        jump(asm, way, back)
        jump(asm, way, after)
        asm.bytes(gap)
        asm.bind(after)
      }
    },
  }
}

// The GNU assembler.

/** Every instruction stands in a slot of its own, filled up with this byte. */
const slotBytes = 16
const filler = 0xcc

const isGnuAssembler = (): boolean =>
  /x86[-_]64/.test(spawnSync('as', ['--version'], { encoding: 'utf8' }).stdout ?? '')

function run(program: string, args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 26 })
  if (status !== 0) throw new Error(`${program} failed:\n${stderr.slice(0, 2000)}`)
}

/** The bytes of a text in Intel syntax. */
function assembleWithGnu(text: string): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'modu-encoder-'))
  const [source, object, binary] = ['code.s', 'code.o', 'code.bin'].map(file => join(directory, file))
  try {
    writeFileSync(source, `.intel_syntax noprefix\n.text\n${text}\n`)
    run('as', ['--64', '-o', object, source])
    run('objcopy', ['-O', 'binary', '-j', '.text', object, binary])
    return readFileSync(binary)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/(cc)+$/, '')

/** In hex, one line for what stands between two fillings with nop. */
const lines = (bytes: Uint8Array): string[] =>
  hex(bytes)
    .replace(/(90)+/g, run => ` +${run.length / 2}\n`)
    .split('\n')

/** Cases whose bytes differ from ours, with both. */
function differences(cases: Case[]): string[] {
  const slots = cases.map(({ text }) => `1: ${text}\n.balign ${slotBytes}, ${filler}`)
  const theirs = assembleWithGnu(slots.join('\n'))
  expect(theirs.length).toBe(cases.length * slotBytes)
  return cases.flatMap(({ text, write }, index) => {
    const slot = theirs.subarray(index * slotBytes, (index + 1) * slotBytes)
    const ours = new Uint8Array(slotBytes).fill(filler)
    ours.set(encode(write))
    return Buffer.compare(ours, slot) === 0 ? [] : [`${text}: ours ${hex(ours)}, theirs ${hex(slot)}`]
  })
}

describe.skipIf(!isGnuAssembler())(
  'bytes equal those of the GNU assembler (skipped where `as` for x86-64 is missing)',
  () => {
    it('general registers', () => {
      expect(differences([...registerCases(), ...constantCases(), ...memoryCases()])).toEqual([])
    })

    it('vector and mask instructions', () => {
      expect(differences([...forms.values()].flat().flatMap(formCases))).toEqual([])
    })

    it('jumps', () => {
      const { text, write } = jumpCase()
      expect(lines(encode(write))).toEqual(lines(assembleWithGnu(text)))
    })
  },
)

describe('without an assembler', () => {
  it('jumps forward and backward', () => {
    const asm = new Assembler()
    const [loop, end] = [asm.label(), asm.label()]
    asm.jcc('ge', end)
    asm.bind(loop)
    asm.alu('add', 32, 0, 1)
    asm.jcc('ne', loop)
    asm.jmp(loop)
    asm.bind(end)
    asm.ret()
    const text = '0f8d06000000 01c8 75fc ebfa c3'
    expect(hex(asm.finish())).toBe(text.replaceAll(' ', ''))
    expect(loop.offset).toBe(6)
  })

  it('reaches constants after the code, whatever follows the displacement', () => {
    const asm = new Assembler()
    const [one, two] = [asm.label(), asm.label()]
    asm.v('vaddps', 256, [1, 2, { pool: one }])
    asm.v('vaddps', 512, [1, 2, { pool: two }], { broadcast: true })
    asm.v('vcmppsMask', 512, [1, 2, { pool: two }], { broadcast: true, immediate: 1 })
    asm.lea(64, 0, { pool: one })
    asm.storeImmediate(32, { pool: two }, 7)
    asm.ret()
    asm.align(64)
    asm.bind(one)
    asm.bytes(new Uint8Array(32))
    asm.bind(two)
    asm.bytes(Uint8Array.of(0, 0, 128, 63))
    const code = asm.finish()
    const distances = [4, 14, 24, 32, 38].map(at => new DataView(code.buffer).getInt32(at, true))
    expect(distances).toEqual([64 - 8, 96 - 18, 96 - 29, 64 - 36, 96 - 46])
    expect(hex(code.subarray(47, 64))).toBe('660f1f840000000000' + '0f1f840000000000')
    expect(code.length).toBe(100)
  })

  it('takes VEX where it can and EVEX where it must', () => {
    const first = (operands: Operand[], length: VectorLength = 256, options: VectorOptions = {}): number =>
      encode(asm => asm.v('vaddps', length, operands, options))[0]
    expect(first([1, 2, 3])).toBe(0xc5)
    expect(first([1, 2, 8])).toBe(0xc4)
    expect(first([1, 2, 16])).toBe(0x62)
    expect(first([1, 2, 3], 512)).toBe(0x62)
    expect(first([1, 2, 3], 256, { mask: 1 })).toBe(0x62)
    expect(first([1, 2, { base: 0 }], 256, { broadcast: true })).toBe(0x62)
  })

  const refused: [string, (asm: Assembler) => void][] = [
    ['a label used and never bound', asm => asm.jmp(asm.label())],
    ['a label bound twice', asm => asm.bind(start)],
    ['a register beyond 15', asm => asm.mov(64, 16, 0)],
    ['a base beyond 15', asm => asm.load(64, 0, { base: 16 })],
    ['rsp as index', asm => asm.load(64, 0, { base: 0, index: 4 })],
    ['a displacement of 33 bits', asm => asm.load(64, 0, { base: 0, disp: 2 ** 31 })],
    ['an immediate of 33 bits', asm => asm.aluImmediate('add', 64, 0, 2 ** 31)],
    ['a fraction as immediate', asm => asm.imulImmediate(32, 0, 0, 1.5)],
    ['a constant of 65 bits', asm => asm.movImmediate(64, 0, 2n ** 64n)],
    ['a constant of 33 bits in 32', asm => asm.movImmediate(32, 0, 2 ** 32)],
    ['a fraction as constant', asm => asm.movImmediate(64, 0, 0.5)],
    ['a stored constant of 33 bits', asm => asm.storeImmediate(32, { base: 0 }, 2 ** 32)],
    ['a shift by all bits', asm => asm.shift('shl', 32, 0, 32)],
    ['a vector register beyond 31', asm => asm.v('vaddps', 512, [0, 0, 32])],
    ['a vector register beyond 15 without an EVEX form', asm => asm.v('vpand', 256, [0, 0, 16])],
    ['512 bits without an EVEX form', asm => asm.v('vpand', 512, [0, 0, 0])],
    ['a length that the instruction has not', asm => asm.v('vaddss', 128, [0, 0, 0])],
    ['a mask without an EVEX form', asm => asm.v('vpand', 256, [0, 0, 0], { mask: 1 })],
    ['mask 0', asm => asm.v('vaddps', 256, [0, 0, 0], { mask: 0 })],
    ['zeroing without a mask', asm => asm.v('vaddps', 256, [0, 0, 0], { zeroing: true })],
    ['zeroing of memory', asm => asm.v('vmovups', 256, [{ base: 0 }, 0], { mask: 1, zeroing: true })],
    ['a broadcast of a register', asm => asm.v('vaddps', 256, [0, 0, 0], { broadcast: true })],
    ['a broadcast where there is none', asm => asm.v('vmovups', 256, [0, { base: 0 }], { broadcast: true })],
    ['memory where a register must be', asm => asm.v('vaddps', 256, [0, { base: 0 }, 0])],
    ['an operand too few', asm => asm.v('vaddps', 256, [0, 0])],
    ['a missing immediate', asm => asm.v('vperm2f128', 256, [0, 0, 0])],
    ['an immediate of 9 bits', asm => asm.v('vperm2f128', 256, [0, 0, 0], { immediate: 256 })],
    ['an immediate too many', asm => asm.v('vaddps', 256, [0, 0, 0], { immediate: 1 })],
  ]
  it.each(refused)('refuses %s', (_, write) => {
    expect(() => encode(write)).toThrow(EngineError)
  })

  it('names the instruction that it cannot encode', () => {
    expect(() => encode(asm => asm.v('vpand', 512, [0, 1, 2]))).toThrow(/vpand.*512/)
  })
})
