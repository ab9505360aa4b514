import { EngineError } from '../errors.ts'

const pageBytes = 65_536
/** 32-bit addresses end here. */
export const maximumPages = 65_536
export const maximumBytes = maximumPages * pageBytes
const alignment = 64
const mebibyte = 1 << 20
/** Bytes at the start of memory that belong to the threads' control words. */
export const controlBytes = 256

/**
 * One shared WebAssembly memory that grows on demand. `allocate` hands out blocks that `free` takes back, by size, for
 * the next request of the same size; blocks are aligned to cache lines.
 */
export class SharedHeap {
  readonly memory = new WebAssembly.Memory({ initial: 16, maximum: maximumPages, shared: true })
  private end = controlBytes
  /** All memory as numbers; made anew when it grows. */
  words = new Int32Array(this.memory.buffer)
  reals = new Float32Array(this.memory.buffer)
  private readonly freed = new Map<number, number[]>()
  private readonly sizes = new Map<number, number>()

  /** Address of `bytes` zeroed bytes; a `memory` error when 4 GiB are used up. */
  allocate(bytes: number): number {
    const size = Math.max(alignment, Math.ceil(bytes / alignment) * alignment)
    const reused = this.freed.get(size)?.pop()
    const address = reused ?? this.end
    if (reused === undefined) this.reach(address + size)
    else new Uint8Array(this.memory.buffer, address, size).fill(0)
    this.sizes.set(address, size)
    return address
  }

  free(address: number): void {
    const size = this.sizes.get(address)
    if (size === undefined) throw new EngineError('memory', `address ${address} is not allocated: released twice?`)
    this.sizes.delete(address)
    const list = this.freed.get(size)
    if (list) list.push(address)
    else this.freed.set(size, [address])
  }

  get reservedBytes(): number {
    return this.end
  }

  private reach(end: number): void {
    const missing = end - this.memory.buffer.byteLength
    if (missing > 0) {
      if (end > maximumBytes) {
        throw new EngineError(
          'memory',
          `the engine needs ${Math.ceil(end / mebibyte)} MiB, but one memory ends at 4096 MiB: use a smaller model, batch or context`,
        )
      }
      try {
        this.memory.grow(Math.ceil(missing / pageBytes))
      } catch {
        throw new EngineError('memory', `the system has no ${Math.ceil(missing / mebibyte)} MiB more memory to give`)
      }
      this.words = new Int32Array(this.memory.buffer)
      this.reals = new Float32Array(this.memory.buffer)
    }
    this.end = end
  }
}

/**
 * Memory for one step: allocated in sequence from chunks of `chunkBytes` or more, forgotten all at once, then used again in
 * the same order.
 */
export class Arena {
  private readonly heap: SharedHeap
  private readonly chunks: { address: number; size: number }[] = []
  private readonly chunkBytes: number
  private chunk = 0
  private used = 0

  constructor(heap: SharedHeap, chunkBytes = 16 * mebibyte) {
    this.heap = heap
    this.chunkBytes = chunkBytes
  }

  allocate(bytes: number): number {
    const size = Math.ceil(bytes / alignment) * alignment
    for (;;) {
      const current = this.chunks[this.chunk]
      if (!current) {
        const chunkSize = Math.max(size, this.chunkBytes)
        this.chunks.push({ address: this.heap.allocate(chunkSize), size: chunkSize })
      } else if (this.used + size <= current.size) {
        const address = current.address + this.used
        this.used += size
        return address
      } else {
        this.chunk++
        this.used = 0
      }
    }
  }

  reset(): void {
    this.chunk = 0
    this.used = 0
  }

  /** Gives the chunks back to the heap. */
  release(): void {
    for (const { address } of this.chunks.splice(0)) this.heap.free(address)
    this.reset()
  }
}
