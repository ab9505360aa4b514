import type { Block, Instruction, Register } from './ir.ts'

// What passes over programs ask of an instruction: the registers it reads, the one it writes, the blocks inside it.

type OperandName = 'from' | 'to' | 'count' | 'condition' | 'a' | 'b' | 'c' | 'base' | 'index'

/** Which properties of an instruction are registers that it reads. */
const operandNames: Record<Instruction['op'], readonly OperandName[]> = {
  const: [],
  splat: ['from'],
  unary: ['a'],
  binary: ['a', 'b'],
  compare: ['a', 'b'],
  select: ['condition', 'a', 'b'],
  fma: ['a', 'b', 'c'],
  dot: ['a', 'b', 'c'],
  reduce: ['a'],
  copy: ['from'],
  address: ['base', 'index'],
  load: ['base', 'index'],
  store: ['from', 'base', 'index'],
  prefetch: ['base', 'index'],
  loop: ['from', 'to'],
  if: ['condition'],
  tasks: ['count'],
  barrier: ['count'],
}

/** The registers that `i` reads itself, without those that its blocks read. A loop reads its end before every turn. */
export function operands(i: Instruction): Register[] {
  const read: Register[] = []
  for (const name of operandNames[i.op]) {
    const register = (i as Partial<Record<OperandName, Register>>)[name]
    if (register !== undefined) read.push(register)
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
    case 'prefetch':
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
  for (const name of operandNames[i.op]) {
    const register = mapped[name]
    if (register !== undefined) mapped[name] = map(register)
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

/** Instructions that do more than compute one value from their operands. */
const effects: ReadonlySet<Instruction['op']> = new Set([
  'copy',
  'load',
  'store',
  'prefetch',
  'loop',
  'if',
  'tasks',
  'barrier',
])

/** Whether `i` only computes a value from its operands: it may be computed elsewhere, once instead of twice, or not at all. */
export const isPure = (i: Instruction): boolean => !effects.has(i.op)
