import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { f32s, i32, kernel } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'
import { accumulate } from './scale.ts'

/** y[i] = a[i] + b[i], i < n. */
const forward = kernel({
  name: 'add',
  params: { a: f32s, b: f32s, y: f32s, n: i32 },
  reference({ a, b, y, n }) {
    for (let i = 0; i < n; i++) y[i] = a[i]! + b[i]!
  },
  build(k, { a, b, y, n }) {
    k.share(n, 16, (from, to) => k.lanesFrom(from, to, i => y.set(i, a.at(i).add(b.at(i)))))
  },
  work: ({ n }) => n,
})

export const addKernels = [forward]

/** a + b, element by element; both of one shape, which is also the result's. */
export function add(a: Tensor, b: Tensor): Tensor {
  requireShape(a.shape.join() === b.shape.join(), () => `add: the shapes [${a.shape}] and [${b.shape}] differ`)
  const { device, size: n } = a
  const y = device.temporary(a.shape)
  device.run(forward, { a, b, y, n })
  const tape = tapeOf(a, b)
  tape?.record(y, () => {
    const x = tape.gradient(y)
    for (const input of [a, b]) {
      if (input.requiresGrad) device.run(accumulate, { x, y: tape.gradient(input), n, factor: 1 })
    }
  })
  return y
}
