import { operands, result } from '../instructions.ts'
import type { Block, Instruction, Program, Register, RegisterType } from '../ir.ts'
import type { Folded } from './fold.ts'

// Register allocation by priority (after Chow & Hennessy 1990): every virtual register has one place for all its life.
// Those that innermost loops use most choose first; who finds all physical registers taken lives in the stack frame, or,
// a constant, where it is used. So what is spilled is what matters least, and never a value of a loop that fits.

export type RegisterClass = 'general' | 'vector' | 'mask'

/** Where a virtual register lives. */
export type Location =
  | { readonly kind: 'register'; readonly number: number }
  /** Bytes from the stack pointer. */
  | { readonly kind: 'stack'; readonly offset: number }
  /** No place at all: the instruction that uses it writes the number itself. */
  | { readonly kind: 'constant'; readonly value: number }
  /** Part of the instruction that uses it, or never used. */
  | { readonly kind: 'none' }

export interface Frame {
  /** Physical registers to choose from, most wanted first. */
  readonly pools: Readonly<Record<RegisterClass, readonly number[]>>
  readonly classOf: (type: RegisterType) => RegisterClass
  /** Bytes of a vector register, which a spilled value takes. */
  readonly vectorBytes: number
  /** Bytes of the stack frame that are taken already. */
  readonly reserved: number
}

export interface Allocation {
  readonly places: readonly Location[]
  readonly frameBytes: number
  readonly usedGeneral: ReadonlySet<number>
  /** Registers in the stack frame that an innermost loop reads or writes: a hot kernel has none. */
  readonly innerLoopSpills: readonly Register[]
}

/** From the first write to the last use, in positions of the program; a value that a loop needs again lives until its end. */
interface Interval {
  readonly register: Register
  start: number
  end: number
  weight: number
  inInnermostLoop: boolean
}

/** A use in a loop counts as much as so many outside. */
const loopWeight = 10

export function allocate(program: Program, folded: Folded, frame: Frame): Allocation {
  const { types } = program
  const { intervals, hints, constants } = liveness(program, folded)
  const places: Location[] = types.map(() => ({ kind: 'none' }))
  const usedGeneral = new Set<number>()
  const innerLoopSpills: Register[] = []
  /** What lives in each physical register so far. */
  const taken: Record<RegisterClass, Interval[][]> = { general: [], vector: [], mask: [] }
  let frameBytes = frame.reserved

  const isFree = (kind: RegisterClass, number: number, { start, end }: Interval) =>
    (taken[kind][number] ?? []).every(other => other.end <= start || end <= other.start)

  const ranked = [...intervals.values()].sort((a, b) => b.weight - a.weight || a.start - b.start)
  for (const interval of ranked) {
    const { register } = interval
    const type = types[register]!
    const kind = frame.classOf(type)
    const value = constants.get(register)
    if (value !== undefined && type === 'i32') {
      places[register] = { kind: 'constant', value }
      continue
    }
    const wanted = (hints.get(register) ?? []).flatMap(other => {
      const place = places[other]!
      return place.kind === 'register' && frame.classOf(types[other]!) === kind ? [place.number] : []
    })
    const number = [...wanted, ...frame.pools[kind]].find(n => isFree(kind, n, interval))
    if (number !== undefined) {
      const inRegister = taken[kind]
      inRegister[number] ??= []
      inRegister[number].push(interval)
      if (kind === 'general') usedGeneral.add(number)
      places[register] = { kind: 'register', number }
    } else if (value !== undefined) places[register] = { kind: 'constant', value }
    else {
      const bytes = kind === 'vector' && type !== 'f32' ? frame.vectorBytes : 8
      frameBytes = Math.ceil(frameBytes / bytes) * bytes
      places[register] = { kind: 'stack', offset: frameBytes }
      frameBytes += bytes
      if (interval.inInnermostLoop) innerLoopSpills.push(register)
    }
  }
  return { places, frameBytes, usedGeneral, innerLoopSpills }
}

interface Loop {
  readonly start: number
  end: number
}

interface Liveness {
  intervals: Map<Register, Interval>
  /** Registers that would save a move if they shared a place. */
  hints: Map<Register, Register[]>
  constants: Map<Register, number>
}

/** Walks the program once in the order it stands, an instruction reading at an even position and writing at the next. */
function liveness(program: Program, folded: Folded): Liveness {
  const intervals = new Map<Register, Interval>()
  const hints = new Map<Register, Register[]>()
  const constants = new Map<Register, number>()
  /** Values that live until the end of a loop, whose position is not known before. */
  const extended: { interval: Interval; loop: Loop }[] = []
  const loops: Loop[] = []
  let depth = 0
  let position = 0
  let innermost = false

  const touch = (register: Register, at: number): void => {
    const interval = intervals.get(register)
    const weight = loopWeight ** depth
    if (!interval) {
      intervals.set(register, { register, start: at, end: at + 1, weight, inInnermostLoop: innermost })
      return
    }
    interval.end = Math.max(interval.end, at)
    interval.weight += weight
    interval.inInnermostLoop ||= innermost
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
    operands(i).forEach(read)
    if (i.op === 'loop' || i.op === 'tasks') {
      const loop = { start: position, end: position }
      touch(to!, position + 1)
      loops.push(loop)
      const outer = innermost
      innermost = isInnermost(i.body)
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
      innermost = outer
      loops.pop()
      loop.end = position + 1
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
    else if (i.op === 'fma') hint(to, i.c)
    else if (i.op === 'binary') hint(to, i.a)
    else if (i.op === 'address') hint(to, i.base)
  }

  for (const register of [...program.params, program.thread, program.threads]) touch(register, position)
  program.body.forEach(visit)
  for (const { interval, loop } of extended) interval.end = Math.max(interval.end, loop.end)
  return { intervals, hints, constants }
}

const isInnermost = (block: Block): boolean =>
  block.every(i => {
    if (i.op === 'loop' || i.op === 'tasks' || i.op === 'barrier') return false
    return i.op !== 'if' || (isInnermost(i.body) && isInnermost(i.otherwise))
  })
