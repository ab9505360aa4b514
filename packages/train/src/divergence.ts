import type { Reals, Tensor } from '@modu/engine'
import { TrainError } from './errors.ts'

type Parameters = ReadonlyMap<string, Tensor>

/** Whether none is infinite or no number. */
export function allFinite(values: Reals): boolean {
  let sum = 0
  // Zero for a finite value, else no number, which stays.
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0
  return sum === 0
}

/** The error for a loss that is no finite number. Names the first weight on the way to it that is none either. */
export function lossDiverged(loss: number, parameters: Parameters): TrainError {
  const weight = [...parameters].find(([, { reals }]) => !allFinite(reals))?.[0]
  const why = weight === undefined ? 'though all weights are finite' : `because the weight "${weight}" is not finite`
  return new TrainError('diverged', `the loss is ${loss}, ${why}`)
}

/** The error for a gradient norm that is no finite number. Names the parameter that the backward pass came to first. */
export function gradientDiverged(norm: number, parameters: Parameters): TrainError {
  const name = [...parameters].findLast(([, { grad }]) => grad && !allFinite(grad.reals))?.[0]
  const why = name === undefined ? 'though each gradient is finite' : `because the gradient of "${name}" is not finite`
  return new TrainError('diverged', `the gradient norm is ${norm}, ${why}`)
}
