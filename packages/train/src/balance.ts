import type { Tensor } from '@modu/engine'
import type { LanguageModel } from '@modu/model'

/** How evenly tokens spread over the experts, for the log. */
export interface Balance {
  /** Largest load over the mean, 1 at best: of the layer where it is largest, and on average over layers. */
  readonly worst: number
  readonly mean: number
  /** Entropy in nats of a router's scores for a token, on average over tokens and layers: ln(experts) where it is undecided. */
  readonly entropy: number
  /** Experts that got no token, of all layers together. */
  readonly dead: number
}

/** A mixture-of-experts model's routing, as far as balancing needs it. */
interface Routed {
  expertLoads(): Int32Array[]
  routerEntropies(): number[]
  readonly correctionBiases: readonly Tensor[]
}

export const isRouted = (model: LanguageModel): model is LanguageModel & Routed => 'expertLoads' in model

/** What a model's passes did with its experts, summed; nothing of a model without experts. */
export class ExpertTally {
  /** For each mixture of experts, how many tokens each expert got. */
  readonly loads: number[][] = []
  /** For each mixture, the entropy of its router's scores, summed as often as `loads` counts. */
  private readonly entropies: number[] = []

  /** Adds the model's last pass. */
  add(model: LanguageModel): void {
    if (!isRouted(model)) return
    const entropies = model.routerEntropies()
    model.expertLoads().forEach((load, layer) => {
      this.loads[layer] ??= new Array<number>(load.length).fill(0)
      for (let e = 0; e < load.length; e++) this.loads[layer]![e]! += load[e]!
      this.entropies[layer] = (this.entropies[layer] ?? 0) + entropies[layer]! * sum([...load])
    })
  }

  get balance(): Balance {
    const { loads, entropies } = this
    return balanceOf(
      loads,
      loads.map((load, layer) => entropies[layer]! / Math.max(1, sum(load))),
    )
  }
}

/**
 * `loads`: for each mixture of experts, how many tokens each expert got; `entropies`: the mean entropy of its router's
 * scores. A mixture that took no part (all loads zero) is left out.
 */
export function balanceOf(loads: readonly (readonly number[])[], entropies: readonly number[]): Balance {
  const layers = loads.map((load, i) => ({ load, tokens: sum(load), entropy: entropies[i]! })).filter(l => l.tokens > 0)
  if (layers.length === 0) return { worst: 1, mean: 1, entropy: 0, dead: 0 }
  const ratios = layers.map(({ load, tokens }) => (Math.max(...load) * load.length) / tokens)
  return {
    worst: Math.max(...ratios),
    mean: sum(ratios) / layers.length,
    entropy: sum(layers.map(({ entropy }) => entropy)) / layers.length,
    dead: layers.flatMap(({ load }) => load).filter(tokens => tokens === 0).length,
  }
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
