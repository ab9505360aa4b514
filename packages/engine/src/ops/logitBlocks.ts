import type { Device } from '../device/device.ts'
import { exp2 } from '../kernel/exp2.ts'
import { f32, f32s, i32, kernel } from '../kernel/kernel.ts'
import type { Builder, Int, Reals as KernelReals, Real } from '../kernel/language.ts'
import { type Reals, Tensor } from '../tensor.ts'

/** y[b] = of(the logits of block b), the last of which may be shorter. */
function eachBlock(
  k: Builder,
  { x, y, n, block }: { x: KernelReals; y: KernelReals; n: Int; block: Int },
  of: (count: Int, logit: (i: Int) => Real) => Real,
): void {
  k.rows(n.ceilDiv(block), b => {
    const first = b.mul(block)
    const logits = x.from(first)
    y.set(
      b,
      of(n.sub(first).min(block), i => logits.at(i)),
    )
  })
}

/** y[b] = the largest of x[b·block, …, (b + 1)·block − 1], as far as x reaches. x: [n]; y: [⌈n / block⌉]. */
const maxima = kernel({
  name: 'logitBlocks.maxima',
  params: { x: f32s, y: f32s, n: i32, block: i32 },
  reference({ x, y, n, block }) {
    for (let b = 0; b * block < n; b++) y[b] = Math.max(...x.subarray(b * block, Math.min(n, (b + 1) * block)))
  },
  build(k, args) {
    eachBlock(k, args, (count, logit) => k.max(count, logit))
  },
  // A vector at a time.
  work: ({ n }) => n / 16,
})

/** y[b] = Σ_i 2^((x[i] − largest)·scale) over the same blocks. */
const masses = kernel({
  name: 'logitBlocks.masses',
  params: { x: f32s, y: f32s, n: i32, block: i32, largest: f32, scale: f32 },
  reference({ x, y, n, block, largest, scale }) {
    for (let b = 0; b * block < n; b++) {
      const values = Array.from(x.subarray(b * block, Math.min(n, (b + 1) * block)))
      y[b] = values.reduce((sum, value) => sum + 2 ** ((value - largest) * scale), 0)
    }
  },
  build(k, args) {
    const { largest, scale } = args
    eachBlock(k, args, (count, logit) => k.sum(count, i => exp2(logit(i).sub(largest).mul(scale))))
  },
  work: ({ n }) => n / 2,
})

/** y[b] = Σ_i 2^((x[i] − largest)·scale) over those of the same blocks that are larger than `bound`. */
const massesAbove = kernel({
  name: 'logitBlocks.massesAbove',
  params: { x: f32s, y: f32s, n: i32, block: i32, largest: f32, scale: f32, bound: f32 },
  reference({ x, y, n, block, largest, scale, bound }) {
    for (let b = 0; b * block < n; b++) {
      const values = Array.from(x.subarray(b * block, Math.min(n, (b + 1) * block)))
      y[b] = values.reduce((sum, value) => sum + (value > bound ? 2 ** ((value - largest) * scale) : 0), 0)
    }
  },
  build(k, args) {
    const { largest, scale, bound } = args
    eachBlock(k, args, (count, logit) =>
      k.sum(count, i => {
        const value = logit(i)
        return value.gt(bound).select(exp2(value.sub(largest).mul(scale)), 0)
      }),
    )
  },
  work: ({ n }) => n / 2,
})

export const logitBlocksKernels = [maxima, masses, massesAbove]

/** Larger factors make infinities of differences of logits. */
const mostScale = 1e30

/** What turns differences of logits into powers of two. */
const scaleOf = (temperature: number): number => Math.min(mostScale, Math.LOG2E / temperature)

/** What a sampler wants to know of the logits of each block of the vocabulary, so that it need not look at all of them. */
export class LogitBlocks {
  private readonly logits: Tensor
  private readonly largest: Tensor
  private readonly sums: Tensor
  private readonly sumsAbove: Tensor
  private readonly block: number

  /** For `size` logits in blocks of `block`. */
  constructor(device: Device, size: number, block: number) {
    this.logits = device.persistent([size])
    this.largest = device.persistent([Math.ceil(size / block)])
    this.sums = device.persistent([Math.ceil(size / block)])
    this.sumsAbove = device.persistent([Math.ceil(size / block)])
    this.block = block
  }

  /** The largest of each block. logits: [size]; returns [⌈size / block⌉], until the next call. Blocks with a NaN have any number of theirs, or NaN. */
  maxima(logits: ArrayLike<number>): Reals {
    const { device, size } = this.logits
    device.run(maxima, { x: this.placed(logits), y: this.largest, n: size, block: this.block })
    return this.largest.reals
  }

  /** Of each block Σ e^((l − largest) / temperature), to float32's precision; `temperature` above 0. `logits` and the result as of `maxima`. */
  masses(logits: ArrayLike<number>, largest: number, temperature: number): Reals {
    const { device, size } = this.logits
    const scale = scaleOf(temperature)
    device.run(masses, { x: this.placed(logits), y: this.sums, n: size, block: this.block, largest, scale })
    return this.sums.reals
  }

  /** The same of the logits larger than `bound` alone; what `masses` has returned stays. */
  massesAbove(logits: ArrayLike<number>, largest: number, temperature: number, bound: number): Reals {
    const { device, size } = this.logits
    const shape = { n: size, block: this.block }
    const scale = scaleOf(temperature)
    device.run(massesAbove, { x: this.placed(logits), y: this.sumsAbove, ...shape, largest, scale, bound })
    return this.sumsAbove.reals
  }

  /** Gives the memory back. */
  release(): void {
    for (const tensor of [this.logits, this.largest, this.sums, this.sumsAbove]) tensor.device.release(tensor)
  }

  /** Logits that a model has just computed lie in the device's memory already; others are copied there. */
  private placed(logits: ArrayLike<number>): Tensor {
    const { device, shape, dtype, data } = this.logits
    if (logits instanceof Float32Array && data instanceof Float32Array && logits.buffer === data.buffer)
      return new Tensor(device, shape, dtype, logits, logits.byteOffset)
    data.set(logits)
    return this.logits
  }
}
