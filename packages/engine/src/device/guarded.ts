import type { Tape } from '../autograd.ts'
import { EngineError } from '../errors.ts'
import { parameterBytes, parametersAt } from '../kernel/abi.ts'
import type { Arguments, Kernel, Parameters } from '../kernel/kernel.ts'
import type { X64Target } from '../kernel/x64/features.ts'
import { bytesOf, type DType, elementsAt, type Shape, Tensor } from '../tensor.ts'
import type { Device } from './device.ts'
import { type GuardedEdge, type GuardedMemory, guardedMemory } from './guardPages.ts'
import { untouched } from './interpreter.ts'
import { machineCode } from './machineCode.ts'
import { functionOf } from './native.ts'
import { programFor } from './programs.ts'
import { referenceArguments } from './reference.ts'

/**
 * Runs kernels as machine code, on one thread, with every tensor and every scratch between pages of its own that nobody
 * may touch. For tests: a stray load or store ends the process instead of going unnoticed.
 */
class GuardedDevice implements Device {
  readonly name = 'cpu'
  readonly threads = 1
  readonly precision = 'float32'
  readonly reservedBytes = 0
  tape: Tape | undefined
  private readonly shape: X64Target
  private readonly edge: GuardedEdge
  private readonly regions = new Map<Tensor, GuardedMemory>()
  private readonly temporaries: Tensor[] = []

  constructor(target: X64Target, edge: GuardedEdge) {
    this.shape = target
    this.edge = edge
  }

  get target(): string {
    return this.shape.name
  }

  persistent(shape: Shape, dtype: DType = 'f32'): Tensor {
    const memory = guardedMemory(bytesOf(shape, dtype), this.edge)
    const tensor = new Tensor(this, shape, dtype, elementsAt(memory.buffer, 0, shape, dtype), Number(memory.address))
    this.regions.set(tensor, memory)
    return tensor
  }

  temporary(shape: Shape, dtype: DType = 'f32'): Tensor {
    const tensor = this.persistent(shape, dtype)
    tensor.data.fill(untouched[dtype])
    this.temporaries.push(tensor)
    return tensor
  }

  from(values: ArrayLike<number>, shape: Shape, dtype: DType = 'f32'): Tensor {
    const tensor = this.persistent(shape, dtype)
    tensor.data.set(values)
    return tensor
  }

  release(tensor: Tensor): void {
    const memory = this.regions.get(tensor)
    if (!memory) throw new EngineError('memory', `tensor [${tensor.shape}] is not allocated here: released twice?`)
    memory.release()
    this.regions.delete(tensor)
  }

  reset(): void {
    for (const tensor of this.temporaries.splice(0)) this.release(tensor)
  }

  fill(tensor: Tensor, value: number): void {
    tensor.data.fill(value)
  }

  run<P extends Parameters>(kernel: Kernel<P>, args: Arguments<P>): void {
    if (!kernel.build) {
      kernel.reference(referenceArguments(args))
      return
    }
    const program = programFor(kernel as unknown as Kernel, this.shape)
    const run = functionOf(machineCode(program, this.shape), program.name)
    const { perThread = 0, shared = 0 } = kernel.scratch?.(args, this.shape, 1) ?? {}
    const scratch = [perThread, shared].map(numbers => guardedMemory(4 * numbers, this.edge))
    for (const { buffer } of scratch) new Float32Array(buffer).fill(Number.NaN)
    const block = guardedMemory(parametersAt(program) + parameterBytes * program.params.length, 'begin')
    const view = new DataView(block.buffer, parametersAt(program))
    const given = Object.entries(kernel.params).map(([name, kind]) => [kind, args[name] as Tensor | number] as const)
    const all = [...given, ...scratch.map(({ address }) => ['f32s', address] as const), ['i32', perThread] as const]
    for (const [i, [kind, value]] of all.entries()) {
      const at = parameterBytes * i
      if (kind === 'f32') view.setFloat32(at, value as number, true)
      else if (kind === 'i32') view.setInt32(at, value as number, true)
      else view.setBigUint64(at, typeof value === 'bigint' ? value : BigInt((value as Tensor).address), true)
    }
    run(block.address, 0n, 1n)
    for (const memory of [block, ...scratch]) memory.release()
  }

  record(): never {
    throw new EngineError('device', 'the guarded device records nothing: use the cpu device')
  }

  async close(): Promise<void> {
    for (const tensor of this.regions.keys()) this.release(tensor)
  }
}

/** A device for tests whose memory is guarded at this edge, with kernels for `target`, which must run here. */
export const createGuardedDevice = (target: X64Target, edge: GuardedEdge): Device => new GuardedDevice(target, edge)
