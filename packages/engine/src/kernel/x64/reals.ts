import type { ArithmeticFunction, Instruction } from '../ir.ts'
import { bitsOf, type Machine, scratch } from './machine.ts'
import { emitHalves, emitNibbles, emitToBf16 } from './narrow.ts'

// Reals: constants, arithmetic, multiply-add, sums over lanes.

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
export const laneMoves: Partial<Record<ArithmeticFunction, { narrow: LaneMove; wide: LaneMove }>> = {
  interleaveLow: { narrow: ['vunpcklps'], wide: ['vunpcklps'] },
  interleaveHigh: { narrow: ['vunpckhps'], wide: ['vunpckhps'] },
  evenFours: { narrow: ['vperm2f128', 0x20], wide: ['vshuff32x4', 0x88] },
  oddFours: { narrow: ['vperm2f128', 0x31], wide: ['vshuff32x4', 0xdd] },
}

/** A number; what has no place is written where it is used. */
export function emitConstant(m: Machine, { to, value }: Instruction & { op: 'const' }): void {
  // What has no register is written where it is used.
  const place = m.place(to)
  if (place.kind === 'constant') return
  if (m.types[to] === 'i32') {
    const target = m.generalTarget(to)
    m.asm.movImmediate(64, target, value)
    m.setGeneral(to, target)
    return
  }
  const target = m.vectorTarget(to)
  const length = m.lengthOf(to)
  if (Object.is(value, 0)) {
    if (m.isWide) m.asm.v('vpxord', 512, [target, target, target])
    else m.asm.v('vxorps', 256, [target, target, target])
  } else if (length === 'scalar') m.v('vmovss', length, [target, m.repeated(bitsOf(value), length)])
  else {
    const source = m.repeated(m.bits(to, value), 'scalar')
    m.v('vbroadcastss', length, [target, source])
  }
  m.putVector(to, target)
}

/** One number in all lanes. */
export function emitSplat(m: Machine, { to, from }: Instruction & { op: 'splat' }): void {
  const target = m.vectorTarget(to)
  m.v('vbroadcastss', m.length, [target, m.operand(from)])
  m.putVector(to, target)
}

/** Functions of one real, and conversions from and to integers. */
export function emitUnary(m: Machine, i: Instruction & { op: 'unary' }): void {
  const { asm, spare } = m
  if (i.fn === 'toInt') {
    const target = m.generalTarget(i.to)
    const a = m.vector(i.a, spare)
    asm.v('vcvttss2si', 'scalar', [target, a])
    // What is too large becomes the least integer; one less is the greatest.
    m.v('vucomiss', 'scalar', [a, m.repeated(bitsOf(2 ** 31), 'scalar')])
    asm.setcc('ae', scratch.second)
    asm.movzx8(scratch.second, scratch.second)
    asm.alu('sub', 32, target, scratch.second)
    asm.movsxd(target, target)
    m.setGeneral(i.to, target)
    return
  }
  if (i.fn === 'toBf16') {
    emitToBf16(m, i)
    return
  }
  if (i.fn === 'lowNibbles' || i.fn === 'highNibbles') {
    emitNibbles(m, i.fn, i)
    return
  }
  if (i.fn === 'evens' || i.fn === 'odds') {
    emitHalves(m, i.fn, i)
    return
  }
  const target = m.vectorTarget(i.to)
  const length = m.lengthOf(i.to)
  const bits = length === 'scalar' ? 128 : length
  const integerAnd = m.isWide ? 'vpandd' : 'vpand'
  const integerOr = m.isWide ? 'vpord' : 'vpor'
  switch (i.fn) {
    case 'toReal': {
      if (m.types[i.a] === 'ints') {
        m.v('vcvtdq2ps', length, [target, m.vector(i.a, spare)])
        break
      }
      const from = m.general(i.a, scratch.first)
      // The instruction keeps the upper lanes of its first source: a fresh one keeps it from waiting.
      asm.v('vxorps', 128, [target, target, target])
      asm.v('vcvtsi2ss', 'scalar', [target, target, from])
      break
    }
    case 'neg':
      m.v('vxorps', bits, [target, m.vector(i.a, spare), m.pattern(-0x8000_0000, length)])
      break
    case 'abs':
      m.v('vandps', bits, [target, m.vector(i.a, spare), m.pattern(0x7fff_ffff, length)])
      break
    case 'sqrt':
      if (length === 'scalar') {
        const a = m.vector(i.a, spare)
        asm.v('vsqrtss', length, [target, a, a])
      } else m.v('vsqrtps', length, [target, m.operand(i.a)])
      break
    case 'floor':
    case 'nearest': {
      const rounding = i.fn === 'floor' ? 9 : 8
      const a = m.vector(i.a, spare)
      const name = m.isWide ? 'vrndscale' : 'vround'
      if (length === 'scalar') m.v(`${name}ss`, length, [target, a, a], { immediate: rounding })
      else m.v(`${name}ps`, length, [target, a], { immediate: rounding })
      break
    }
    case 'exponent':
      m.v('vpsrld', bits, [spare, m.vector(i.a, spare)], { immediate: 23 })
      m.v(integerAnd, bits, [spare, spare, m.pattern(255, length)])
      m.v('vpsubd', bits, [spare, spare, m.pattern(127, length)])
      asm.v('vcvtdq2ps', bits, [target, spare])
      break
    case 'mantissa':
      m.v(integerAnd, bits, [spare, m.vector(i.a, spare), m.pattern(0x7f_ffff, length)])
      m.v(integerOr, bits, [target, spare, m.pattern(0x3f80_0000, length)])
      break
  }
  m.putVector(i.to, target)
}

/** Arithmetic of two reals, number by number. */
export function emitRealArithmetic(m: Machine, i: Instruction & { op: 'binary' }): void {
  const { asm, spare } = m
  const length = m.lengthOf(i.to)
  const target = m.vectorTarget(i.to)
  const suffix = length === 'scalar' ? 'ss' : 'ps'
  if (i.fn === 'ldexp' && m.isWide) {
    m.v(`vscalef${suffix}`, length, [target, m.vector(i.a, spare), m.operand(i.b)])
    m.putVector(i.to, target)
    return
  }
  if (i.fn === 'ldexp') {
    // x · 2^n with 2^n made from its bits.
    const bits = length === 'scalar' ? 128 : length
    asm.v('vcvttps2dq', bits, [spare, m.vector(i.b, spare)])
    m.v('vpaddd', bits, [spare, spare, m.pattern(127, length)])
    m.v('vpslld', bits, [spare, spare], { immediate: 23 })
    m.v(`vmul${suffix}`, length, [target, spare, m.operand(i.a)])
    m.putVector(i.to, target)
    return
  }
  const name = m.types[i.to] === 'ints' ? intsArithmetic[i.fn]! : `${realArithmetic[i.fn]!}${suffix}`
  let [a, b] = [i.a, i.b]
  // Of two equal numbers, and of a NaN and a number, x86 gives the second, WebAssembly's pseudo-minimum the first.
  const exchanged = i.fn === 'min' || i.fn === 'max'
  const commutes = i.fn === 'add' || i.fn === 'mul'
  if (exchanged || (commutes && m.registerOf(a) === undefined && m.registerOf(b) !== undefined)) [a, b] = [b, a]
  m.v(name, length, [target, m.vector(a, spare), m.operand(b)])
  m.putVector(i.to, target)
}

/** a·b + c, rounded once. */
export function emitMultiplyAdd(m: Machine, { to, a, b, c }: Instruction & { op: 'fma' }): void {
  const length = m.lengthOf(to)
  const suffix = length === 'scalar' ? 'ss' : 'ps'
  const [inA, inC] = [a, c].map(register => m.registerOf(register))
  // The factor in memory, if there is one, comes last.
  const [x, y] = inA === undefined ? [b, a] : [a, b]
  const inY = m.registerOf(y)
  const place = m.registerOf(to)
  const compute = (target: number, factor: number) => {
    // The form of the instruction follows from which operand lies where the result goes.
    if (target === inC) m.v(`vfmadd231${suffix}`, length, [target, factor, m.operand(y)])
    else if (target === factor) {
      if (inY !== undefined) m.v(`vfmadd213${suffix}`, length, [target, inY, m.operand(c)])
      else m.v(`vfmadd132${suffix}`, length, [target, m.vector(c, m.spare), m.operand(y)])
    } else if (target === inY) m.v(`vfmadd213${suffix}`, length, [target, factor, m.operand(c)])
    else {
      m.moveVector(length, target, m.vector(c, target))
      m.v(`vfmadd231${suffix}`, length, [target, factor, m.operand(y)])
    }
  }
  const factor = m.registerOf(x)
  if (factor !== undefined) {
    const target = place ?? m.spare
    compute(target, factor)
    m.putVector(to, target)
    return
  }
  // Both factors in memory: one needs a register, the result another.
  const busy = [place, inC].flatMap(number => (number === undefined ? [] : [number]))
  m.borrow(busy, borrowed => {
    m.vector(x, borrowed)
    const target = place ?? m.spare
    if (target !== inC) m.moveVector(length, target, m.vector(c, target))
    m.v(`vfmadd231${suffix}`, length, [target, borrowed, m.operand(y)])
    if (place === undefined) m.putVector(to, target)
  })
}

/** Lanes join in the order of the interpreter, which is also that of `Builder.totals`. */
export function emitReduce(m: Machine, { to, fn, a }: Instruction & { op: 'reduce' }): void {
  const { asm, spare: moved } = m
  const join = fn === 'sum' ? 'vadd' : 'vmax'
  const reduceInto = (total: number) => {
    const source = m.vector(a, total)
    asm.v('vpermilps', m.length, [moved, source], { immediate: 0x4e })
    m.v(`${join}ps`, m.length, [total, source, moved])
    asm.v('vpermilps', m.length, [moved, total], { immediate: 0xb1 })
    m.v(`${join}ps`, m.length, [total, total, moved])
    if (m.isWide) {
      asm.v('vshuff32x4', 512, [moved, total, total], { immediate: 0xb1 })
      m.v(`${join}ps`, 512, [total, total, moved])
      asm.v('vshuff32x4', 512, [moved, total, total], { immediate: 0x4e })
    } else asm.v('vextractf128', 256, [moved, total], { immediate: 1 })
    m.v(`${join}ss`, 'scalar', [total, total, moved])
    m.putVector(to, total)
  }
  const target = m.registerOf(to)
  if (target !== undefined) reduceInto(target)
  else m.borrow([m.registerOf(a) ?? -1], reduceInto)
}

/** Lanes of two vectors in another order. */
export function emitLaneMove(m: Machine, { fn, to, a, b }: Instruction & { op: 'binary' }): void {
  const target = m.vectorTarget(to)
  const [name, immediate] = laneMoves[fn]![m.length === 512 ? 'wide' : 'narrow']
  m.v(name, m.length, [target, m.vector(a, m.spare), m.operand(b)], { immediate })
  m.putVector(to, target)
}
