import type { Block, Instruction, Register } from './ir.ts'

// What passes over programs ask of an instruction: the registers it reads, the one it writes, the blocks inside it.

/** Names of the operands that each instruction may have, in the order they are read. */
const operandNames = ['from', 'to', 'count', 'condition', 'a', 'b', 'c', 'base', 'index'] as const
type OperandName = (typeof operandNames)[number]

/** `to` is what a loop counts up to, but what every other instruction writes. */
const isOperand = (i: Instruction, name: OperandName): boolean => name !== 'to' || i.op === 'loop'

/** The registers that `i` reads itself, without those that its blocks read. A loop reads its end before every turn. */
export function operands(i: Instruction): Register[] {
  const read: Register[] = []
  const fields = i as Partial<Record<OperandName, Register>>
  for (const name of operandNames) {
    const register = fields[name]
    if (register !== undefined && isOperand(i, name)) read.push(register)
  }
  return read
}

/** The register that `i` writes: of a loop its counter, of tasks the number of the task. */
export function result(i: Instruction): Register | undefined {
  switch (i.op) {
    case 'loop':
      return i.counter
    case 'tasks':
      return i.task
    case 'store':
    case 'if':
    case 'barrier':
      return undefined
    default:
      return i.to
  }
}

/** The blocks inside `i`, in the order they stand. */
export function blocks(i: Instruction): Block[] {
  switch (i.op) {
    case 'loop':
    case 'tasks':
      return [i.body]
    case 'if':
      return [i.body, i.otherwise]
    default:
      return []
  }
}

/** `i` with `map` applied to every register that it reads itself. */
export function mapOperands(i: Instruction, map: (register: Register) => Register): Instruction {
  const mapped = { ...i } as Partial<Record<OperandName, Register>>
  for (const name of operandNames) {
    const register = mapped[name]
    if (register !== undefined && isOperand(i, name)) mapped[name] = map(register)
  }
  return mapped as Instruction
}

/** `i` with `map` applied to the blocks inside it. */
export function mapBlocks(i: Instruction, map: (block: Block) => Block): Instruction {
  switch (i.op) {
    case 'loop':
    case 'tasks':
      return { ...i, body: map(i.body) }
    case 'if':
      return { ...i, body: map(i.body), otherwise: map(i.otherwise) }
    default:
      return i
  }
}

/** Calls `visit` for every instruction of `block` and of the blocks inside, in the order they stand. */
export function walk(block: Block, visit: (i: Instruction) => void): void {
  for (const i of block) {
    visit(i)
    for (const inner of blocks(i)) walk(inner, visit)
  }
}
