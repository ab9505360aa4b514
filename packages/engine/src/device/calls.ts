import { callEntry, parameterBytes, parametersAt, taskSlot } from '../kernel/abi.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'
import type { SharedHeap } from './memory.ts'

// Calls of kernels as they lie in shared memory: entries of a list, and argument blocks.

/** A kernel whose code the backend has made. */
export interface LoadedKernel {
  readonly kernel: Kernel
  readonly names: readonly string[]
  readonly code: bigint
  readonly taskSlots: number
}

/** Scratch memory of calls: numbers shared by the threads of a call, then as many for each thread as it wants. */
export interface Scratch {
  readonly shared: number
  readonly perThread: number
}

const align = (n: number): number => Math.ceil(n / 16) * 16

/** What a call needs, in float32 numbers, each a multiple of a cache line. */
export function scratchOf({ shared = 0, perThread = 0 }: Partial<Scratch> = {}): Scratch {
  return { shared: align(shared), perThread: align(perThread) }
}

export const numbersOf = ({ shared, perThread }: Scratch, threads: number): number => shared + perThread * threads

/** Parameters that every kernel has behind its own: scratch of thread 0, shared scratch, numbers between own scratches. */
const scratchParameters = 3

/** Bytes of the argument block of a call, which is aligned to a cache line. */
export const argumentBytes = ({ names, taskSlots }: LoadedKernel): number =>
  parametersAt({ taskSlots }) + parameterBytes * (names.length + scratchParameters)

/** Writes calls into the memory of a heap. Places are byte offsets there; kernels get them plus `base`, as 64 bits. */
export class CallWriter {
  private readonly heap: SharedHeap
  private readonly base: readonly [low: number, high: number]

  constructor(heap: SharedHeap, base: bigint) {
    this.heap = heap
    this.base = halves(base)
  }

  /** An entry of a list at byte `at`: code and argument block. */
  entry(at: number, code: bigint, block: number): void {
    const { words } = this.heap
    const place = (at + callEntry.code) >>> 2
    const [low, high] = halves(code)
    words[place] = low
    words[place + 1] = high
    this.address((at + callEntry.args) >>> 2, block)
  }

  /** For how many threads the call of an entry shares its work. */
  threads(at: number, threads: number): void {
    this.heap.words[(at + callEntry.threads) >>> 2] = threads
  }

  /** The parameters of a call in its argument block. */
  parameters(loaded: LoadedKernel, args: Readonly<Record<string, Tensor | number>>, block: number): void {
    const { words, reals } = this.heap
    const { params } = loaded.kernel
    let slot = (block + parametersAt(loaded)) >>> 2
    for (const name of loaded.names) {
      const value = args[name]!
      if (typeof value !== 'number') this.address(slot, value.address)
      else if (params[name] === 'f32') reals[slot] = value
      else words[slot] = value
      slot += parameterBytes / 4
    }
  }

  /** Where a call finds its scratch. */
  scratch(loaded: LoadedKernel, { shared, perThread }: Scratch, place: number, block: number): void {
    const slot = (block + parametersAt(loaded) + parameterBytes * loaded.names.length) >>> 2
    this.address(slot, place + 4 * shared)
    this.address(slot + 2, place)
    this.heap.words[slot + 4] = perThread
  }

  /** Sets the task counters of a call to zero. */
  clear(taskSlots: number, block: number): void {
    const { words } = this.heap
    for (let i = 0; i < taskSlots; i++) {
      const slot = (block + taskSlot.bytes * i) >>> 2
      words[slot] = 0
      words[slot + taskSlot.done / 4] = 0
    }
  }

  private address(slot: number, place: number): void {
    const { words } = this.heap
    const low = this.base[0] + place
    words[slot] = low
    words[slot + 1] = this.base[1] + (low >= 2 ** 32 ? 1 : 0)
  }
}

function halves(value: bigint): readonly [low: number, high: number] {
  return [Number(value & 0xffff_ffffn), Number(value >> 32n)]
}
