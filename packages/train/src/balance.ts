import type { Tensor } from '@modu/engine'
import type { LanguageModel } from '@modu/model'

/** How evenly tokens spread over the experts, for the log. */
export interface Balance {
  /** Largest load over the mean, 1 at best: of the layer where it is largest, and on average over layers. */
  readonly worst: number
  readonly mean: number
  /** Entropy in nats of where a layer's tokens go, on average over layers: at most, and best, ln(experts). */
  readonly entropy: number
  /** Experts that got no token, of all layers together. */
  readonly dead: number
}

/** A mixture-of-experts model's routing, as far as balancing needs it. */
interface Routed {
  expertLoads(): Int32Array[]
  readonly correctionBiases: readonly Tensor[]
}

export const isRouted = (model: LanguageModel): model is LanguageModel & Routed => 'expertLoads' in model

/** Adds to `loads`, empty at first, how many tokens each expert of each mixture got in the model's last pass. */
export function addLoads(model: LanguageModel, loads: number[][]): void {
  if (!isRouted(model)) return
  model.expertLoads().forEach((load, layer) => {
    loads[layer] ??= new Array<number>(load.length).fill(0)
    for (let e = 0; e < load.length; e++) loads[layer]![e]! += load[e]!
  })
}

/** `loads`: for each mixture of experts, how many tokens each expert got. One that took no part (all zeros) is left out. */
export function balanceOf(loads: readonly (readonly number[])[]): Balance {
  const used = loads.filter(load => sum(load) > 0)
  if (used.length === 0) return { worst: 1, mean: 1, entropy: 0, dead: 0 }
  const ratios = used.map(load => (Math.max(...load) * load.length) / sum(load))
  return {
    worst: Math.max(...ratios),
    mean: sum(ratios) / used.length,
    entropy: sum(used.map(entropyOf)) / used.length,
    dead: used.flat().filter(tokens => tokens === 0).length,
  }
}

/** −Σ p·ln p with p the part of each expert. */
function entropyOf(load: readonly number[]): number {
  const all = sum(load)
  return sum(load.map(tokens => (tokens === 0 ? 0 : -(tokens / all) * Math.log(tokens / all))))
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
