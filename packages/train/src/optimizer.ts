import { adamW, type Device, gradientNorm, type Moments, type Tensor } from '@modu/engine'
import { gradientDiverged } from './divergence.ts'

/** What a step of the optimiser needs beside the gradients. */
export interface OptimizerSettings {
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  readonly weightDecay: number
  readonly clipNorm: number
}

/** Weight decay is for matrices: norms and biases are vectors, and the embedding's rows are looked up, not multiplied. */
export const isDecayed = (name: string, parameter: Tensor): boolean =>
  parameter.shape.length > 1 && !name.includes('embed_tokens')

/** AdamW over all parameters of a model, with clipping to a global norm. */
export class Optimizer {
  readonly moments: ReadonlyMap<string, Moments>
  private readonly parameters: ReadonlyMap<string, Tensor>

  constructor(device: Device, parameters: ReadonlyMap<string, Tensor>) {
    this.parameters = parameters
    this.moments = new Map(
      [...parameters].map(([name, { shape }]) => [name, { m: device.persistent(shape), v: device.persistent(shape) }]),
    )
  }

  /** Updates every parameter from its `grad`, zeroes the gradients, and returns their global norm before clipping. `step` counts from 1. A TrainError `diverged`, before anything is changed, if the norm is not finite. */
  update(step: number, lr: number, settings: OptimizerSettings): number {
    const { beta1, beta2, eps, weightDecay, clipNorm } = settings
    const norm = gradientNorm(this.parameters.values())
    if (!Number.isFinite(norm)) throw gradientDiverged(norm, this.parameters)
    const gradientScale = norm > clipNorm ? clipNorm / norm : 1
    for (const [name, parameter] of this.parameters) {
      const decay = isDecayed(name, parameter) ? weightDecay : 0
      const options = { lr, beta1, beta2, eps, weightDecay: decay, step, gradientScale }
      adamW(parameter, this.moments.get(name)!, options)
    }
    return norm
  }

  /** Forgets the past: a new stage begins with empty moments. */
  clear(): void {
    for (const { m, v } of this.moments.values()) {
      m.device.fill(m, 0)
      v.device.fill(v, 0)
    }
  }
}
