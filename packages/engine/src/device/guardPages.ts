import { DynamicLibrary, toArrayBuffer } from 'node:ffi'
import { EngineError } from '../errors.ts'

// Memory with a page in front and one behind that nobody may touch: the processor stops whoever strays. For tests.

const pageBytes = 4096
const [PROT_NONE, PROT_READ, PROT_WRITE] = [0, 1, 2]
const [MAP_PRIVATE, MAP_ANONYMOUS] = [0x02, 0x20]

/** To which of the two pages the memory is pushed; at the other end, up to a page of slack hides a stray access. */
export type GuardedEdge = 'begin' | 'end'

export interface GuardedMemory {
  readonly address: bigint
  readonly buffer: ArrayBuffer
  /** Unmaps it: whoever comes back strays, too. */
  release(): void
}

let system: ReturnType<typeof bindSystem> | undefined

function bindSystem() {
  const library = new DynamicLibrary(null)
  return {
    mmap: library.getFunction('mmap', {
      arguments: ['pointer', 'uint64', 'int32', 'int32', 'int32', 'int64'],
      return: 'pointer',
    }),
    mprotect: library.getFunction('mprotect', { arguments: ['pointer', 'uint64', 'int32'], return: 'int32' }),
    munmap: library.getFunction('munmap', { arguments: ['pointer', 'uint64'], return: 'int32' }),
  }
}

/** `bytes` zeroed bytes that begin right behind a forbidden page, or end right before one. */
export function guardedMemory(bytes: number, edge: GuardedEdge): GuardedMemory {
  system ??= bindSystem()
  const { mmap, mprotect, munmap } = system
  const inner = BigInt(Math.ceil(bytes / pageBytes) * pageBytes)
  const page = BigInt(pageBytes)
  const outer = inner + 2n * page
  const start = mmap(0n, outer, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0n)
  if (start === 2n ** 64n - 1n || mprotect(start + page, inner, PROT_READ | PROT_WRITE) !== 0) {
    throw new EngineError('memory', `the system has no ${outer} bytes of guarded memory: release some`)
  }
  const address = edge === 'begin' ? start + page : start + page + inner - BigInt(bytes)
  return {
    address,
    buffer: bytes > 0 ? toArrayBuffer(address, bytes, false) : new ArrayBuffer(0),
    release() {
      munmap(start, outer)
    },
  }
}
