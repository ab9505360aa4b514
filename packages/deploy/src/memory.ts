import { type K1Config, type WeightSpec, weightsOf } from '@modu/model'

export const gib = 1024 ** 3

/** vLLM's and SGLang's names for what the weights are kept in. `fp8` is made of the published bf16 files while loading. */
export const dtypes = ['bf16', 'fp8'] as const
export type DType = (typeof dtypes)[number]

export const engines = ['vllm', 'sglang'] as const
export type Engine = (typeof engines)[number]

/** How many GPUs a layer is split over, and into how many stages the layers are. */
export interface Split {
  readonly tensor: number
  readonly pipeline: number
}

/** What one GPU of a pipeline stage holds. */
export interface Stage {
  readonly layers: number
  readonly weightBytes: number
  /** Of one token, for the layers of this stage. */
  readonly cacheBytes: number
}

/**
 * What each stage of the pipeline puts on each of its GPUs, from the shape of every weight. Within a stage, matrices are
 * split by heads, feed-forward width, whole experts and vocabulary. What is smaller every GPU has for itself: the
 * projections down to latents, the router and the norms; and the latent cache, because all heads read the same latents.
 */
export function stagesOf(config: K1Config, { tensor, pipeline }: Split, dtype: DType, engine: Engine): Stage[] {
  const layers = layersOfStages(config.numHiddenLayers, pipeline, engine)
  const ends = layers.map((_, stage) => layers.slice(0, stage + 1).reduce((a, b) => a + b))
  const weightBytes = layers.map(() => 0)
  for (const spec of weightsOf(config)) {
    const layer = /^model\.layers\.(\d+)\./.exec(spec.name)?.[1]
    const stage = layer ? ends.findIndex(end => Number(layer) < end) : spec.component === 'embedding' ? 0 : pipeline - 1
    weightBytes[stage]! += bytesOf(spec, dtype) / (isSplit(spec) ? tensor : 1)
  }
  const latent = 2 * (config.kvLoraRank + config.qkRopeHeadDim)
  return layers.map((count, stage) => ({
    layers: count,
    weightBytes: Math.ceil(weightBytes[stage]!),
    cacheBytes: count * latent,
  }))
}

const isSplit = ({ name, component }: WeightSpec): boolean =>
  component !== 'norms' && component !== 'router' && !/q_a_proj|kv_a_proj/.test(name)

/** Only the matrices of attention and the feed-forwards become fp8; scales are one in many thousand and left out. */
function bytesOf({ shape, component, buffer }: WeightSpec, dtype: DType): number {
  const size = shape.reduce((a, b) => a * b, 1)
  if (buffer) return 4 * size
  const isWide = dtype === 'bf16' || ['embedding', 'head', 'router', 'norms'].includes(component)
  return (isWide ? 2 : 1) * size
}

/**
 * Layers of each stage where they do not divide evenly, as the engines share them out: vLLM gives one more to stages
 * before the last, counted backwards (`get_pp_indices` of vLLM 0.33), SGLang to the last ones (the same of SGLang 0.5.23).
 */
export function layersOfStages(layers: number, pipeline: number, engine: Engine): number[] {
  const rest = layers % pipeline
  const last = engine === 'vllm' ? pipeline - 1 : pipeline
  return Array.from({ length: pipeline }, (_, stage) => {
    const hasOneMore = stage < last && stage >= last - rest
    return Math.floor(layers / pipeline) + (hasOneMore ? 1 : 0)
  })
}
