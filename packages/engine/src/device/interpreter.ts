import type { Tape } from '../autograd.ts'
import { EngineError } from '../errors.ts'
import { interpret } from '../kernel/interpreter.ts'
import type { Program } from '../kernel/ir.ts'
import type { Arguments, Kernel, Parameters } from '../kernel/kernel.ts'
import { buildProgram, type Target } from '../kernel/language.ts'
import { type DType, type Shape, sizeOf, Tensor } from '../tensor.ts'
import type { Device } from './device.ts'
import { referenceArguments } from './reference.ts'

/** All memory there is, in 4-byte words; pages that nobody touches cost nothing. */
const words = 1 << 23
/** Words between two arrays, which no kernel may touch. */
const gap = 64

/**
 * Runs kernels through the interpreter and refuses every access outside tensors and declared scratch; temporaries and
 * scratch begin as NaN. For tests: it finds stray accesses, reads of what was never written, and kernels that only
 * work for one target. Slow.
 */
class InterpreterDevice implements Device {
  readonly name = 'cpu'
  readonly target = 'interpreter'
  readonly threads = 1
  tape: Tape | undefined
  private readonly shape: Target
  private readonly buffer = new ArrayBuffer(4 * words)
  private readonly allowed = new Uint8Array(words)
  private readonly programs = new Map<unknown, Program>()
  private readonly temporaries: Tensor[] = []
  private living = 0
  private end = gap

  constructor(target: Target) {
    this.shape = target
  }

  persistent(shape: Shape, dtype: DType = 'f32'): Tensor {
    const address = this.allocate(sizeOf(shape))
    const Data = dtype === 'f32' ? Float32Array : Int32Array
    const tensor = new Tensor(this, shape, dtype, new Data(this.buffer, address, sizeOf(shape)), address)
    tensor.data.fill(0)
    this.living++
    return tensor
  }

  temporary(shape: Shape, dtype: DType = 'f32'): Tensor {
    const tensor = this.persistent(shape, dtype)
    tensor.data.fill(dtype === 'f32' ? Number.NaN : -(2 ** 31))
    this.temporaries.push(tensor)
    return tensor
  }

  from(values: ArrayLike<number>, shape: Shape, dtype: DType = 'f32'): Tensor {
    const tensor = this.persistent(shape, dtype)
    tensor.data.set(values)
    return tensor
  }

  release({ address, size }: Tensor): void {
    this.allowed.fill(0, address / 4, address / 4 + size)
    this.living--
    if (this.living === 0) this.end = gap
  }

  reset(): void {
    for (const tensor of this.temporaries.splice(0)) this.release(tensor)
  }

  get reservedBytes(): number {
    return 4 * this.end
  }

  fill(tensor: Tensor, value: number): void {
    tensor.data.fill(value)
  }

  run<P extends Parameters>(kernel: Kernel<P>, args: Arguments<P>): void {
    if (!kernel.build) {
      kernel.reference(referenceArguments(args))
      return
    }
    const program = this.programs.get(kernel) ?? buildProgram(kernel, this.shape)
    this.programs.set(kernel, program)
    const values = Object.keys(kernel.params).map(name => {
      const value = args[name] as Tensor | number
      return typeof value === 'number' ? value : value.address
    })
    const { end } = this
    const { perThread = 0, shared = 0 } = kernel.scratch?.(args, this.shape, 1) ?? {}
    const scratch = [perThread, shared].map(numbers => {
      const address = this.allocate(numbers)
      new Float32Array(this.buffer, address, numbers).fill(Number.NaN)
      return address
    })
    const memory = { buffer: this.buffer, allows: (address: number) => this.allowed[address / 4] === 1 }
    interpret(program, this.shape.width, memory, [...values, ...scratch, perThread])
    this.allowed.fill(0, end, this.end)
    this.end = end
  }

  async close(): Promise<void> {}

  private allocate(numbers: number): number {
    const first = this.end
    if (first + numbers + gap > words)
      throw new EngineError('memory', 'the interpreter device is full: use small shapes')
    this.allowed.fill(1, first, first + numbers)
    this.end = first + numbers + gap
    return 4 * first
  }
}

/** A device for tests that checks every access of kernels built for `target`. */
export const createInterpreterDevice = (target: Target): Device => new InterpreterDevice(target)
