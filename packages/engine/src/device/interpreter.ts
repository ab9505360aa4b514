import type { Tape } from '../autograd.ts'
import { EngineError } from '../errors.ts'
import { bf16FromReal } from '../kernel/bf16.ts'
import { interpret } from '../kernel/interpreter.ts'
import type { Program } from '../kernel/ir.ts'
import type { Arguments, Kernel, Parameters } from '../kernel/kernel.ts'
import { buildProgram, type Target } from '../kernel/language.ts'
import { bytesOf, type DType, elementsAt, type Shape, Tensor } from '../tensor.ts'
import type { Device, Recording } from './device.ts'
import { referenceArguments } from './reference.ts'

/** All memory there is, in bytes; pages that nobody touches cost nothing. */
const memoryBytes = 1 << 25
/** Bytes between two arrays, which no kernel may touch; arrays begin at multiples of it. */
const gap = 256

/** What stands in temporaries before they are written. */
export const untouched: Record<DType, number> = {
  f32: Number.NaN,
  i32: -(2 ** 31),
  i8: -128,
  bf16: bf16FromReal(Number.NaN),
}

/**
 * Runs kernels through the interpreter and refuses every access outside tensors and declared scratch; temporaries and
 * scratch begin as NaN. For tests: it finds stray accesses, reads of what was never written, and kernels that only
 * work for one target. Slow.
 */
class InterpreterDevice implements Device {
  readonly name = 'cpu'
  readonly target = 'interpreter'
  readonly threads = 1
  readonly precision = 'float32'
  tape: Tape | undefined
  private readonly shape: Target
  private readonly prepare: (program: Program) => Program
  private readonly buffer = new ArrayBuffer(memoryBytes)
  private readonly allowed = new Uint8Array(memoryBytes)
  private readonly programs = new Map<unknown, Program>()
  private readonly temporaries: Tensor[] = []
  /** The calls and temporaries so far, while something is recorded. */
  private recording: { calls: (() => void)[]; tensors: Tensor[] } | undefined
  private living = 0
  private end = gap

  constructor(target: Target, prepare: (program: Program) => Program) {
    this.shape = target
    this.prepare = prepare
  }

  persistent(shape: Shape, dtype: DType = 'f32'): Tensor {
    const address = this.allocate(bytesOf(shape, dtype))
    const tensor = new Tensor(this, shape, dtype, elementsAt(this.buffer, address, shape, dtype), address)
    tensor.data.fill(0)
    this.living++
    return tensor
  }

  temporary(shape: Shape, dtype: DType = 'f32'): Tensor {
    const tensor = this.persistent(shape, dtype)
    tensor.data.fill(untouched[dtype])
    const owner = this.recording?.tensors ?? this.temporaries
    owner.push(tensor)
    return tensor
  }

  from(values: ArrayLike<number>, shape: Shape, dtype: DType = 'f32'): Tensor {
    const tensor = this.persistent(shape, dtype)
    tensor.data.set(values)
    return tensor
  }

  release({ address, data }: Tensor): void {
    this.allowed.fill(0, address, address + data.byteLength)
    this.living--
    if (this.living === 0) this.end = gap
  }

  reset(): void {
    for (const tensor of this.temporaries.splice(0)) this.release(tensor)
  }

  get reservedBytes(): number {
    return this.end
  }

  fill(tensor: Tensor, value: number): void {
    tensor.data.fill(value)
  }

  run<P extends Parameters>(kernel: Kernel<P>, args: Arguments<P>): void {
    if (this.recording) this.recording.calls.push(() => this.interpret(kernel, args))
    else this.interpret(kernel, args)
  }

  record<T>(work: () => T): Recording<T> {
    const calls: (() => void)[] = []
    const tensors: Tensor[] = []
    this.recording = { calls, tensors }
    try {
      const result = work()
      const replay = () => {
        for (const call of calls) call()
      }
      const release = () => {
        for (const tensor of tensors.splice(0)) this.release(tensor)
      }
      return { result, replay, release }
    } finally {
      this.recording = undefined
    }
  }

  async close(): Promise<void> {}

  private interpret<P extends Parameters>(kernel: Kernel<P>, args: Arguments<P>): void {
    if (!kernel.build) {
      kernel.reference(referenceArguments(args))
      return
    }
    const program = this.programs.get(kernel) ?? this.prepare(buildProgram(kernel, this.shape))
    this.programs.set(kernel, program)
    const values = Object.keys(kernel.params).map(name => {
      const value = args[name] as Tensor | number
      return typeof value === 'number' ? value : value.address
    })
    const { end } = this
    const { perThread = 0, shared = 0 } = kernel.scratch?.(args, this.shape, 1) ?? {}
    const scratch = [perThread, shared].map(numbers => {
      const address = this.allocate(4 * numbers)
      new Float32Array(this.buffer, address, numbers).fill(Number.NaN)
      return address
    })
    const memory = { buffer: this.buffer, allows: (from: number, to: number) => this.allows(from, to) }
    interpret(program, this.shape.width, memory, [...values, ...scratch, perThread])
    this.allowed.fill(0, end, this.end)
    this.end = end
  }

  private allows(from: number, to: number): boolean {
    for (let address = from; address < to; address++) if (this.allowed[address] === 0) return false
    return true
  }

  private allocate(bytes: number): number {
    const first = this.end
    const end = Math.ceil((first + bytes + gap) / gap) * gap
    if (end > memoryBytes) throw new EngineError('memory', 'the interpreter device is full: use small shapes')
    this.allowed.fill(1, first, first + bytes)
    this.end = end
    return first
  }
}

/** A device for tests that checks every access of kernels built for `target`, after `prepare` has changed them. */
export const createInterpreterDevice = (
  target: Target,
  prepare: (program: Program) => Program = program => program,
): Device => new InterpreterDevice(target, prepare)
