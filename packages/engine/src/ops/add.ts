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
    // The gradient of the sum is that of both terms: one may have the array itself, unless it got something before.
    const x = tape.gradient(y)
    const terms = [a, b].filter(term => term.requiresGrad)
    const heir = terms.find(term => tape.adopt(term, x))
    for (const term of terms) {
      if (term === heir) continue
      const { gradient, add } = tape.destination(term)
      device.run(accumulate, { x, y: gradient, n, factor: 1, add })
    }
  })
  return y
}
