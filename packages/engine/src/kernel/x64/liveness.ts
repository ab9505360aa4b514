import { operands, result } from '../instructions.ts'
import type { Block, Instruction, Program, Register } from '../ir.ts'
import type { Folded } from './fold.ts'

// How long each virtual register is needed, and how much it matters.

/** From the first write to the last use, in positions of the program; a value that a loop needs again lives until its end. */
export interface Interval {
  readonly register: Register
  start: number
  end: number
  weight: number
}

/** A loop without loops inside: where a kernel spends its time. */
export interface InnermostLoop {
  readonly instruction: Instruction
  readonly start: number
  end: number
  /** What the loop reads or writes. */
  readonly touched: Set<Register>
  readonly written: Set<Register>
}

export interface Liveness {
  readonly intervals: ReadonlyMap<Register, Interval>
  /** Registers that would save a move if they shared a place. */
  readonly hints: ReadonlyMap<Register, readonly Register[]>
  readonly constants: ReadonlyMap<Register, number>
  readonly innermostLoops: readonly InnermostLoop[]
}

/** A use in a loop counts as much as so many outside: more than any kernel has there. */
const loopWeight = 1000
/** A constant can be read from memory where it is used, which costs next to nothing. */
const constantWeight = 0.05

/** Walks the program once in the order it stands, an instruction reading at an even position and writing at the next. */
export function liveness(program: Program, folded: Folded): Liveness {
  const intervals = new Map<Register, Interval>()
  const hints = new Map<Register, Register[]>()
  const constants = new Map<Register, number>()
  /** Values that live until the end of a loop, whose position is not known before. */
  const extended: { interval: Interval; loop: { end: number } }[] = []
  const loops: { start: number; end: number }[] = []
  const innermostLoops: InnermostLoop[] = []
  let innermost: InnermostLoop | undefined
  let depth = 0
  let position = 0

  const touch = (register: Register, at: number): void => {
    innermost?.touched.add(register)
    const interval = intervals.get(register)
    const weight = loopWeight ** depth
    if (!interval) {
      intervals.set(register, { register, start: at, end: at + 1, weight })
      return
    }
    interval.end = Math.max(interval.end, at)
    interval.weight += weight
    // What comes from outside a loop is needed in its next turn.
    const loop = loops.find(({ start }) => start > interval.start)
    if (loop) extended.push({ interval, loop })
  }
  /** What is folded reads its own operands where it is used. */
  const read = (register: Register): void => {
    const inner = folded.get(register)
    if (inner) operands(inner).forEach(read)
    else touch(register, position)
  }
  const hint = (a: Register, b: Register): void => {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const list = hints.get(from)
      if (list) list.push(to)
      else hints.set(from, [to])
    }
  }

  const visit = (i: Instruction): void => {
    const to = result(i)
    if (to !== undefined && folded.has(to)) return
    position += 2
    const isHot = i.op === 'loop' && isInnermost(i.body)
    const loop = {
      instruction: i,
      start: position,
      end: position,
      touched: new Set<number>(),
      written: new Set<number>(),
    }
    if (isHot) {
      innermost = loop
      innermostLoops.push(loop)
    }
    operands(i).forEach(read)
    if (to !== undefined) innermost?.written.add(to)
    if (i.op === 'loop' || i.op === 'tasks') {
      touch(to!, position + 1)
      loops.push(loop)
      depth++
      // The end is compared again before every turn, and the counter goes on.
      const again = () => {
        touch(i.op === 'loop' ? i.to : i.count, position)
        touch(to!, position)
      }
      again()
      i.body.forEach(visit)
      position += 2
      again()
      touch(to!, position + 1)
      depth--
      loops.pop()
      loop.end = position + 1
      if (isHot) innermost = undefined
      return
    }
    if (i.op === 'if') {
      for (const block of [i.body, i.otherwise]) block.forEach(visit)
      return
    }
    if (to === undefined) return
    // A variable that begins with a constant is none.
    if (intervals.has(to)) constants.delete(to)
    else if (i.op === 'const') constants.set(to, i.value)
    touch(to, position + 1)
    if (i.op === 'copy') hint(to, i.from)
    else if (i.op === 'fma' || i.op === 'dot') hint(to, i.c)
    else if (i.op === 'binary') hint(to, i.a)
    else if (i.op === 'address') hint(to, i.base)
  }

  for (const register of [...program.params, program.thread, program.threads]) touch(register, position)
  program.body.forEach(visit)
  for (const { interval, loop } of extended) interval.end = Math.max(interval.end, loop.end)
  for (const register of constants.keys()) intervals.get(register)!.weight *= constantWeight
  return { intervals, hints, constants, innermostLoops }
}

const isInnermost = (block: Block): boolean =>
  block.every(i => {
    if (i.op === 'loop' || i.op === 'tasks' || i.op === 'barrier') return false
    return i.op !== 'if' || (isInnermost(i.body) && isInnermost(i.otherwise))
  })
