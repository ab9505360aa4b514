import type { X64Target } from '../kernel/x64/features.ts'
import type { Backend, Runner } from './backend.ts'
import { machineCode } from './machineCode.ts'
import { maximumBytes, type SharedHeap } from './memory.ts'
import { nativeReplay, preferLargePages, rawAddress } from './native.ts'

// Kernels as machine code, each a shared object of its own, made when it is first met. Code is called by its address,
// which is the same for all threads of the process.

/** A backend for `target`, one of those of `nativeSupport`, whose kernels work on the memory of `heap`. */
export function createX64Backend(heap: SharedHeap, target: X64Target): Backend {
  const base = rawAddress(heap.memory.buffer)
  preferLargePages(base, maximumBytes)
  return {
    target,
    base,
    run: createRunner(heap.memory),
    workers: { module: import.meta.url, data: undefined },
    load: program => machineCode(program, target).address(program.name),
  }
}

export function createRunner(memory: WebAssembly.Memory): Runner {
  const replay = nativeReplay()
  const base = rawAddress(memory.buffer)
  // Lists come again and again, and a new BigInt each time would be garbage.
  const numbers = new Map<number, bigint>()
  const big = (n: number): bigint => {
    let value = numbers.get(n)
    if (value === undefined) {
      value = BigInt(n)
      numbers.set(n, value)
    }
    return value
  }
  const addresses = new Map<number, bigint>()
  const addressOf = (list: number): bigint => {
    let value = addresses.get(list)
    if (value === undefined) {
      value = base + BigInt(list)
      addresses.set(list, value)
    }
    return value
  }
  return (list, count, thread) => replay(addressOf(list), big(count), big(thread))
}
