import { EngineError } from '../../errors.ts'
import type { Comparison, Instruction, Register } from '../ir.ts'
import type { Condition, Label } from './encoder.ts'
import { compareIntegers } from './integers.ts'
import { frameLayout, type Machine, scratch } from './machine.ts'

// Comparisons, and what follows from them: choices and jumps.

/** Predicates of vcmpps: ordered, so false for NaN; `ne` is true for it. */
const predicates: Record<Comparison, number> = { eq: 0x00, lt: 0x11, le: 0x12, ne: 0x04, ge: 0x1d, gt: 0x1e }
const signedConditions: Record<Comparison, Condition> = { eq: 'e', ne: 'ne', lt: 'l', le: 'le', gt: 'g', ge: 'ge' }
/** What holds if the comparison does not. */
const negatedConditions: Record<Comparison, Condition> = { eq: 'ne', ne: 'e', lt: 'ge', le: 'g', gt: 'le', ge: 'l' }

/** Lane by lane: a mask; of scalars: 1 or 0. */
export function emitCompare(m: Machine, i: Instruction & { op: 'compare' }): void {
  const { asm, spare } = m
  const type = m.types[i.a]
  if (type === 'vec') {
    const a = m.vector(i.a, spare)
    if (!m.isWide) {
      const target = m.vectorTarget(i.to)
      m.v('vcmpps', 256, [target, a, m.operand(i.b)], { immediate: predicates[i.fn] })
      m.putVector(i.to, target)
      return
    }
    const place = m.place(i.to)
    // k0 cannot select, but it can carry an answer to the frame.
    const target = place.kind === 'register' ? place.number : 0
    m.v('vcmppsMask', 512, [target, a, m.operand(i.b)], { immediate: predicates[i.fn] })
    if (place.kind === 'stack') asm.v('kmovw', 'scalar', [m.frame(place.offset), target])
    return
  }
  if (type === 'f32') {
    // The answer of vcmpss is a pattern of all ones or zeros.
    const a = m.vector(i.a, spare)
    if (m.isWide) {
      m.v('vcmpssMask', 'scalar', [0, a, m.operand(i.b)], { immediate: predicates[i.fn] })
      asm.v('kmovwToGeneral', 'scalar', [scratch.first, 0])
    } else {
      m.v('vcmpss', 'scalar', [spare, a, m.operand(i.b)], { immediate: predicates[i.fn] })
      asm.v('vmovdToGeneral', 'scalar', [scratch.first, spare])
    }
    asm.aluImmediate('and', 32, scratch.first, 1)
  } else {
    compareIntegers(m, i.a, i.b)
    asm.setcc(signedConditions[i.fn], scratch.first)
    asm.movzx8(scratch.first, scratch.first)
  }
  m.setGeneral(i.to, scratch.first)
}

/** The first value where the condition holds, else the second. */
export function emitSelect(m: Machine, i: Instruction & { op: 'select' }): void {
  if (m.types[i.condition] === 'mask') {
    if (m.isWide) selectByMask(m, i)
    else selectByVector(m, i)
    return
  }
  const { asm, spare } = m
  const condition = m.general(i.condition, scratch.second)
  asm.test(32, condition, condition)
  // Moves leave the answer of the test alone.
  if (m.types[i.to] === 'i32') {
    m.move(scratch.first, m.general(i.b, scratch.first))
    asm.cmov('ne', 64, scratch.first, m.general(i.a, scratch.second))
    m.setGeneral(i.to, scratch.first)
    return
  }
  const done = asm.label()
  const length = m.lengthOf(i.to)
  m.moveVector(length, spare, m.vector(i.b, spare))
  asm.jcc('e', done)
  m.moveVector(length, spare, m.vector(i.a, spare))
  asm.bind(done)
  m.putVector(i.to, spare)
}

/** AVX-512 has registers for masks. One that lives in the frame takes the place of k1 for a moment. */
function selectByMask(m: Machine, i: Instruction & { op: 'select' }): void {
  const { asm } = m
  const place = m.place(i.condition)
  const blend = (mask: number) => {
    const target = m.vectorTarget(i.to)
    const b = m.vector(i.b, m.spare)
    m.v('vblendmps', 512, [target, b, m.operand(i.a)], { mask })
    m.putVector(i.to, target)
  }
  if (place.kind === 'register') blend(place.number)
  else if (place.kind === 'stack') {
    const aside = m.frame(frameLayout.borrowed)
    asm.v('kmovw', 'scalar', [aside, 1])
    asm.v('kmovw', 'scalar', [1, m.frame(place.offset)])
    blend(1)
    asm.v('kmovw', 'scalar', [1, aside])
  } else throw new EngineError('kernel', `${m.program.name}: a mask without a place`)
}

/** With AVX2 a mask is a vector of all ones and zeros. */
function selectByVector(m: Machine, i: Instruction & { op: 'select' }): void {
  const { spare } = m
  const target = m.vectorTarget(i.to)
  const blend = (b: number, mask: number) => m.v('vblendvps', 256, [target, b, m.operand(i.a), mask])
  const inRegisters = [i.b, i.condition].filter(register => m.registerOf(register) !== undefined)
  if (inRegisters.length > 0) blend(m.vector(i.b, spare), m.vector(i.condition, spare))
  else {
    const busy = [i.a, i.to].flatMap(register => m.registerOf(register) ?? [])
    m.borrow(busy, borrowed => blend(m.vector(i.b, spare), m.vector(i.condition, borrowed)))
  }
  m.putVector(i.to, target)
}

/** Jumps to `label` unless `condition` holds. */
export function jumpUnless(m: Machine, condition: Register, label: Label): void {
  const { asm } = m
  const inner = m.folded.get(condition)
  if (inner?.op !== 'compare') {
    const value = m.general(condition, scratch.first)
    asm.test(32, value, value)
    asm.jcc('e', label)
    return
  }
  const { fn, a, b } = inner
  if (m.types[a] !== 'f32') {
    compareIntegers(m, a, b)
    asm.jcc(negatedConditions[fn], label)
    return
  }
  // vucomiss says "below" also for NaN, so only "above" is a sure answer: a < b is asked as b > a.
  const [left, right] = fn === 'lt' || fn === 'le' ? [b, a] : [a, b]
  m.v('vucomiss', 'scalar', [m.vector(left, m.spare), m.operand(right)])
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
