import type { Device } from './device/device.ts'
import { EngineError, requireShape } from './errors.ts'

/** `bf16`: bfloat16 as its 16 bits. */
export type DType = 'f32' | 'i32' | 'i8' | 'bf16'
export type Shape = readonly number[]
/** Real numbers on a device: float32 on `cpu`, float64 on `reference`. */
export type Reals = Float32Array | Float64Array

/** Elements of a tensor. */
export type Elements = Reals | Int32Array | Int8Array | Uint16Array

const arrays = { f32: Float32Array, i32: Int32Array, i8: Int8Array, bf16: Uint16Array } as const

/** Bytes that a tensor of this shape takes in a device's memory. */
export const bytesOf = (shape: Shape, dtype: DType): number => sizeOf(shape) * arrays[dtype].BYTES_PER_ELEMENT

/** The elements of a tensor at `address` in `buffer`. */
export function elementsAt(buffer: ArrayBufferLike, address: number, shape: Shape, dtype: DType): Elements {
  const ArrayOf: new (buffer: ArrayBufferLike, address: number, length: number) => Elements = arrays[dtype]
  return new ArrayOf(buffer, address, sizeOf(shape))
}

/** Number of elements of a shape; a scalar has the shape `[]` and one element. */
export const sizeOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1)

/** A weight's numbers in bfloat16, in persistent memory, as different kernels read them. See ops/narrowWeights.ts. */
export interface NarrowWeight {
  /** See kernel/product/panels.ts; a weight of several matrices has them one after the other. */
  readonly panels: Tensor
  /** As they lie in float32; made when a kernel first asks for it. */
  rows?: Tensor
}

/**
 * A dense row-major array in a device's memory. `data` is a live view of that memory; `address` is its byte offset
 * there (what kernels get). A tensor with `requiresGrad` is followed by the device's tape; a parameter keeps its
 * gradient in `grad`, which survives `device.reset()` and sums over micro-batches.
 */
export class Tensor {
  readonly device: Device
  readonly shape: Shape
  readonly dtype: DType
  readonly data: Elements
  readonly address: number
  /** The tensor this one is another shape of; they share elements and gradient. */
  readonly base: Tensor | undefined
  requiresGrad = false
  grad: Tensor | undefined
  /** The same numbers in bfloat16, see `narrowWeight`. */
  narrow: NarrowWeight | undefined

  constructor(device: Device, shape: Shape, dtype: DType, data: Elements, address: number, base?: Tensor) {
    this.device = device
    this.shape = shape
    this.dtype = dtype
    this.data = data
    this.address = address
    this.base = base
    if (base) this.requiresGrad = base.requiresGrad
  }

  get size(): number {
    return this.data.length
  }

  /** The elements as real numbers; a `dtype` error for any other tensor. */
  get reals(): Reals {
    if (this.dtype !== 'f32')
      throw new EngineError('dtype', `expected a real tensor, got ${this.dtype} [${this.shape}]`)
    return this.data as Reals
  }

  /** The elements as 32-bit integers; a `dtype` error for any other tensor. */
  get integers(): Int32Array {
    if (this.dtype !== 'i32') {
      throw new EngineError('dtype', `expected an integer tensor, got ${this.dtype} [${this.shape}]`)
    }
    return this.data as Int32Array
  }

  /** The same elements under another shape of equal size; gradients flow through. */
  reshape(shape: Shape): Tensor {
    requireShape(sizeOf(shape) === this.size, () => `cannot reshape [${this.shape}] to [${shape}]: the sizes differ`)
    return new Tensor(this.device, shape, this.dtype, this.data, this.address, this.base ?? this)
  }

  /** Rows `from` to `to` (exclusive) of the first axis, sharing memory. Not followed by the tape: for caches and inputs. */
  rows(from: number, to: number): Tensor {
    const stride = sizeOf(this.shape.slice(1))
    requireShape(0 <= from && from <= to && to <= (this.shape[0] ?? 0), () => `rows ${from}..${to} of [${this.shape}]`)
    const data = this.data.subarray(from * stride, to * stride)
    const address = this.address + from * stride * this.data.BYTES_PER_ELEMENT
    return new Tensor(this.device, [to - from, ...this.shape.slice(1)], this.dtype, data, address)
  }
}
