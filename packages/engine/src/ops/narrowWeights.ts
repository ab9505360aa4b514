import type { Device } from '../device/device.ts'
import { bf16ToReal } from '../kernel/bf16.ts'
import { type Arguments, bf16s, type Kernel, type Parameters, type ReferenceArguments } from '../kernel/kernel.ts'
import { panelColumns, panelsSize, placeInPanels } from '../kernel/product/panels.ts'
import type { Tensor } from '../tensor.ts'

// Multiplying a few rows takes as long as reading the weights. Published weights are bfloat16 numbers; kept as such beside
// their float32 form, they are half as many bytes and become the same float32 numbers in registers.

/**
 * Gives `weight` a bfloat16 twin (`weight.narrow`) if all of its numbers are bfloat16 numbers. For weights, of two axes or
 * more, that do not change any more. Several matrices, as those of experts, must be halves of whole panels. Returns
 * whether it has one.
 */
export function narrowWeight(weight: Tensor): boolean {
  if (weight.narrow) return true
  const { data, shape } = weight
  if (!(data instanceof Float32Array)) return false
  const depth = shape.at(-1)!
  if (shape.length > 2 && shape.at(-2)! % (2 * panelColumns) !== 0) return false
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length)
  for (const word of bits) if ((word & 0xffff) !== 0) return false
  const n = data.length / depth
  const panels = weight.device.persistent([panelsSize(n, depth)], 'bf16')
  panels.data.fill(0)
  for (let j = 0; j < n; j++) {
    const first = placeInPanels(j, 0, depth)
    for (let p = 0; p < depth; p++) panels.data[first + p * panelColumns] = bits[j * depth + p]! >>> 16
  }
  weight.narrow = { panels }
  return true
}

/** Gives the memory of a weight's twin back, if it has one. */
export function releaseNarrow({ device, narrow }: Tensor): void {
  for (const twin of [narrow?.panels, narrow?.rows]) if (twin) device.release(twin)
}

/** The twin of a weight that has one, as it lies. */
function narrowRows(weight: Tensor): Tensor | undefined {
  const { narrow, device, shape, data } = weight
  if (!narrow) return undefined
  if (!narrow.rows) {
    const bits = new Uint32Array(data.buffer, data.byteOffset, data.length)
    narrow.rows = device.persistent(shape, 'bf16')
    for (let i = 0; i < bits.length; i++) narrow.rows.data[i] = bits[i]! >>> 16
  }
  return narrow.rows
}

/** A kernel that multiplies a few rows with weights, and the same for weights in bfloat16. */
export interface WeightKernel<P extends Parameters> {
  readonly kernels: readonly Kernel<P>[]
  /** Runs on the narrow twins of the weights if all of them have one. */
  run(device: Device, args: Arguments<P>): void
}

type Sizes<P extends Parameters> = { readonly [K in keyof P as P[K] extends 'i32' ? K : never]: number }

/** `shapes`: the parameters of `wide` that are weights, of which it takes products by `weightProduct`, and how many rows and columns they have. */
export function weightKernel<P extends Parameters>(
  wide: Kernel<P>,
  shapes: { readonly [K in keyof P]?: (args: Sizes<P>) => readonly [rows: number, depth: number] },
): WeightKernel<P> {
  const names = Object.keys(shapes) as (keyof P & string)[]
  const unpacked = (args: ReferenceArguments<P>, name: keyof P & string) => {
    const [n, depth] = shapes[name]!(args as unknown as Sizes<P>)
    const panels = args[name] as ArrayLike<number>
    return Float64Array.from({ length: n * depth }, (_, i) =>
      bf16ToReal(panels[placeInPanels(Math.floor(i / depth), i % depth, depth)]!),
    )
  }
  return twins(wide, names, unpacked, weight => weight.narrow?.panels)
}

/** The same for one weight that the kernel reads as it lies. */
export function rowsKernel<P extends Parameters>(wide: Kernel<P>, name: keyof P & string): WeightKernel<P> {
  const widened = (args: ReferenceArguments<P>) => Float64Array.from(args[name] as ArrayLike<number>, bf16ToReal)
  return twins(wide, [name], widened, narrowRows)
}

function twins<P extends Parameters>(
  wide: Kernel<P>,
  names: readonly (keyof P & string)[],
  widened: (args: ReferenceArguments<P>, name: keyof P & string) => Float64Array,
  twinOf: (weight: Tensor) => Tensor | undefined,
): WeightKernel<P> {
  const kinds = Object.fromEntries(names.map(name => [name, bf16s]))
  const narrow: Kernel<P> = {
    ...wide,
    name: `${wide.name}.bf16`,
    params: { ...wide.params, ...kinds },
    reference(args) {
      const weights = names.map(name => [name, widened(args, name)])
      wide.reference({ ...args, ...Object.fromEntries(weights) } as ReferenceArguments<P>)
    },
  }
  return {
    kernels: [wide, narrow],
    run(device, args) {
      const weights = names.map(name => [name, twinOf(args[name] as Tensor)])
      if (weights.every(([, twin]) => twin)) device.run(narrow, { ...args, ...Object.fromEntries(weights) })
      else device.run(wide, args)
    },
  }
}
