import type { Device } from '../device/device.ts'
import { f32s, i32, kernel } from '../kernel/kernel.ts'
import { type Reals, Tensor } from '../tensor.ts'

/** y[b] = the largest of x[b·block, …, (b + 1)·block − 1], as far as x reaches. x: [n]; y: [⌈n / block⌉]. */
const forward = kernel({
  name: 'blockMaxima',
  params: { x: f32s, y: f32s, n: i32, block: i32 },
  reference({ x, y, n, block }) {
    for (let b = 0; b * block < n; b++) y[b] = Math.max(...x.subarray(b * block, Math.min(n, (b + 1) * block)))
  },
  build(k, { x, y, n, block }) {
    k.rows(n.add(block).sub(1).div(block), b => {
      const first = b.mul(block)
      const values = x.from(first)
      y.set(
        b,
        k.max(n.sub(first).min(block), i => values.at(i)),
      )
    })
  },
  // A vector at a time.
  work: ({ n }) => n / 16,
})

export const blockMaximaKernels = [forward]

/** Finds the largest of each block of some numbers, a fifth of the time that JavaScript takes for it. */
export class BlockMaxima {
  private readonly values: Tensor
  private readonly maxima: Tensor
  private readonly block: number

  /** For `size` numbers in blocks of `block`. */
  constructor(device: Device, size: number, block: number) {
    this.values = device.persistent([size])
    this.maxima = device.persistent([Math.ceil(size / block)])
    this.block = block
  }

  /** values: [size]; returns [⌈size / block⌉], until the next call. Blocks with a NaN have any number of theirs, or NaN. */
  of(values: ArrayLike<number>): Reals {
    const { device, size } = this.values
    device.run(forward, { x: this.placed(values), y: this.maxima, n: size, block: this.block })
    return this.maxima.reals
  }

  /** Logits that a model has just computed lie in the device's memory already; others are copied there. */
  private placed(values: ArrayLike<number>): Tensor {
    const { device, shape, dtype, data } = this.values
    if (values instanceof Float32Array && data instanceof Float32Array && values.buffer === data.buffer)
      return new Tensor(device, shape, dtype, values, values.byteOffset)
    data.set(values)
    return this.values
  }

  /** Gives the memory back. */
  release(): void {
    for (const tensor of [this.values, this.maxima]) tensor.device.release(tensor)
  }
}
