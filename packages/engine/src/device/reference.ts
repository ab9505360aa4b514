import type { Tape } from '../autograd.ts'
import type { Arguments, Kernel, Parameters, ReferenceArguments } from '../kernel/kernel.ts'
import { bytesOf, type DType, elementsAt, type Shape, sizeOf, Tensor } from '../tensor.ts'
import type { Device, Recording } from './device.ts'

/** The arguments as the plain reference of a kernel takes them. */
export function referenceArguments<P extends Parameters>(args: Arguments<P>): ReferenceArguments<P> {
  const entries = Object.entries(args).map(([name, value]) => [name, value instanceof Tensor ? value.data : value])
  return Object.fromEntries(entries)
}

/** Plain TypeScript on float64 arrays, one thread: slow, and what everything else is tested against. */
class ReferenceDevice implements Device {
  readonly name = 'reference'
  readonly target = 'plain'
  readonly threads = 1
  readonly precision = 'float32'
  readonly reservedBytes = 0
  tape: Tape | undefined
  /** The calls noted so far, while something is recorded. */
  private noted: (() => void)[] | undefined

  persistent(shape: Shape, dtype: DType = 'f32'): Tensor {
    const bytes = new ArrayBuffer(bytesOf(shape, dtype))
    const data = dtype === 'f32' ? new Float64Array(sizeOf(shape)) : elementsAt(bytes, 0, shape, dtype)
    return new Tensor(this, shape, dtype, data, 0)
  }

  temporary(shape: Shape, dtype: DType = 'f32'): Tensor {
    return this.persistent(shape, dtype)
  }

  from(values: ArrayLike<number>, shape: Shape, dtype: DType = 'f32'): Tensor {
    const tensor = this.persistent(shape, dtype)
    tensor.data.set(values)
    return tensor
  }

  release(): void {}
  reset(): void {}

  fill(tensor: Tensor, value: number): void {
    tensor.data.fill(value)
  }

  run<P extends Parameters>(kernel: Kernel<P>, args: Arguments<P>): void {
    const call = () => kernel.reference(referenceArguments(args))
    if (this.noted) this.noted.push(call)
    else call()
  }

  record<T>(work: () => T): Recording<T> {
    const calls: (() => void)[] = []
    this.noted = calls
    try {
      const result = work()
      const replay = () => {
        for (const call of calls) call()
      }
      return { result, replay, release() {} }
    } finally {
      this.noted = undefined
    }
  }

  async close(): Promise<void> {}
}

export const createReferenceDevice = (): Device => new ReferenceDevice()
