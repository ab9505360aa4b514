import { availableParallelism } from 'node:os'
import v8 from 'node:v8'
import type { Tape } from '../autograd.ts'
import { EngineError } from '../errors.ts'
import { fill } from '../kernel/fill.ts'
import type { Arguments, Kernel, Parameters } from '../kernel/kernel.ts'
import { buildProgram } from '../kernel/language.ts'
import { controlLayout, generateWasm, wasmTarget } from '../kernel/wasm.ts'
import { bytesOf, type DType, elementsAt, type Shape, Tensor } from '../tensor.ts'
import type { Device } from './device.ts'
import { Arena, maximumPages, SharedHeap } from './memory.ts'
import { referenceArguments } from './reference.ts'
import { argumentBlock, type RunFunction, ThreadPool } from './threads.ts'

// Kernels run long loops in few calls: compile them well at once instead of starting with the quick compiler. A module
// of ours has one function, number 0.
v8.setFlagsFromString('--wasm-eager-tier-up-function=0')
v8.setFlagsFromString('--no-wasm-lazy-compilation')

/** Below this much work (see `Kernel.work`) a hand-over costs more than a second thread brings. */
const smallWork = 8_000

interface LoadedKernel {
  readonly index: number
  readonly run: RunFunction
  readonly taskSlots: number
  readonly names: readonly string[]
}

/** float32 in one shared memory, kernels as WebAssembly on several threads. */
class CpuDevice implements Device {
  readonly name = 'cpu'
  readonly target = wasmTarget.name
  readonly threads: number
  tape: Tape | undefined
  private readonly heap = new SharedHeap()
  private readonly arena = new Arena(this.heap)
  private readonly pool: ThreadPool
  private readonly kernels = new Map<Kernel<Parameters>, LoadedKernel>()
  private readonly words: Int32Array
  private readonly reals: Float32Array
  private scratch = { address: 0, numbers: 0 }

  constructor(threads: number) {
    this.threads = threads
    this.pool = new ThreadPool(this.heap.memory, threads)
    this.words = new Int32Array(this.heap.memory.buffer, 0, 1024)
    this.reals = new Float32Array(this.heap.memory.buffer, 0, 1024)
  }

  persistent(shape: Shape, dtype: DType = 'f32'): Tensor {
    return this.tensorAt(this.heap.allocate(bytesOf(shape, dtype)), shape, dtype)
  }

  temporary(shape: Shape, dtype: DType = 'f32'): Tensor {
    return this.tensorAt(this.arena.allocate(bytesOf(shape, dtype)), shape, dtype)
  }

  from(values: ArrayLike<number>, shape: Shape, dtype: DType = 'f32'): Tensor {
    const tensor = this.persistent(shape, dtype)
    tensor.data.set(values)
    return tensor
  }

  release(tensor: Tensor): void {
    this.heap.free(tensor.address)
  }

  reset(): void {
    this.arena.reset()
  }

  get reservedBytes(): number {
    return this.heap.reservedBytes
  }

  fill(tensor: Tensor, value: number): void {
    if (tensor.dtype === 'f32') this.run(fill, { y: tensor, n: tensor.size, value })
    else tensor.data.fill(value)
  }

  run<P extends Parameters>(kernel: Kernel<P>, args: Arguments<P>): void {
    if (!kernel.build) {
      kernel.reference(referenceArguments(args))
      return
    }
    const loaded = this.kernels.get(kernel as unknown as Kernel) ?? this.load(kernel as unknown as Kernel)
    const threads = kernel.work && kernel.work(args) < smallWork ? 1 : this.threads
    const { words, reals } = this
    let slot = argumentBlock / 4
    for (const name of loaded.names) {
      const value = args[name] as Tensor | number
      if (typeof value !== 'number') words[slot] = value.address
      else if (kernel.params[name] === 'f32') reals[slot] = value
      else words[slot] = value
      slot += 2
    }
    if (kernel.scratch) this.provideScratch(slot, kernel.scratch(args, wasmTarget, threads), threads)
    for (let i = 0; i < loaded.taskSlots; i++) {
      words[(controlLayout.nextTask + i * controlLayout.slotStride) / 4] = 0
      words[(controlLayout.doneTasks + i * controlLayout.slotStride) / 4] = 0
    }
    if (threads === 1) loaded.run(argumentBlock, 0, 1)
    else this.pool.run(loaded.index, loaded.run)
  }

  close(): Promise<void> {
    return this.pool.close()
  }

  private tensorAt(address: number, shape: Shape, dtype: DType): Tensor {
    return new Tensor(this, shape, dtype, elementsAt(this.heap.memory.buffer, address, shape, dtype), address)
  }

  private load(kernel: Kernel): LoadedKernel {
    const program = buildProgram(kernel, wasmTarget)
    if (program.taskSlots > controlLayout.taskSlots) {
      throw new EngineError(
        'kernel',
        `${kernel.name} uses ${program.taskSlots} task counters, at most ${controlLayout.taskSlots}`,
      )
    }
    const module = new WebAssembly.Module(generateWasm(program, maximumPages))
    const loaded = {
      index: this.kernels.size,
      run: this.pool.load(module),
      taskSlots: program.taskSlots,
      names: Object.keys(kernel.params),
    }
    this.kernels.set(kernel, loaded)
    return loaded
  }

  /** Writes the scratch addresses into the argument block: shared numbers first, then each thread's own. */
  private provideScratch(slot: number, need: { perThread?: number; shared?: number }, threads: number): void {
    const align = (n: number) => Math.ceil(n / 16) * 16
    const shared = align(need.shared ?? 0)
    const perThread = align(need.perThread ?? 0)
    const needed = shared + perThread * threads
    if (needed > this.scratch.numbers) {
      // By doubling, so that a need that grows with every token of a sequence is met by a few blocks, not one a token.
      const numbers = Math.max(needed, 2 * this.scratch.numbers)
      if (this.scratch.numbers > 0) this.heap.free(this.scratch.address)
      this.scratch = { address: this.heap.allocate(4 * numbers), numbers }
    }
    this.words[slot] = this.scratch.address + 4 * shared
    this.words[slot + 2] = this.scratch.address
    this.words[slot + 4] = perThread
  }
}

/** More would not fit into the number that the gate of the thread pool counts with, and bring nothing. */
const mostThreads = 128

/** The processor, with `threads` threads (default: all cores). Close it to end its workers. A `device` error for no sensible number. */
export function createCpuDevice(options: { threads?: number } = {}): Device {
  const threads = options.threads ?? Math.min(availableParallelism(), mostThreads)
  if (!Number.isInteger(threads) || threads < 1 || threads > mostThreads) {
    throw new EngineError('device', `threads is ${threads}; it must be an integer from 1 to ${mostThreads}`)
  }
  return new CpuDevice(threads)
}
