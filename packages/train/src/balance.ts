import type { Tensor } from '@modu/engine'

/** How evenly tokens spread over the experts, for the log: largest load over the mean, 1 at best. */
export interface Balance {
  /** Of the layer where it is largest, and on average over layers. */
  readonly worst: number
  readonly mean: number
}

/** `loads`: for each mixture of experts, how many tokens each expert got. */
export function balanceOf(loads: readonly (readonly number[])[]): Balance {
  const ratios = loads.map(load => (Math.max(...load) * load.length) / Math.max(1, sum(load)))
  return ratios.length === 0 ? { worst: 1, mean: 1 } : { worst: Math.max(...ratios), mean: sum(ratios) / ratios.length }
}

/**
 * Auxiliary-loss-free balancing (Wang et al. 2024): the correction bias of an expert that got fewer tokens than the mean
 * rises by `rate`, that of one which got more falls. Biases only choose experts; they do not weigh them.
 */
export function moveBiases(biases: readonly Tensor[], loads: readonly (readonly number[])[], rate: number): void {
  loads.forEach((load, layer) => {
    const bias = biases[layer]!
    const mean = sum(load) / load.length
    for (let e = 0; e < load.length; e++) bias.reals[e]! += rate * Math.sign(mean - load[e]!)
  })
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
