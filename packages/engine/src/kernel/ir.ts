// What the kernel language produces and the code generators read: instructions over typed virtual registers,
// in structured blocks. A register is written once, except loop counters and variables: the language writes those by
// `copy`, or by `fma`, `dot` and `address` onto themselves; in optimised programs any instruction may.

/**
 * `ptr`: an address; `vec`: `width` float32 lanes; `mask`: the lanes' answers to a comparison. One vector register also
 * holds `ints`: `width` int32 lanes; `bytes`: four int8 for each of them; `pairs`: two bfloat16 for each of them.
 */
export type RegisterType = 'i32' | 'f32' | 'vec' | 'mask' | 'ptr' | 'ints' | 'bytes' | 'pairs'
/**
 * Bytes of an element in memory, in which an index counts. Registers of `i32` meet int32 (4) or int8 (1); `f32` and
 * `vec` meet float32 (4) or bfloat16 (2, rounded to nearest even), and a `vec` is stored as int8 (1) rounded to nearest
 * and saturated; `ints`, `bytes` and `pairs` are loaded and stored as they are.
 */
export type ElementSize = 1 | 2 | 4
/** Index into `Program.types`. */
export type Register = number
export type Block = Instruction[]

/** `toBf16` rounds to what bfloat16 can hold, nearest even. */
export type RealFunction = 'neg' | 'abs' | 'sqrt' | 'floor' | 'nearest' | 'exponent' | 'mantissa' | 'toBf16'
/**
 * `toReal` takes `i32` or `ints`; the nibbles of `bytes` are numbers from 0 to 15 that stand for −8 to 7; `evens` and `odds`
 * make a `vec` of every second number of `pairs`.
 */
export type UnaryFunction = RealFunction | 'toReal' | 'toInt' | 'lowNibbles' | 'highNibbles' | 'evens' | 'odds'
/**
 * `packPairs` makes `pairs` of two `vec`: first the even elements, then the odd ones. `ints` have `add` and `sub`.
 * In every four lanes `interleaveLow` makes (a0, b0, a1, b1), `interleaveHigh` (a2, b2, a3, b3); `evenFours` and `oddFours`
 * take every second four of a, then of b. They move lanes of two `vec`, from which transpositions are made.
 */
export type ArithmeticFunction =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'rem'
  | 'min'
  | 'max'
  | 'ldexp'
  | 'and'
  | 'shl'
  | 'shr'
  | 'packPairs'
  | 'interleaveLow'
  | 'interleaveHigh'
  | 'evenFours'
  | 'oddFours'
export type Comparison = 'lt' | 'le' | 'gt' | 'ge' | 'eq' | 'ne'

export interface Place {
  base: Register
  index: Register | undefined
  scale: ElementSize
  offset: number
}

export type Instruction =
  | { op: 'const'; to: Register; value: number }
  | { op: 'splat'; to: Register; from: Register }
  | { op: 'unary'; fn: UnaryFunction; to: Register; a: Register }
  | { op: 'binary'; fn: ArithmeticFunction; to: Register; a: Register; b: Register }
  | { op: 'compare'; fn: Comparison; to: Register; a: Register; b: Register }
  | { op: 'select'; to: Register; condition: Register; a: Register; b: Register }
  /** to = a·b + c, rounded once. */
  | { op: 'fma'; to: Register; a: Register; b: Register; c: Register }
  /**
   * A lane of `to` = that of c + Σ over its elements of a·b. Of `bytes`: exact `ints`, wrapped to 32 bits. Of `pairs`: a
   * `vec`; first the odd, then the even product is added and the sum rounded, subnormal numbers may count as zero.
   */
  | { op: 'dot'; to: Register; a: Register; b: Register; c: Register }
  | { op: 'reduce'; fn: 'sum' | 'max'; to: Register; a: Register }
  | { op: 'copy'; to: Register; from: Register }
  /** to = base + scale·index: the address of an element. */
  | { op: 'address'; to: Register; base: Register; index: Register; scale: ElementSize }
  /**
   * Memory at base + scale·index + offset bytes, offset ≥ 0; the type of `to` (or `from`) says how wide. A load with
   * `splat` repeats what one lane holds: a number, four bytes, a pair.
   */
  | (Place & { op: 'load'; to: Register; splat: boolean })
  | (Place & { op: 'store'; from: Register })
  /** Memory there is wanted soon. Nothing follows from it, wherever it points. */
  | (Place & { op: 'prefetch' })
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
