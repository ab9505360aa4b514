import { type Tape, tapeOf } from '../autograd.ts'
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
  tape?.record(y, () => sumBackward(tape, tape.gradient(y), [a, b]))
  return y
}

/**
 * Sends the gradient of a sum, which is that of each term, to its terms. One may have the array itself, unless it got
 * something before: nobody may need it afterwards.
 */
export function sumBackward(tape: Tape, dy: Tensor, terms: readonly Tensor[]): void {
  const receivers = terms.filter(term => term.requiresGrad)
  const heir = receivers.find(term => tape.adopt(term, dy))
  for (const term of receivers) {
    if (term === heir) continue
    const { gradient, add } = tape.destination(term)
    dy.device.run(accumulate, { x: dy, y: gradient, n: dy.size, factor: 1, add })
  }
}
