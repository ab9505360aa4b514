import { blocks, result, walk } from '../instructions.ts'
import type { Block, Instruction, Program, Register } from '../ir.ts'

/** All of memory, as one more variable that instructions read and write. */
export const memory: Register = -1

/** The registers of a program that several instructions write, and where they change. */
export class Variables {
  private readonly writers: number[]
  private readonly changes = new Map<Block, ReadonlySet<Register>>()

  constructor(program: Program) {
    this.writers = program.types.map(() => 0)
    walk(program.body, i => {
      const to = result(i)
      if (to !== undefined) this.writers[to]!++
    })
    this.collect(program.body)
  }

  /** Other registers stay as they are wherever they can be read, until a loop around makes its next turn. */
  has(register: Register): boolean {
    return register === memory || this.writers[register]! > 1
  }

  /** The variable that `i` itself writes. Behind a barrier, memory is what other threads made of it. */
  changedBy(i: Instruction): Register | undefined {
    if (i.op === 'store' || i.op === 'barrier') return memory
    const to = result(i)
    return to !== undefined && this.has(to) ? to : undefined
  }

  /** The variables that a block of the program writes, or a block inside it. */
  changedIn(block: Block): ReadonlySet<Register> {
    return this.changes.get(block)!
  }

  private collect(block: Block): ReadonlySet<Register> {
    const changed = new Set<Register>()
    for (const i of block) {
      const register = this.changedBy(i)
      if (register !== undefined) changed.add(register)
      for (const inner of blocks(i)) for (const register of this.collect(inner)) changed.add(register)
    }
    this.changes.set(block, changed)
    return changed
  }
}
