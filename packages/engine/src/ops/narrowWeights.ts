import type { Device } from '../device/device.ts'
import { bf16ToReal } from '../kernel/bf16.ts'
import { type Arguments, bf16s, type Kernel, type Parameters, type ReferenceArguments } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'

// Multiplying a few rows takes as long as reading the weights. Published weights are bfloat16 numbers; kept as such beside
// their float32 form, they are half as many bytes, become the same float32 numbers in registers, and give the same bits.

/**
 * Gives `weight` a bfloat16 twin (`weight.narrow`, persistent) if all of its numbers are bfloat16 numbers. For weights that
 * do not change any more. Returns whether it has one.
 */
export function narrowWeight(weight: Tensor): boolean {
  if (weight.narrow) return true
  const { data } = weight
  if (!(data instanceof Float32Array)) return false
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length)
  for (const word of bits) if ((word & 0xffff) !== 0) return false
  const narrow = weight.device.persistent(weight.shape, 'bf16')
  for (let i = 0; i < bits.length; i++) narrow.data[i] = bits[i]! >>> 16
  weight.narrow = narrow
  return true
}

/** A kernel that multiplies a few rows with weights, and the same for weights in bfloat16. */
export interface WeightKernel<P extends Parameters> {
  readonly kernels: readonly Kernel<P>[]
  /** Runs on the narrow twins of the weights if all of them have one. */
  run(device: Device, args: Arguments<P>): void
}

/** `names`: the parameters of `wide` that are weights. */
export function weightKernel<P extends Parameters>(
  wide: Kernel<P>,
  names: readonly (keyof P & string)[],
): WeightKernel<P> {
  const kinds = Object.fromEntries(names.map(name => [name, bf16s]))
  const narrow: Kernel<P> = {
    ...wide,
    name: `${wide.name}.bf16`,
    params: { ...wide.params, ...kinds },
    reference(args) {
      const widened = names.map(name => [name, Float64Array.from(args[name] as ArrayLike<number>, bf16ToReal)])
      wide.reference({ ...args, ...Object.fromEntries(widened) } as ReferenceArguments<P>)
    },
  }
  return {
    kernels: [wide, narrow],
    run(device, args) {
      const weights = names.map(name => [name, (args[name] as Tensor).narrow])
      if (weights.every(([, twin]) => twin)) device.run(narrow, { ...args, ...Object.fromEntries(weights) })
      else device.run(wide, args)
    },
  }
}
