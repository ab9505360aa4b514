import { EngineError, requireShape } from '../errors.ts'
import { f32, f32s, i32, kernel } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'

/**
 * m = beta1·m + gain1·g, v = beta2·v + gain2·g², p = decay·p − rate · m / (√v·correction + eps), g = gradientScale·grad;
 * then grad = 0: all in one pass over memory.
 * The complements (1 − beta…) come as numbers of their own: 1 − 0.999 in float32 would be off by 5e−5.
 */
const update = kernel({
  name: 'adamW',
  params: {
    parameter: f32s,
    gradient: f32s,
    m: f32s,
    v: f32s,
    n: i32,
    beta1: f32,
    gain1: f32,
    beta2: f32,
    gain2: f32,
    eps: f32,
    decay: f32,
    rate: f32,
    correction: f32,
    gradientScale: f32,
  },
  reference(args) {
    const { parameter, gradient, m, v, n, beta1, gain1, beta2, gain2, eps, decay, rate, correction, gradientScale } =
      args
    for (let i = 0; i < n; i++) {
      const g = gradientScale * gradient[i]!
      m[i] = beta1 * m[i]! + gain1 * g
      v[i] = beta2 * v[i]! + gain2 * g * g
      parameter[i] = decay * parameter[i]! - (rate * m[i]!) / (Math.sqrt(v[i]!) * correction + eps)
      gradient[i] = 0
    }
  },
  build(k, args) {
    const { parameter, gradient, m, v, n, beta1, gain1, beta2, gain2, eps, decay, rate, correction, gradientScale } =
      args
    k.share(n, 16, (from, to) => {
      k.lanesFrom(from, to, i => {
        const g = gradient.at(i).mul(gradientScale)
        const mean = g.mulAdd(gain1, m.at(i).mul(beta1))
        const square = g.mul(g).mulAdd(gain2, v.at(i).mul(beta2))
        m.set(i, mean)
        v.set(i, square)
        const move = mean.mul(rate).div(square.sqrt().mulAdd(correction, eps))
        parameter.set(i, parameter.at(i).mul(decay).sub(move))
        gradient.set(i, 0)
      })
    })
  },
  work: ({ n }) => 8 * n,
})

export const adamWKernels = [update]

/** The running means of the gradient and of its square, of the parameter's shape, zero before the first step. */
export interface Moments {
  m: Tensor
  v: Tensor
}

export interface AdamWOptions {
  lr: number
  beta1: number
  beta2: number
  eps: number
  weightDecay: number
  /** 1 for the first update. */
  step: number
  /** Multiplies the gradient first: clipping, or the mean over micro-batches. */
  gradientScale: number
}

/**
 * One step of Adam with decoupled weight decay (Loshchilov & Hutter 2019), as torch.optim.AdamW does it, on a parameter
 * with its `grad`. Changes the parameter and the moments, and zeroes the gradient for the next step. A `gradient` error
 * without `grad`.
 */
export function adamW(parameter: Tensor, moments: Moments, options: AdamWOptions): void {
  const { lr, beta1, beta2, eps, weightDecay, step, gradientScale } = options
  const { m, v } = moments
  const gradient = parameter.grad
  if (!gradient) {
    throw new EngineError('gradient', `adamW: the parameter [${parameter.shape}] has no \`grad\`; give it one`)
  }
  requireShape(
    m.size === parameter.size && v.size === parameter.size,
    () => `adamW: moments [${m.shape}], [${v.shape}] do not fit the parameter [${parameter.shape}]`,
  )
  parameter.device.run(update, {
    parameter,
    gradient,
    m,
    v,
    n: parameter.size,
    beta1,
    gain1: 1 - beta1,
    beta2,
    gain2: 1 - beta2,
    eps,
    decay: 1 - lr * weightDecay,
    rate: lr / (1 - beta1 ** step),
    correction: 1 / Math.sqrt(1 - beta2 ** step),
    gradientScale,
  })
}
