import type { Instruction, Program, Register, RegisterType } from '../ir.ts'
import type { Folded } from './fold.ts'
import { type InnermostLoop, type Interval, liveness } from './liveness.ts'

// Register allocation by priority (after Chow & Hennessy 1990): every virtual register has one place for all its life.
// Those that loops use most choose first; who finds all physical registers taken lives in the stack frame, or, a constant,
// where it is used. What an innermost loop uses and found no register gets one for the time of the loop, from a value
// that the loop does not touch.

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

/** Other places during one loop. */
export interface LoopPlaces {
  readonly places: ReadonlyMap<Register, Location>
  /** Physical registers whose values wait in the stack frame meanwhile. */
  readonly saved: readonly { readonly class: RegisterClass; readonly number: number; readonly offset: number }[]
  /** What the loop needs from before, and what it leaves: fetched from, and put back to, its own place. */
  readonly fetched: readonly Register[]
  readonly put: readonly Register[]
}

export interface Allocation {
  readonly places: readonly Location[]
  readonly loops: ReadonlyMap<Instruction, LoopPlaces>
  readonly frameBytes: number
  readonly usedGeneral: ReadonlySet<number>
  /** Registers in the stack frame that an innermost loop reads or writes even so: a hot kernel has none. */
  readonly innerLoopSpills: ReadonlyMap<Instruction, readonly Register[]>
}

export function allocate(program: Program, folded: Folded, frame: Frame): Allocation {
  return new Allocator(program, folded, frame).allocation()
}

class Allocator {
  private readonly types: readonly RegisterType[]
  private readonly frame: Frame
  private readonly live: ReturnType<typeof liveness>
  private readonly places: Location[]
  private readonly usedGeneral = new Set<number>()
  /** What lives in each physical register. */
  private readonly taken: Record<RegisterClass, Interval[][]> = { general: [], vector: [], mask: [] }
  private frameBytes: number

  constructor(program: Program, folded: Folded, frame: Frame) {
    this.types = program.types
    this.frame = frame
    this.frameBytes = frame.reserved
    this.live = liveness(program, folded)
    this.places = program.types.map(() => ({ kind: 'none' }))
  }

  allocation(): Allocation {
    const { places, usedGeneral, live } = this
    const ranked = [...live.intervals.values()].sort((a, b) => b.weight - a.weight || a.start - b.start)
    for (const interval of ranked) this.choose(interval)
    const loops = new Map<Instruction, LoopPlaces>()
    const innerLoopSpills = new Map<Instruction, Register[]>()
    // Innermost loops never run inside each other: their savings share the end of the frame.
    const end = this.frameBytes
    let longest = end
    for (const loop of live.innermostLoops) {
      this.frameBytes = end
      const { found, missing } = this.placesDuring(loop)
      if (found.places.size > 0) loops.set(loop.instruction, found)
      if (missing.length > 0) innerLoopSpills.set(loop.instruction, missing)
      longest = Math.max(longest, this.frameBytes)
    }
    return { places, loops, frameBytes: longest, usedGeneral, innerLoopSpills }
  }

  private classOf(register: Register): RegisterClass {
    return this.frame.classOf(this.types[register]!)
  }
  private occupants(kind: RegisterClass, number: number): Interval[] {
    this.taken[kind][number] ??= []
    return this.taken[kind][number]
  }
  /** Room in the stack frame, aligned to its size. */
  private room(bytes: number): number {
    const offset = Math.ceil(this.frameBytes / bytes) * bytes
    this.frameBytes = offset + bytes
    return offset
  }

  private choose(interval: Interval): void {
    const { register } = interval
    const type = this.types[register]!
    const kind = this.classOf(register)
    const value = this.live.constants.get(register)
    if (value !== undefined && type === 'i32') {
      this.places[register] = { kind: 'constant', value }
      return
    }
    const wanted = (this.live.hints.get(register) ?? []).flatMap(other => {
      const place = this.places[other]!
      return place.kind === 'register' && this.classOf(other) === kind ? [place.number] : []
    })
    const isFree = (number: number) => this.occupants(kind, number).every(other => !overlap(other, interval))
    const number = [...wanted, ...this.frame.pools[kind]].find(isFree)
    if (number !== undefined) {
      this.occupants(kind, number).push(interval)
      if (kind === 'general') this.usedGeneral.add(number)
      this.places[register] = { kind: 'register', number }
    } else if (value !== undefined) this.places[register] = { kind: 'constant', value }
    else {
      const bytes = kind === 'vector' && type !== 'f32' ? this.frame.vectorBytes : 8
      this.places[register] = { kind: 'stack', offset: this.room(bytes) }
    }
  }

  /** Registers for what lives in the stack frame but is used by `loop`, and what found none. */
  private placesDuring(loop: InnermostLoop): { found: LoopPlaces; missing: Register[] } {
    const { intervals } = this.live
    // What the head of the loop reads last is still there when registers change hands.
    const during = { start: loop.start - 1, end: loop.end }
    const places = new Map<Register, Location>()
    const saved: { class: RegisterClass; number: number; offset: number }[] = []
    /** Values that live in a borrowed register during the loop. */
    const borrowed: Record<RegisterClass, Interval[][]> = { general: [], vector: [], mask: [] }
    const spilled = [...loop.touched]
      .filter(register => this.places[register]!.kind === 'stack' && this.classOf(register) !== 'mask')
      .map(register => intervals.get(register)!)
      .sort((a, b) => b.weight - a.weight)
    const missing: Register[] = []
    for (const interval of spilled) {
      const kind = this.classOf(interval.register)
      const isIdle = (other: Interval) => !overlap(other, during) || !loop.touched.has(other.register)
      const number = this.frame.pools[kind].find(
        n =>
          this.occupants(kind, n).every(isIdle) && (borrowed[kind][n] ?? []).every(other => !overlap(other, interval)),
      )
      if (number === undefined) {
        missing.push(interval.register)
        continue
      }
      if (!borrowed[kind][number]) {
        borrowed[kind][number] = []
        if (kind === 'general') this.usedGeneral.add(number)
        const isNeeded = this.occupants(kind, number).some(other => overlap(other, during))
        const bytes = kind === 'vector' ? this.frame.vectorBytes : 8
        if (isNeeded) saved.push({ class: kind, number, offset: this.room(bytes) })
      }
      borrowed[kind][number].push(interval)
      places.set(interval.register, { kind: 'register', number })
    }
    const moved = [...places.keys()].map(register => intervals.get(register)!)
    const fetched = moved.filter(({ start }) => start < loop.start).map(({ register }) => register)
    const put = moved
      .filter(({ register, end }) => loop.written.has(register) && end > loop.end)
      .map(({ register }) => register)
    return { found: { places, saved, fetched, put }, missing }
  }
}

/** Whether two values are needed at the same time. */
const overlap = (a: { start: number; end: number }, b: { start: number; end: number }): boolean =>
  a.start < b.end && b.start < a.end
