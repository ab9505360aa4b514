// What the kernel language produces and the code generators read: instructions over typed virtual registers,
// in structured blocks. A register is written once, except variables (`copy`, or `fma` onto itself) and loop counters.

/** `ptr`: an address; `vec`: `width` float32 lanes; `mask`: the lanes' answers to a comparison. */
export type RegisterType = 'i32' | 'f32' | 'vec' | 'mask' | 'ptr'
/** Index into `Program.types`. */
export type Register = number
export type Block = Instruction[]

export type UnaryFunction = 'neg' | 'abs' | 'sqrt' | 'floor' | 'nearest' | 'exponent' | 'mantissa' | 'toReal' | 'toInt'
export type ArithmeticFunction = 'add' | 'sub' | 'mul' | 'div' | 'rem' | 'min' | 'max' | 'ldexp' | 'and' | 'shl' | 'shr'
export type Comparison = 'lt' | 'le' | 'gt' | 'ge' | 'eq' | 'ne'

export type Instruction =
  | { op: 'const'; to: Register; value: number }
  | { op: 'splat'; to: Register; from: Register }
  | { op: 'unary'; fn: UnaryFunction; to: Register; a: Register }
  | { op: 'binary'; fn: ArithmeticFunction; to: Register; a: Register; b: Register }
  | { op: 'compare'; fn: Comparison; to: Register; a: Register; b: Register }
  | { op: 'select'; to: Register; condition: Register; a: Register; b: Register }
  /** to = a·b + c, rounded once. */
  | { op: 'fma'; to: Register; a: Register; b: Register; c: Register }
  | { op: 'reduce'; fn: 'sum' | 'max'; to: Register; a: Register }
  | { op: 'copy'; to: Register; from: Register }
  /** to = base + 4·index: the address of an element. */
  | { op: 'address'; to: Register; base: Register; index: Register }
  /** Memory at base + 4·index + offset bytes, offset ≥ 0; the type of `to` (or `from`) says how wide. A `vec` load with `splat` repeats one number. */
  | { op: 'load'; to: Register; base: Register; index: Register | undefined; offset: number; splat: boolean }
  | { op: 'store'; from: Register; base: Register; index: Register | undefined; offset: number }
  /** for (counter = from; counter < to; counter += step), signed. */
  | { op: 'loop'; counter: Register; from: Register; to: Register; step: number; body: Block }
  | { op: 'if'; condition: Register; body: Block; otherwise: Block }
  /** Threads take the numbers below `count` one by one, each number once. `slot`: which of the program's task counters. */
  | { op: 'tasks'; slot: number; task: Register; count: Register; body: Block }
  /** Waits until all tasks of an earlier `tasks` are done, whoever does them: what they wrote is seen after. */
  | { op: 'barrier'; slot: number; count: Register }

export interface Program {
  readonly name: string
  readonly types: RegisterType[]
  /** Registers filled from the argument block, in order, one 8-byte slot each. */
  readonly params: Register[]
  readonly thread: Register
  readonly threads: Register
  readonly body: Block
  /** How many task counters the program uses. */
  readonly taskSlots: number
}
