import type { Instruction, Register } from '../ir.ts'
import type { Memory } from './encoder.ts'
import { bitsOf, type Machine, scratch } from './machine.ts'

// Narrow numbers in machine registers: dot products of bytes and of bfloat16, and rounding to them, with the
// instructions made for it where the processor has them and with plain ones where not.

type Bits = 128 | 256 | 512

/** Brings a value into a register: the one where it lives, or the one given. */
type Source = (through: number) => number

/** Of a pair: the odd element. */
const upperHalf = 0xffff_0000 | 0
const flipSigns = 0x8080_8080 | 0

/**
 * The numbers in `from` rounded to bfloat16, ties to even, in the upper halves of `to`; a NaN stays one. What stands in
 * the lower halves is of no use. `to` and `help` are other registers than `from`. Without the instruction for it.
 */
function roundToUpperHalves(m: Machine, bits: Bits, to: number, from: number, help: number): void {
  // All ones except for a NaN: of the numbers without sign only these lie above infinity.
  m.v('vandps', bits, [help, from, m.pattern(0x7fff_ffff, bits)])
  m.v('vpaddd', bits, [help, help, m.pattern(-0x7f80_0001, bits)])
  m.v('vpsrad', bits, [help, help], { immediate: 31 })
  // Half of the last place, less one unless the last bit is set.
  m.v('vpsrld', bits, [to, from], { immediate: 16 })
  m.v('vandps', bits, [to, to, m.pattern(1, bits)])
  m.v('vpaddd', bits, [to, to, m.pattern(0x7fff, bits)])
  m.v('vandps', bits, [to, to, help])
  m.v('vpaddd', bits, [to, to, from])
  m.v('vandnps', bits, [help, help, m.pattern(0x40_0000, bits)])
  m.v('vorps', bits, [to, to, help])
}

/** total[l] += Σ a[4l+i]·b[4l+i], i < 4, of int8. */
function dotBytes(
  m: Machine,
  bits: Bits,
  total: number,
  a: Source,
  b: Source,
  [x, y]: readonly [number, number],
): void {
  if (m.target.vnni) {
    // The instruction takes its first factor without sign: Σ (a + 128)·b + Σ (b + 128)·(−128) = Σ a·b − 4·128².
    m.v('vxorps', bits, [x, a(x), m.pattern(flipSigns, bits)])
    m.v('vpdpbusd', bits, [total, x, b(y)])
    m.v('vxorps', bits, [x, b(x), m.pattern(flipSigns, bits)])
    m.v('vpdpbusd', bits, [total, x, m.pattern(flipSigns, bits)])
    m.v('vpaddd', bits, [total, total, m.pattern(4 * 128 ** 2, bits)])
    return
  }
  // 16-bit lanes that hold the even bytes, then those that hold the odd ones.
  for (const isOdd of [false, true]) {
    for (const [register, source] of [
      [x, a],
      [y, b],
    ] as const) {
      if (isOdd) m.v('vpsraw', bits, [register, source(register)], { immediate: 8 })
      else {
        m.v('vpsllw', bits, [register, source(register)], { immediate: 8 })
        m.v('vpsraw', bits, [register, register], { immediate: 8 })
      }
    }
    m.v('vpmaddwd', bits, [x, x, y])
    m.v('vpaddd', bits, [total, total, x])
  }
}

/** total[l] += a[2l+1]·b[2l+1] + a[2l]·b[2l] of bfloat16, without the instruction for it: the products are exact. */
function dotPairs(
  m: Machine,
  bits: Bits,
  total: number,
  a: Source,
  b: Source,
  [x, y]: readonly [number, number],
): void {
  m.v('vandps', bits, [x, a(x), m.pattern(upperHalf, bits)])
  m.v('vandps', bits, [y, b(y), m.pattern(upperHalf, bits)])
  m.v('vfmadd231ps', bits, [total, x, y])
  m.v('vpslld', bits, [x, a(x)], { immediate: 16 })
  m.v('vpslld', bits, [y, b(y)], { immediate: 16 })
  m.v('vfmadd231ps', bits, [total, x, y])
}

/** The lower or upper four bits of each byte, less 8. `help` is another register than `to`. */
function nibbles(
  m: Machine,
  bits: Bits,
  to: number,
  from: number,
  part: 'lowNibbles' | 'highNibbles',
  eights: number,
): void {
  if (part === 'highNibbles') m.v('vpsrlw', bits, [to, from], { immediate: 4 })
  m.v('vandps', bits, [to, part === 'highNibbles' ? to : from, m.pattern(0x0f0f_0f0f, bits)])
  m.v('vpsubb', bits, [to, to, eights])
}

/** Bfloat16 numbers as float32. */
export function loadBf16(
  m: Machine,
  target: number,
  memory: Memory,
  { to, splat }: Instruction & { op: 'load' },
): void {
  const { asm, length } = m
  if (m.types[to] === 'f32') {
    asm.movzx16(scratch.first, memory)
    asm.shift('shl', 32, scratch.first, 16)
    asm.v('vmovd', 'scalar', [target, scratch.first])
  } else {
    asm.v(splat ? 'vpbroadcastw' : 'vpmovzxwd', length, [target, memory])
    m.v('vpslld', length, [target, target], { immediate: 16 })
  }
}

const bitsOfType = (m: Machine, register: Register): Bits => (m.types[register] === 'f32' ? 128 : m.length)

/** Calls use(words) with the bits of `from` rounded to bfloat16, side by side in the lower half of `words`. */
function roundedWords(m: Machine, from: Register, busy: readonly Register[], use: (words: number) => void): void {
  const bits = bitsOfType(m, from)
  if (m.target.roundsToBf16) {
    m.temporaries(1, [from, ...busy], words => {
      m.v('vcvtneps2bf16', bits, [words!, m.vector(from, words!)])
      use(words!)
    })
    return
  }
  m.temporaries(3, [from, ...busy], (upper, help, through) => {
    roundToUpperHalves(m, bits, upper!, m.vector(from, through!), help!)
    m.v('vpsrld', bits, [upper!, upper!], { immediate: 16 })
    if (bits === 512) m.v('vpmovdw', 512, [upper!, upper!])
    else if (bits === 256) {
      m.v('vextractf128', 256, [help!, upper!], { immediate: 1 })
      m.v('vpackusdw', 128, [upper!, upper!, help!])
    }
    use(upper!)
  })
}

/** Calls use(upper) with the value of `from` rounded to bfloat16 in the upper halves, the lower ones being zero. */
function roundedUpperHalves(m: Machine, from: Register, busy: readonly Register[], use: (upper: number) => void): void {
  const bits = bitsOfType(m, from)
  if (m.target.roundsToBf16) {
    roundedWords(m, from, busy, upper => {
      m.v('vpmovzxwd', bits, [upper, upper])
      m.v('vpslld', bits, [upper, upper], { immediate: 16 })
      use(upper)
    })
    return
  }
  m.temporaries(3, [from, ...busy], (upper, help, through) => {
    roundToUpperHalves(m, bits, upper!, m.vector(from, through!), help!)
    m.v('vandps', bits, [upper!, upper!, m.pattern(upperHalf, bits)])
    use(upper!)
  })
}

/** Float32 numbers as bfloat16, ties to even. */
export function storeBf16(m: Machine, memory: Memory, from: Register): void {
  const { asm } = m
  roundedWords(m, from, [], words => {
    if (m.types[from] === 'f32') {
      asm.v('vmovdToGeneral', 'scalar', [scratch.first, words])
      asm.store16(memory, scratch.first)
    } else asm.v('vmovups', m.isWide ? 256 : 128, [memory, words])
  })
}

/** Rounded to the nearest, no further than a byte reaches. */
export function storeBytes(m: Machine, memory: Memory, from: Register): void {
  const { asm, length } = m
  m.temporaries(2, [from], (value, help) => {
    m.v('vmaxps', length, [value!, m.vector(from, value!), m.pattern(bitsOf(-128), length)])
    m.v('vminps', length, [value!, value!, m.pattern(bitsOf(127), length)])
    asm.v('vcvtps2dq', length, [value!, value!])
    if (m.isWide) asm.v('vpmovsdb', 512, [memory, value!])
    else {
      asm.v('vextractf128', 256, [help!, value!], { immediate: 1 })
      asm.v('vpackssdw', 128, [value!, value!, help!])
      asm.v('vpacksswb', 128, [value!, value!, value!])
      asm.v('vmovq', 'scalar', [memory, value!])
    }
  })
}

/** Rounds to bfloat16 and keeps float32. */
export function emitToBf16(m: Machine, { to, a }: Instruction & { op: 'unary' }): void {
  roundedUpperHalves(m, a, [to], upper => m.putVector(to, upper))
}

/** Pairs of the numbers of two vectors. */
export function emitPackPairs(m: Machine, { to, a, b }: Instruction & { op: 'binary' }): void {
  const { length } = m
  if (m.target.roundsToBf16) {
    m.temporaries(2, [to, a, b], (even, odd) => {
      m.v('vcvtneps2bf16', length, [even!, m.vector(a, even!)])
      m.v('vcvtneps2bf16', length, [odd!, m.vector(b, odd!)])
      for (const half of [even!, odd!]) m.v('vpmovzxwd', length, [half, half])
      m.v('vpslld', length, [odd!, odd!], { immediate: 16 })
      m.v('vorps', length, [even!, even!, odd!])
      m.putVector(to, even!)
    })
    return
  }
  m.temporaries(4, [to, a, b], (even, odd, help, through) => {
    roundToUpperHalves(m, length, even!, m.vector(a, through!), help!)
    roundToUpperHalves(m, length, odd!, m.vector(b, through!), help!)
    m.v('vpsrld', length, [even!, even!], { immediate: 16 })
    m.v('vandps', length, [odd!, odd!, m.pattern(upperHalf, length)])
    m.v('vorps', length, [even!, even!, odd!])
    m.putVector(to, even!)
  })
}

/** The lower or upper halves of bytes, less 8. */
export function emitNibbles(
  m: Machine,
  fn: 'lowNibbles' | 'highNibbles',
  { to, a }: Instruction & { op: 'unary' },
): void {
  const { length } = m
  const [result, eights] = [m.spares[0]!, m.spares[1]!]
  m.v('vbroadcastss', length, [eights, m.repeated(0x0808_0808, 'scalar')])
  nibbles(m, length, result, m.vector(a, result), fn, eights)
  m.putVector(to, result)
}

/** Every second number of pairs: the lower or upper half of each word. */
export function emitHalves(m: Machine, fn: 'evens' | 'odds', { to, a }: Instruction & { op: 'unary' }): void {
  const { length } = m
  const target = m.vectorTarget(to)
  const words = m.vector(a, target)
  if (fn === 'evens') m.v('vpslld', length, [target, words], { immediate: 16 })
  else m.v('vandps', length, [target, words, m.pattern(upperHalf, length)])
  m.putVector(to, target)
}

/** Dot products lane by lane, of bytes or of pairs. */
export function emitDot(m: Machine, { to, a, b, c }: Instruction & { op: 'dot' }): void {
  const { length, spare } = m
  const target = m.registerOf(to)
  const isInput = target !== undefined && [a, b].some(register => m.registerOf(register) === target)
  const total = target === undefined || isInput ? spare : target
  m.moveVector(length, total, m.vector(c, total))
  const sourceOf =
    (register: Register): Source =>
    through =>
      m.vector(register, through)
  const help = [m.spares[1]!, m.spares[2]!] as const
  if (m.types[a] === 'bytes') dotBytes(m, length, total, sourceOf(a), sourceOf(b), help)
  else if (!m.target.bf16) dotPairs(m, length, total, sourceOf(a), sourceOf(b), help)
  else {
    // The operand in memory comes last.
    const [x, y] = m.registerOf(a) === undefined ? [b, a] : [a, b]
    m.v('vdpbf16ps', length, [total, m.vector(x, help[0]), m.operand(y)])
  }
  m.putVector(to, total)
}
