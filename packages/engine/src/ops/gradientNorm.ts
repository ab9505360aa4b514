import { EngineError } from '../errors.ts'
import { f32s, i32, kernel } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'

/** Elements of one partial sum: fixed, so that the result does not depend on the number of threads. */
const chunk = 4096

/** partial[c] = Σ x[i]² over the elements i of chunk c. x: [n]; partial: [ceil(n / 4096)]. */
const sumSquares = kernel({
  name: 'sumSquares',
  params: { x: f32s, partial: f32s, n: i32 },
  reference({ x, partial, n }) {
    for (let c = 0; c * chunk < n; c++) {
      let sum = 0
      for (let i = c * chunk; i < Math.min((c + 1) * chunk, n); i++) sum += x[i]! ** 2
      partial[c] = sum
    }
  },
  build(k, { x, partial, n }) {
    k.rows(n.ceilDiv(chunk), c => {
      const from = c.mul(chunk)
      const part = x.from(from)
      partial.set(
        c,
        k.dot(n.sub(from).min(chunk), i => [part.at(i), part.at(i)]),
      )
    })
  },
  work: ({ n }) => n,
})

export const gradientNormKernels = [sumSquares]

/**
 * The Euclidean norm of the gradients (`grad`) of all these parameters together, for clipping and logs.
 * A `gradient` error for a parameter without one. The same gradients give the same number on any count of threads.
 */
export function gradientNorm(parameters: Iterable<Tensor>): number {
  let sum = 0
  for (const parameter of parameters) {
    const x = parameter.grad
    if (!x) throw new EngineError('gradient', `gradientNorm: the parameter [${parameter.shape}] has no \`grad\``)
    const partial = x.device.temporary([Math.ceil(x.size / chunk)])
    x.device.run(sumSquares, { x, partial, n: x.size })
    for (const value of partial.reals) sum += value
  }
  return Math.sqrt(sum)
}
