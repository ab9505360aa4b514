import { blocks, mapBlocks, operands, result, walk } from '../instructions.ts'
import type { Block, Instruction, Program, Register } from '../ir.ts'

/** `program` with `t = …; v ← t` as `v = …`, where nobody else reads t and v is not used in between. */
export function foldCopies(program: Program): Program {
  const reads = countReads(program)
  return { ...program, body: foldBlock(program.body, reads) }
}

/** How often each register is read. */
export function countReads(program: Program): number[] {
  const reads = program.types.map(() => 0)
  walk(program.body, i => {
    for (const register of operands(i)) reads[register]!++
  })
  return reads
}

function foldBlock(block: Block, reads: readonly number[]): Block {
  const folded: Block = []
  for (const original of block) {
    const i = mapBlocks(original, inner => foldBlock(inner, reads))
    if (i.op !== 'copy' || reads[i.from] !== 1 || !foldInto(folded, i.from, i.to)) folded.push(i)
  }
  return folded
}

/** Lets the instruction of `block` that writes `from` write `to` instead, if nothing after it uses `to`. */
function foldInto(block: Block, from: Register, to: Register): boolean {
  for (let at = block.length - 1; at >= 0; at--) {
    const i = block[at]!
    if (result(i) === from) {
      // Constants stay at the beginning, and counters belong to their loops.
      if (i.op === 'const' || blocks(i).length > 0) return false
      block[at] = { ...i, to } as Instruction
      return true
    }
    if (uses(i, to)) return false
  }
  return false
}

/** Whether `i` or what is inside it reads or writes `register`. */
function uses(i: Instruction, register: Register): boolean {
  let found = false
  walk([i], inner => {
    found ||= result(inner) === register || operands(inner).includes(register)
  })
  return found
}
