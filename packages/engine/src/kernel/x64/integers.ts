import { EngineError } from '../../errors.ts'
import type { Instruction, Register } from '../ir.ts'
import { frameLayout, type Machine, rax, rcx, rdx, scratch } from './machine.ts'

// Integers and comparisons of them.

/** Arithmetic of two integers in 32 bits; the result is sign-extended again. */
export function emitIntegerArithmetic(m: Machine, i: Instruction & { op: 'binary' }): void {
  const { asm } = m
  const target = m.generalTarget(i.to)
  const right = m.place(i.b)
  const immediate = right.kind === 'constant' ? right.value : undefined
  switch (i.fn) {
    case 'add':
    case 'sub':
    case 'and': {
      const left = m.general(i.a, scratch.first)
      if (immediate !== undefined) {
        m.move(scratch.first, left)
        asm.aluImmediate(i.fn, 32, scratch.first, immediate)
      } else {
        const other = m.general(i.b, scratch.second)
        m.move(scratch.first, left)
        asm.alu(i.fn, 32, scratch.first, other)
      }
      asm.movsxd(target, scratch.first)
      break
    }
    case 'mul': {
      const left = m.general(i.a, scratch.first)
      if (immediate !== undefined) asm.imulImmediate(32, scratch.first, left, immediate)
      else {
        const other = m.general(i.b, scratch.second)
        m.move(scratch.first, left)
        asm.imul(32, scratch.first, other)
      }
      asm.movsxd(target, scratch.first)
      break
    }
    case 'shl':
    case 'shr':
      if (immediate !== undefined) {
        m.move(scratch.first, m.general(i.a, scratch.first))
        asm.shift(i.fn, 32, scratch.first, immediate & 31)
      } else {
        const by = m.general(i.b, scratch.second)
        asm.shiftBy(i.fn === 'shl' ? 'shlx' : 'shrx', 32, scratch.first, m.general(i.a, scratch.first), by)
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
        m.move(scratch.first, m.general(i.a, scratch.first))
        if (i.fn === 'div') asm.shift('shr', 64, scratch.first, power)
        else asm.aluImmediate('and', 64, scratch.first, immediate! - 1)
        m.move(target, scratch.first)
        break
      }
      m.move(rax, m.general(i.a, rax))
      m.move(rcx, m.general(i.b, rcx))
      asm.store(64, m.frame(frameLayout.saved), rdx)
      asm.alu('xor', 32, rdx, rdx)
      asm.div(32, rcx)
      if (i.fn === 'rem') asm.mov(64, rax, rdx)
      asm.load(64, rdx, m.frame(frameLayout.saved))
      m.move(target, rax)
      break
    }
    case 'min':
    case 'max': {
      const other = m.general(i.b, scratch.second)
      m.move(scratch.first, m.general(i.a, scratch.first))
      asm.alu('cmp', 64, scratch.first, other)
      asm.cmov(i.fn === 'min' ? 'g' : 'l', 64, scratch.first, other)
      m.move(target, scratch.first)
      break
    }
    default:
      throw new EngineError('kernel', `${m.program.name}: no integer ${i.fn}`)
  }
  m.setGeneral(i.to, target)
}

/** Compares two integers. */
export function compareIntegers(m: Machine, a: Register, b: Register): void {
  compareWith(m, m.general(a, scratch.first), b)
}

/** Compares an integer in a register with another. */
export function compareWith(m: Machine, left: number, b: Register): void {
  const right = m.place(b)
  if (right.kind === 'constant') m.asm.aluImmediate('cmp', 64, left, right.value)
  else m.asm.alu('cmp', 64, left, m.general(b, scratch.second))
}
