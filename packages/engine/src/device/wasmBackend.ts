import v8 from 'node:v8'
import { callEntry } from '../kernel/abi.ts'
import type { Program } from '../kernel/ir.ts'
import { generateWasm, joinedWasmTarget, wasmTarget } from '../kernel/wasm.ts'
import type { Backend, Runner } from './backend.ts'
import { joinVectors } from './joinVectors.ts'
import { maximumPages, type SharedHeap } from './memory.ts'

// Kernels as WebAssembly. The bytes of a module lie in shared memory, behind their number; their place is what a list
// entry holds as code, so that every thread finds the module when it meets it. Threads of a process that compile the
// same bytes share the machine code.

type KernelFunction = (args: number, thread: number, threads: number) => void

/** A backend whose kernels work on the memory of `heap`. */
export function createWasmBackend(heap: SharedHeap): Backend {
  // Kernels run long loops in few calls: compile them well at once instead of starting with the quick compiler. A
  // module of ours has one function, number 0.
  v8.setFlagsFromString('--wasm-eager-tier-up-function=0')
  v8.setFlagsFromString('--no-wasm-lazy-compilation')
  return {
    target: joinVectors() ? joinedWasmTarget : wasmTarget,
    base: 0n,
    run: createRunner(heap.memory),
    workers: { module: import.meta.url, data: undefined },
    load(program: Program): bigint {
      const bytes = generateWasm(program, maximumPages)
      const place = heap.allocate(4 + bytes.length)
      new DataView(heap.memory.buffer).setInt32(place, bytes.length, true)
      new Uint8Array(heap.memory.buffer, place + 4, bytes.length).set(bytes)
      return BigInt(place)
    },
  }
}

export function createRunner(memory: WebAssembly.Memory): Runner {
  const functions = new Map<number, KernelFunction>()
  let words = new Int32Array(memory.buffer)
  const functionAt = (place: number): KernelFunction => {
    const size = new DataView(memory.buffer).getInt32(place, true)
    const module = new WebAssembly.Module(new Uint8Array(memory.buffer, place + 4, size).slice())
    const run = new WebAssembly.Instance(module, { engine: { memory } }).exports.run as KernelFunction
    functions.set(place, run)
    return run
  }
  return (list, count, thread) => {
    const end = list + callEntry.bytes * count
    if (end > words.byteLength) words = new Int32Array(memory.buffer)
    for (let entry = list; entry < end; entry += callEntry.bytes) {
      const place = words[(entry + callEntry.code) >>> 2]! >>> 0
      const run = functions.get(place) ?? functionAt(place)
      run(words[(entry + callEntry.args) >>> 2]!, thread, words[(entry + callEntry.threads) >>> 2]!)
    }
  }
}
