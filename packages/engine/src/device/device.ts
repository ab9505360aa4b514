import type { Tape } from '../autograd.ts'
import type { Arguments, Kernel, Parameters } from '../kernel/kernel.ts'
import type { DType, Shape, Tensor } from '../tensor.ts'

/** A step noted once, to be run again and again. */
export interface Recording<T> {
  /** What the noted work returned. Its tensors, like all temporaries of the work, belong to the recording. */
  readonly result: T
  /** Runs every noted call again, on what the tensors hold now; nothing is allocated. */
  replay(): void
  /** Gives the memory of the recording back. */
  release(): void
}

/** In which precision products of matrices take their factors; sums and everything else are float32. */
export type Precision = 'float32' | 'bf16'

/** Where tensors live and kernels run. `reference` (float64, plain loops) and `cpu` (threads, generated code). */
export interface Device {
  readonly name: 'reference' | 'cpu'
  /** What generates the code: `plain` TypeScript, `wasm`, later `x64`. */
  readonly target: string
  readonly threads: number
  /** Of more than a few rows; `bf16` is for training. */
  readonly precision: Precision
  /** Set while operations are to be recorded for differentiation. */
  tape: Tape | undefined
  /** A tensor that lives until `release`: weights, caches, optimizer state. Zeroed. */
  persistent(shape: Shape, dtype?: DType): Tensor
  /** A tensor that lives until the next `reset`: activations and their gradients. Contents undefined. */
  temporary(shape: Shape, dtype?: DType): Tensor
  /** A persistent tensor with these elements. */
  from(values: ArrayLike<number>, shape: Shape, dtype?: DType): Tensor
  /** Gives the memory of a persistent tensor back; using it afterwards is an error of the caller. */
  release(tensor: Tensor): void
  /** Forgets all temporaries; their memory is used again, so a repeated step allocates nothing. */
  reset(): void
  /** Bytes reserved so far; constant from the second of two equal steps on. */
  readonly reservedBytes: number
  fill(tensor: Tensor, value: number): void
  run<P extends Parameters>(kernel: Kernel<P>, args: Arguments<P>): void
  /**
   * Notes every call that `work` makes, without computing anything. What changes between replays must lie in tensors:
   * numbers that `work` sees are noted as they are. A `kernel` error for a kernel that only has a reference.
   */
  record<T>(work: () => T): Recording<T>
  /** Stops the threads. */
  close(): Promise<void>
}
