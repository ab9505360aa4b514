import { availableParallelism } from 'node:os'
import type { Tape } from '../autograd.ts'
import { EngineError } from '../errors.ts'
import { callEntry } from '../kernel/abi.ts'
import type { Factors } from '../kernel/factors.ts'
import { fill } from '../kernel/fill.ts'
import type { Arguments, Kernel, Parameters } from '../kernel/kernel.ts'
import type { Target } from '../kernel/language.ts'
import type { X64Target } from '../kernel/x64/features.ts'
import { bytesOf, type DType, elementsAt, type Shape, Tensor } from '../tensor.ts'
import type { Backend } from './backend.ts'
import { argumentBytes, CallWriter, type LoadedKernel, numbersOf, scratchOf } from './calls.ts'
import type { Device, Precision, Recording } from './device.ts'
import { Arena, SharedHeap } from './memory.ts'
import { nativeSupport } from './native.ts'
import { programFor } from './programs.ts'
import { CallRecorder } from './recording.ts'
import { referenceArguments } from './reference.ts'
import { ThreadPool } from './threads.ts'
import { createWasmBackend } from './wasmBackend.ts'
import { createX64Backend } from './x64Backend.ts'

/** Below this much work (see `Kernel.work`) a hand-over costs more than a second thread brings. */
const smallWork = 8_000

/** Scratch memory is not made for fewer numbers. */
const leastScratch = 1 << 14

/** A loaded kernel and the call that `run` writes again each time. */
interface RunnableKernel extends LoadedKernel {
  readonly entry: number
  readonly block: number
}

/** float32 in one shared memory, kernels as generated code on several threads. */
class CpuDevice implements Device {
  readonly name = 'cpu'
  readonly threads: number
  readonly precision: Precision
  tape: Tape | undefined
  private readonly heap: SharedHeap
  private readonly arena: Arena
  private readonly backend: Backend
  /** What programs are built for. */
  private readonly shape: Target
  private readonly pool: ThreadPool
  private readonly writer: CallWriter
  private readonly kernels = new Map<Kernel, RunnableKernel>()
  private scratch = { address: 0, numbers: 0 }
  /** Takes the calls while something is recorded. */
  private recorder: CallRecorder | undefined

  constructor(threads: number, heap: SharedHeap, backend: Backend, precision: Precision) {
    this.threads = threads
    this.precision = precision
    this.heap = heap
    this.arena = new Arena(heap)
    this.backend = backend
    this.shape = { ...backend.target, factors: precision === 'bf16' ? bf16Factors(backend.target) : 'float32' }
    this.pool = new ThreadPool(heap.memory, threads, backend)
    this.writer = new CallWriter(heap, backend.base)
  }

  get target(): string {
    return this.backend.target.name
  }

  persistent(shape: Shape, dtype: DType = 'f32'): Tensor {
    return this.tensorAt(this.heap.allocate(bytesOf(shape, dtype)), shape, dtype)
  }

  temporary(shape: Shape, dtype: DType = 'f32'): Tensor {
    const arena = this.recorder?.arena ?? this.arena
    return this.tensorAt(arena.allocate(bytesOf(shape, dtype)), shape, dtype)
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
      this.runReference(kernel, args)
      return
    }
    const loaded = this.kernels.get(kernel as unknown as Kernel) ?? this.load(kernel as unknown as Kernel)
    const threads = kernel.work && kernel.work(args) < smallWork ? 1 : this.threads
    const scratch = kernel.scratch && scratchOf(kernel.scratch(args, this.shape, threads))
    if (this.recorder) {
      this.recorder.note(loaded, args, threads, scratch)
      return
    }
    const { writer } = this
    const { entry, block } = loaded
    writer.parameters(loaded, args, block)
    if (scratch) writer.scratch(loaded, scratch, this.scratchFor(numbersOf(scratch, threads)), block)
    writer.clear(loaded.taskSlots, block)
    writer.threads(entry, threads)
    this.runCalls(entry, 1, threads)
  }

  record<T>(work: () => T): Recording<T> {
    if (this.recorder) throw new EngineError('device', 'a step is being recorded already; end it first')
    const recorder = new CallRecorder(this.heap, this.writer)
    this.recorder = recorder
    try {
      const result = work()
      return recorder.finish(result, this.threads, (list, count) => this.runCalls(list, count, this.threads))
    } catch (error) {
      recorder.arena.release()
      throw error
    } finally {
      this.recorder = undefined
    }
  }

  close(): Promise<void> {
    return this.pool.close()
  }

  private tensorAt(address: number, shape: Shape, dtype: DType): Tensor {
    return new Tensor(this, shape, dtype, elementsAt(this.heap.memory.buffer, address, shape, dtype), address)
  }

  /** Runs a list of calls, with the workers' help if the work is for several threads. */
  private runCalls(list: number, count: number, threads: number): void {
    if (threads === 1) this.backend.run(list, count, 0)
    else this.pool.run(list, count)
  }

  private runReference<P extends Parameters>(kernel: Kernel<P>, args: Arguments<P>): void {
    if (this.recorder) {
      throw new EngineError(
        'kernel',
        `kernel ${kernel.name} has only a reference and cannot be recorded: write its build`,
      )
    }
    kernel.reference(referenceArguments(args))
  }

  private load(kernel: Kernel): RunnableKernel {
    const program = programFor(kernel, this.shape)
    const names = Object.keys(kernel.params)
    const loaded = { kernel, names, code: this.backend.load(program), taskSlots: program.taskSlots }
    const runnable = {
      ...loaded,
      entry: this.heap.allocate(callEntry.bytes),
      block: this.heap.allocate(argumentBytes(loaded)),
    }
    this.writer.entry(runnable.entry, loaded.code, runnable.block)
    this.kernels.set(kernel, runnable)
    return runnable
  }

  /** The place of so many numbers of scratch, which the next call may use again. */
  private scratchFor(needed: number): number {
    if (needed > this.scratch.numbers) {
      // By doubling, so that a need that grows with every token of a sequence is met by a few blocks, not one a token.
      const numbers = Math.max(needed, 2 * this.scratch.numbers, leastScratch)
      if (this.scratch.numbers > 0) this.heap.free(this.scratch.address)
      this.scratch = { address: this.heap.allocate(4 * numbers), numbers }
    }
    return this.scratch.address
  }
}

/** More would not fit into the number that the gate of the thread pool counts with, and bring nothing. */
const mostThreads = 128

/** Kinds of generated code. `auto`: the fastest that this machine runs. */
export type CpuTarget = 'auto' | 'wasm' | 'x64' | 'x64-avx2' | 'x64-avx512'

/** The targets that this machine runs, the fastest first. */
export function availableTargets(): CpuTarget[] {
  const support = nativeSupport()
  return [...(support.ok ? support.targets.map(({ name }) => name) : []), 'wasm']
}

/** The backend for `target`. A `device` error if this machine cannot run it. */
function chooseBackend(target: CpuTarget | X64Target, heap: SharedHeap): Backend {
  if (typeof target !== 'string') return createX64Backend(heap, target)
  if (target === 'wasm') return createWasmBackend(heap)
  const support = nativeSupport()
  const chosen = support.ok
    ? support.targets.find(({ name }) => target === 'auto' || target === 'x64' || target === name)
    : undefined
  if (chosen) return createX64Backend(heap, chosen)
  if (target === 'auto') return createWasmBackend(heap)
  const reason = support.ok ? 'the processor lacks instructions' : support.reason
  throw new EngineError('device', `target ${target} is not available: ${reason}; use auto or wasm`)
}

/** Pairs where the processor multiplies them fast; elsewhere rounding gives the same numbers. */
const bf16Factors = (target: Target): Factors => ('bf16' in target && target.bf16 ? 'pairs' : 'rounded')

export interface CpuOptions {
  /** Threads that share the work, the calling one among them; by default one for each core. */
  threads?: number
  /** By name, or, for tests, a target of this processor with features switched off or on. */
  target?: CpuTarget | X64Target
  /** `bf16` is for training: more than a few rows are multiplied with both factors rounded to bfloat16. */
  precision?: Precision
}

/**
 * The processor. Close it to end its workers. A `device` error for no sensible number of threads, or for a target that
 * this machine cannot run.
 */
export function createCpuDevice({ threads, target = 'auto', precision = 'float32' }: CpuOptions = {}): Device {
  const count = threads ?? Math.min(availableParallelism(), mostThreads)
  if (!Number.isInteger(count) || count < 1 || count > mostThreads) {
    throw new EngineError('device', `threads is ${count}; it must be an integer from 1 to ${mostThreads}`)
  }
  const heap = new SharedHeap()
  return new CpuDevice(count, heap, chooseBackend(target, heap), precision)
}
