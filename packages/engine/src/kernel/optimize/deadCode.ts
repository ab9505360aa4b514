import { blocks, isPure, mapBlocks, operands, result } from '../instructions.ts'
import type { Block, Instruction, Program } from '../ir.ts'
import { countReads } from './copies.ts'

/** `program` without instructions whose results nobody reads, and without blocks in which nothing is left. */
export function removeDeadCode(program: Program): Program {
  return { ...program, body: removeFrom(program.body, countReads(program)) }
}

/** From the last instruction to the first, so that readers go before what they read; `reads` is kept up to date. */
function removeFrom(block: Block, reads: number[]): Block {
  const kept: Block = []
  for (const original of block.toReversed()) {
    const i = mapBlocks(original, inner => removeFrom(inner, reads))
    if (isDead(i, reads)) for (const register of operands(i)) reads[register]!--
    else kept.push(i)
  }
  return kept.reverse()
}

function isDead(i: Instruction, reads: readonly number[]): boolean {
  if (i.op === 'tasks') return false
  const inside = blocks(i)
  if (inside.length > 0) return inside.every(block => block.length === 0)
  const hasNoEffect = isPure(i) || i.op === 'copy' || i.op === 'load'
  return hasNoEffect && reads[result(i)!] === 0
}
