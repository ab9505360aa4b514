import { comparison, integerArithmetic } from '../interpreter.ts'
import type { ElementSize, Instruction, Place, Register, RegisterType } from '../ir.ts'

// Rules that replace an instruction by a cheaper one with the same result. Rules look at one instruction and at those
// that computed its operands.

/** What rules may know about the program up to here. */
export interface Facts {
  typeOf(register: Register): RegisterType
  /** The instruction that computed `register`, unless its operands may have changed since. */
  definition(register: Register): Instruction | undefined
  /** A register that holds an integer. */
  constant(value: number): Register
  /** Whether `register` is computed anew in every turn of the innermost loop around the current instruction. */
  changesEveryTurn(register: Register): boolean
}

type Binary = Instruction & { op: 'binary' }
type Access = Instruction & { op: 'load' | 'store' | 'prefetch' }

/** `i` or a cheaper instruction that does the same. */
export function simplify(i: Instruction, facts: Facts): Instruction {
  switch (i.op) {
    case 'const':
      return { ...i, value: isReal(facts.typeOf(i.to)) ? Math.fround(i.value) : i.value | 0 }
    case 'splat': {
      const value = constantOf(i.from, facts)
      return value === undefined ? i : { op: 'const', to: i.to, value }
    }
    case 'binary':
      return facts.typeOf(i.to) === 'i32' ? integer(i, facts) : i
    case 'compare': {
      const [a, b] = [constantOf(i.a, facts), constantOf(i.b, facts)]
      if (a === undefined || b === undefined || facts.typeOf(i.to) !== 'i32') return i
      return { op: 'const', to: i.to, value: Number(comparison[i.fn](a, b)) }
    }
    case 'load':
    case 'store':
    case 'prefetch':
      return access(i, facts)
    default:
      return i
  }
}

const isReal = (type: RegisterType): boolean => type === 'f32' || type === 'vec'

function constantOf(register: Register, facts: Facts): number | undefined {
  const i = facts.definition(register)
  return i?.op === 'const' ? i.value : undefined
}

function integer(i: Binary, facts: Facts): Instruction {
  const [a, b] = [constantOf(i.a, facts), constantOf(i.b, facts)]
  if (b === undefined) {
    // A constant stands on the right.
    const commutes = i.fn === 'add' || i.fn === 'mul' || i.fn === 'min' || i.fn === 'max' || i.fn === 'and'
    return a !== undefined && commutes ? withConstant({ ...i, a: i.b, b: i.a }, a, facts) : i
  }
  const isFailure = (i.fn === 'div' || i.fn === 'rem') && b === 0
  if (a !== undefined && !isFailure) {
    return { op: 'const', to: i.to, value: integerArithmetic[i.fn]!(a, b) | 0 }
  }
  return withConstant(i, b, facts)
}

/** What leaves every number as it is. */
const neutral: Partial<Record<Binary['fn'], number>> = { add: 0, sub: 0, mul: 1, div: 1, and: -1, shl: 0, shr: 0 }

/** Rules for `i`, whose right operand is the constant `b`. Quotients and remainders are of numbers that are not negative. */
function withConstant(i: Binary, b: number, facts: Facts): Instruction {
  const { fn, to, a } = i
  const again = (fn: Binary['fn'], a: Register, b: number) =>
    withConstant({ op: 'binary', fn, to, a, b: facts.constant(b) }, b, facts)
  if (b === neutral[fn]) return { op: 'copy', to, from: a }
  if (fn === 'mul' && b === 0) return { op: 'const', to, value: 0 }
  if (fn === 'sub') return again('add', a, -b | 0)
  const inner = facts.definition(a)
  if (inner?.op === 'binary' && inner.fn === fn) {
    const innerB = constantOf(inner.b, facts)
    // (a + c) + b = a + (c + b), and so on, also when they wrap.
    const isAssociative = fn === 'add' || fn === 'mul' || fn === 'min' || fn === 'max' || fn === 'and'
    if (innerB !== undefined && isAssociative) return again(fn, inner.a, integerArithmetic[fn]!(innerB, b) | 0)
  }
  if (b > 0 && (b & (b - 1)) === 0) {
    const log = 31 - Math.clz32(b)
    if (fn === 'mul') return again('shl', a, log)
    if (fn === 'div') return again('shr', a, log)
    if (fn === 'rem') return again('and', a, b - 1)
  }
  return i
}

/**
 * Moves the constant parts of an address into the offset of the access and what is left of an `address` into its index.
 * An index that wraps would lie far outside of every array, so index + constant does not.
 */
function access(i: Access, facts: Facts): Instruction {
  const address = facts.definition(i.base)
  if (address?.op === 'address') {
    const constant = constantOf(address.index, facts)
    if (constant !== undefined) {
      const moved = shifted(i, address.scale, constant)
      if (moved) return access({ ...moved, base: address.base }, facts)
    } else if (i.index === undefined && i.scale === address.scale && facts.changesEveryTurn(i.base)) {
      // An address that stays the same while a loop turns is better kept.
      return access({ ...i, base: address.base, index: address.index }, facts)
    }
  }
  const index = i.index === undefined ? undefined : constantOf(i.index, facts)
  if (index !== undefined) return shifted({ ...i, index: undefined }, i.scale, index) ?? i
  const sum = i.index === undefined ? undefined : facts.definition(i.index)
  const term = sum?.op === 'binary' && sum.fn === 'add' ? constantOf(sum.b, facts) : undefined
  if (sum?.op === 'binary' && term !== undefined) return shifted({ ...i, index: sum.a }, i.scale, term) ?? i
  return i
}

/** `i` further on by so many elements, if its offset allows that. */
function shifted<A extends Place>(i: A, scale: ElementSize, elements: number): A | undefined {
  const offset = i.offset + scale * elements
  return offset >= 0 && offset < 2 ** 31 ? { ...i, offset } : undefined
}
