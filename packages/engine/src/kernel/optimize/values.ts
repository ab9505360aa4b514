import { isPure, mapBlocks, mapOperands, operands, result } from '../instructions.ts'
import type { Block, Instruction, Program, Register, RegisterType } from '../ir.ts'
import { type Facts, simplify } from './simplify.ts'
import { memory, Variables } from './variables.ts'

// Values are computed once, and as far out as they are known: "value numbering" and "loop-invariant code motion" in one
// pass. The program is written anew, instruction by instruction: each is simplified, leaves the loops that do not write
// its operands, and goes if an equal one stands before it in the same or an enclosing block.

/** A block being written. */
interface Scope {
  readonly parent: Scope | undefined
  readonly block: Block
  /** Registers of the values computed in this block, by how they are computed. */
  readonly known: Map<string, Register>
  /** How many blocks are around this one. */
  readonly depth: number
  /** Of the body of a loop or of tasks: the variables it writes. Nothing leaves other blocks: they may not run. */
  readonly changes: ReadonlySet<Register> | undefined
}

/** `program` with every value computed once, outside of loops where possible, and all constants at the beginning. */
export function placeValues(program: Program): Program {
  return new Placement(program).run()
}

class Placement implements Facts {
  private readonly program: Program
  private readonly types: RegisterType[]
  private readonly variables: Variables
  private readonly constants: Scope = { parent: undefined, block: [], known: new Map(), depth: 0, changes: undefined }
  private scope: Scope = this.constants
  /** The depth of the block that computes a register. */
  private readonly homes: number[] = []
  /** How often a variable was written up to here. What was computed from an older version is known no longer. */
  private readonly versions = new Map<Register, number>()
  /** The instructions that compute registers from what stays the same. */
  private readonly definitions: Instruction[] = []
  /** Which register has the value of another one, whose instruction is gone. */
  private readonly replacements: Register[] = []

  constructor(program: Program) {
    this.program = program
    this.types = [...program.types]
    this.variables = new Variables(program)
  }

  run(): Program {
    const body = this.nested(this.program.body)
    return { ...this.program, types: this.types, body: [...this.constants.block, ...body] }
  }

  typeOf(register: Register): RegisterType {
    return this.types[register]!
  }

  definition(register: Register): Instruction | undefined {
    return this.definitions[register]
  }

  constant(value: number): Register {
    const to = this.types.push('i32') - 1
    return this.value({ op: 'const', to, value }, to)
  }

  changesEveryTurn(register: Register): boolean {
    let { scope } = this
    while (!scope.changes && scope.parent) scope = scope.parent
    return (this.homes[register] ?? 0) >= scope.depth
  }

  private nested(block: Block, changes?: ReadonlySet<Register>): Block {
    const parent = this.scope
    this.scope = { parent, block: [], known: new Map(), depth: parent.depth + 1, changes }
    for (const i of block) this.instruction(i)
    const { block: rewritten } = this.scope
    this.scope = parent
    return rewritten
  }

  private instruction(original: Instruction): void {
    const i = simplify(
      mapOperands(original, register => this.replacements[register] ?? register),
      this,
    )
    const to = result(i)
    if (i.op === 'if') {
      this.branches(i)
    } else if (i.op === 'loop' || i.op === 'tasks') {
      this.turns(i)
    } else if (to !== undefined && !this.variables.has(to) && this.isValue(i)) {
      const register = i.op === 'copy' ? i.from : this.value(i, to)
      if (register !== to) this.replacements[to] = register
    } else {
      this.scope.block.push(i)
      const variable = this.variables.changedBy(i)
      if (variable !== undefined) this.changed(variable)
      else if (to !== undefined) this.homes[to] = this.scope.depth
    }
  }

  /**
   * Whether the result of `i` may come from elsewhere. A copy of what stays the same is the same. Comparisons of scalars
   * stay where they are: behind them stands the branch that needs their answer, which costs nothing there.
   */
  private isValue(i: Instruction): boolean {
    if (i.op === 'copy') return !this.variables.has(i.from)
    if (i.op === 'compare') return this.typeOf(i.to) === 'mask'
    return i.op === 'load' || isPure(i)
  }

  private branches(i: Instruction & { op: 'if' }): void {
    const condition = this.definition(i.condition)
    if (condition?.op === 'const') {
      for (const inner of condition.value === 0 ? i.otherwise : i.body) this.instruction(inner)
    } else {
      this.scope.block.push(mapBlocks(i, block => this.nested(block)))
    }
  }

  private turns(i: Instruction & { op: 'loop' | 'tasks' }): void {
    if (i.op === 'loop' && i.from === i.to) return
    const changes = this.variables.changedIn(i.body)
    // In the second turn they are not what they were before the first.
    for (const variable of changes) this.changed(variable)
    this.homes[result(i)!] = this.scope.depth + 1
    this.scope.block.push({ ...i, body: this.nested(i.body, changes) })
  }

  /** The register that holds the value of `i`: that of an equal instruction before it, or else `to`. */
  private value(i: Instruction, to: Register): Register {
    const key = this.key(i, to)
    for (let scope: Scope | undefined = this.scope; scope; scope = scope.parent) {
      const register = scope.known.get(key)
      if (register !== undefined) return register
    }
    const place = this.outermost(i)
    place.known.set(key, to)
    place.block.push(i)
    this.homes[to] = place.depth
    if (!operands(i).some(register => this.variables.has(register))) this.definitions[to] = i
    return to
  }

  /** The outermost block where `i` may stand. Loops may make no turn: what may fail then stays where it is. */
  private outermost(i: Instruction): Scope {
    if (i.op === 'const') return this.constants
    let { scope } = this
    if (this.mayFail(i)) return scope
    const read = operands(i)
    const stays = ({ depth, changes }: Scope) =>
      changes && read.every(register => (this.homes[register] ?? 0) < depth && !changes.has(register))
    while (scope.parent && stays(scope)) scope = scope.parent
    return scope
  }

  /** A load from where there is no array, a division by zero. */
  private mayFail(i: Instruction): boolean {
    if (i.op === 'load') return true
    if (i.op !== 'binary' || (i.fn !== 'div' && i.fn !== 'rem') || this.typeOf(i.to) !== 'i32') return false
    const divisor = this.definition(i.b)
    return divisor?.op !== 'const' || divisor.value === 0
  }

  /** The same for instructions that compute the same. */
  private key(i: Instruction, to: Register): string {
    let key = `${this.typeOf(to)} ${i.op} ${properties(i)}`
    for (const register of operands(i)) key += ` ${register}.${this.versions.get(register) ?? 0}`
    return i.op === 'load' ? `${key} ${this.versions.get(memory) ?? 0}` : key
  }

  private changed(variable: Register): void {
    this.versions.set(variable, (this.versions.get(variable) ?? 0) + 1)
  }
}

/** What an instruction says besides its registers. */
function properties(i: Instruction): string {
  switch (i.op) {
    case 'const':
      return Object.is(i.value, -0) ? '-0' : `${i.value}`
    case 'address':
      return `${i.scale}`
    case 'load':
      return `${i.scale} ${i.offset} ${i.splat}`
    default:
      return 'fn' in i ? i.fn : ''
  }
}
