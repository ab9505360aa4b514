import { tapeOf } from '../autograd.ts'
import { f32, f32s, i32, kernel } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'

/** y[i] = factor · x[i], i < n; y may be x. */
const forward = kernel({
  name: 'scale',
  params: { x: f32s, y: f32s, n: i32, factor: f32 },
  reference({ x, y, n, factor }) {
    for (let i = 0; i < n; i++) y[i] = factor * x[i]!
  },
  build(k, { x, y, n, factor }) {
    k.share(n, 16, (from, to) => k.lanesFrom(from, to, i => y.set(i, x.at(i).mul(factor))))
  },
  work: ({ n }) => n,
})

/** y[i] (add ? += : =) factor · x[i], i < n. */
export const accumulate = kernel({
  name: 'accumulate',
  params: { x: f32s, y: f32s, n: i32, factor: f32, add: i32 },
  reference({ x, y, n, factor, add }) {
    for (let i = 0; i < n; i++) y[i] = (add ? y[i]! : 0) + factor * x[i]!
  },
  build(k, { x, y, n, factor, add }) {
    k.share(n, 16, (from, to) =>
      k.if(
        add.ne(0),
        () => k.lanesFrom(from, to, i => y.set(i, x.at(i).mulAdd(factor, y.at(i)))),
        () => k.lanesFrom(from, to, i => y.set(i, x.at(i).mul(factor))),
      ),
    )
  },
  work: ({ n }) => n,
})

export const scaleKernels = [forward, accumulate]

/** factor · x, element by element, of the shape of x. */
export function scale(x: Tensor, factor: number): Tensor {
  const { device, size: n } = x
  const y = device.temporary(x.shape)
  device.run(forward, { x, y, n, factor })
  const tape = tapeOf(x)
  tape?.record(y, () => {
    const { gradient, add } = tape.destination(x)
    device.run(accumulate, { x: tape.gradient(y), y: gradient, n, factor, add })
  })
  return y
}
