import type { Instruction } from '../ir.ts'
import { type Machine, narrowTypes, scratch } from './machine.ts'
import { loadBf16, storeBf16, storeBytes } from './narrow.ts'

// Loads, stores and copies.

/** A value into a variable. */
export function emitCopy(m: Machine, { to, from }: Instruction & { op: 'copy' }): void {
  const type = m.types[to]
  if (type === 'i32' || type === 'ptr') {
    const place = m.place(to)
    m.setGeneral(to, m.general(from, place.kind === 'register' ? place.number : scratch.first))
    return
  }
  const target = m.vectorTarget(to)
  m.putVector(to, m.vector(from, target))
}

/** A value from memory, widened if its elements are narrower. */
export function emitLoad(m: Machine, i: Instruction & { op: 'load' }): void {
  const { to, splat } = i
  const memory = m.memory(i)
  const type = m.types[to]
  if (type === 'i32') {
    const target = m.generalTarget(to)
    if (i.scale === 1) {
      m.asm.movsx8(target, memory)
      m.asm.movsxd(target, target)
    } else m.asm.movsxd(target, memory)
    m.setGeneral(to, target)
    return
  }
  const target = m.vectorTarget(to)
  if (i.scale === 2 && type !== 'pairs') loadBf16(m, target, memory, i)
  else if (splat) m.asm.v('vbroadcastss', m.length, [target, memory])
  else m.moveVector(m.lengthOf(to), target, memory)
  m.putVector(to, target)
}

/** A value into memory, rounded if its elements are narrower. */
export function emitStore(m: Machine, i: Instruction & { op: 'store' }): void {
  const { from } = i
  const memory = m.memory(i)
  if (m.types[from] === 'i32') {
    const value = m.general(from, scratch.first)
    if (i.scale === 1) m.asm.store8(memory, value)
    else m.asm.store(32, memory, value)
  } else if (narrowTypes.has(m.types[from]!) || i.scale === 4)
    m.moveVector(m.lengthOf(from), memory, m.vector(from, m.spare))
  else if (i.scale === 2) storeBf16(m, memory, from)
  else storeBytes(m, memory, from)
}
