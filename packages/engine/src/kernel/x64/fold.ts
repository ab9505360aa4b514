import { operands, result, walk } from '../instructions.ts'
import type { Block, Instruction, Program, Register } from '../ir.ts'

// x86 instructions do more than one thing: an arithmetic instruction can read one operand from memory, and a jump can
// follow a comparison without an answer in between. Which instructions of the IR become part of the one that uses them?

/** For each register whose instruction is not emitted by itself but where it is used: that instruction. */
export type Folded = ReadonlyMap<Register, Instruction>

/** How far behind its instruction a use may stand: what is folded keeps the registers of its address alive until there. */
const reach = 40

/** Finds loads that become memory operands of their only use, and comparisons whose only use is the `if` behind them. */
export function fold(program: Program, hasBroadcast: boolean): Folded {
  const uses = new Map<Register, number>()
  const count = (register: Register) => uses.set(register, (uses.get(register) ?? 0) + 1)
  walk(program.body, i => operands(i).forEach(count))
  const writes = new Map<Register, number>()
  walk(program.body, i => {
    const to = result(i)
    if (to !== undefined) writes.set(to, (writes.get(to) ?? 0) + 1)
  })
  const folded = new Map<Register, Instruction>()
  const { types } = program

  const isFoldable = (i: Instruction): boolean => {
    if (i.op === 'compare') return types[i.a] !== 'vec'
    if (i.op !== 'load') return false
    const type = types[i.to]
    if (type === 'pairs') return hasBroadcast
    if (i.scale !== 4) return false
    return type === 'f32' || (type === 'vec' && (!i.splat || hasBroadcast))
  }
  const visit = (block: Block): void => {
    for (const [at, i] of block.entries()) {
      const to = result(i)
      if (to === undefined || uses.get(to) !== 1 || writes.get(to) !== 1 || !isFoldable(i)) continue
      const use = findUse(block, at, to)
      if (use && takes(use, to, i.op === 'load', folded)) folded.set(to, i)
    }
  }
  visit(program.body)
  walk(program.body, i => {
    if (i.op === 'if') [i.body, i.otherwise].forEach(visit)
    else if (i.op === 'loop' || i.op === 'tasks') visit(i.body)
  })
  return folded
}

/** The instruction behind `at` in the same block that uses `register`, if what `at` reads is still the same there. */
function findUse(block: Block, at: number, register: Register): Instruction | undefined {
  const i = block[at]!
  const reads = operands(i)
  for (const next of block.slice(at + 1, at + 1 + reach)) {
    if (operands(next).includes(register)) return next
    const written = result(next)
    if (written !== undefined && reads.includes(written)) return undefined
    const changesMemory = next.op === 'store' || next.op === 'barrier'
    if ('body' in next || (changesMemory && i.op === 'load')) return undefined
  }
  return undefined
}

/** Whether `use` can take `register` as a part of itself; it takes one at most. */
function takes(use: Instruction, register: Register, isLoad: boolean, folded: Folded): boolean {
  if (!isLoad) return use.op === 'if' && use.condition === register
  if (use.op === 'binary' && use.fn !== 'ldexp') {
    const other = use.a === register ? use.b : use.a
    // The operand in memory is the second one; `min` and `max` are emitted with operands exchanged (see emit.ts).
    const second = use.fn === 'min' || use.fn === 'max' ? use.a : use.b
    const commutes = use.fn === 'add' || use.fn === 'mul'
    return other !== register && !folded.has(other) && (commutes || second === register)
  }
  if (use.op === 'dot') {
    const other = use.a === register ? use.b : use.a
    return other !== register && !folded.has(other)
  }
  if (use.op === 'fma') {
    const factor = use.a === register || use.b === register
    const others = [use.a, use.b, use.c].filter(r => r !== register)
    return factor && others.length === 2 && !others.some(r => folded.has(r))
  }
  return false
}
