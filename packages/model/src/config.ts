import { statSync } from 'node:fs'
import { join } from 'node:path'
import { ModelError } from './errors.ts'
import { readJson } from './files.ts'

/**
 * A model's configuration, read from Hugging Face's `config.json`. Names are those of the file in camelCase
 * (`max_position_embeddings` is `maxPositions`); both styles of the file (`rope_parameters` + `mlp_layer_types`, and
 * DeepSeek's `rope_theta`/`rope_scaling` + `first_k_dense_replace`/`moe_layer_freq`) come out the same.
 */
export type ModelConfig = K1Config | DenseConfig

interface CommonConfig {
  readonly vocabSize: number
  readonly hiddenSize: number
  /** Width of the dense feed-forward. */
  readonly intermediateSize: number
  readonly numHiddenLayers: number
  readonly numAttentionHeads: number
  /** The longest sequence, in tokens. */
  readonly maxPositions: number
  readonly rmsNormEps: number
  /** Standard deviation of random weights. */
  readonly initializerRange: number
  readonly attentionBias: boolean
  /** Applies in training only. */
  readonly attentionDropout: number
  /** The output head is the embedding. */
  readonly tieWordEmbeddings: boolean
  readonly ropeParameters: RopeParameters
  readonly bosTokenId: number | undefined
  readonly eosTokenIds: readonly number[]
  readonly padTokenId: number | undefined
  /** The type that the checkpoint's weights are stored in. */
  readonly dtype: StoredDType
  /** Fields without influence on the result, kept as they are when the configuration is written again. */
  readonly extra: Readonly<Record<string, unknown>>
}

/** A.X K1: latent attention, routed and shared experts, one optional module that predicts one further token. */
export interface K1Config extends CommonConfig {
  readonly modelType: 'axk1'
  /** Feed-forward of each layer: dense, or sparse (experts). */
  readonly mlpLayerTypes: readonly MlpLayerType[]
  /** Width of one expert. */
  readonly moeIntermediateSize: number
  readonly nRoutedExperts: number
  readonly nSharedExperts: number
  readonly numExpertsPerTok: number
  readonly nGroup: number
  readonly topkGroup: number
  readonly normTopkProb: boolean
  readonly routedScalingFactor: number
  readonly qLoraRank: number
  readonly kvLoraRank: number
  readonly qkNopeHeadDim: number
  readonly qkRopeHeadDim: number
  readonly vHeadDim: number
  /** Rotary pairs are neighbours (2i, 2i + 1) rather than halves (i, i + width/2). */
  readonly ropeInterleave: boolean
  /** 1 if the checkpoint has a multi-token-prediction module, else 0. */
  readonly numNextnPredictLayers: number
}

/** Llama and Qwen3: grouped-query attention and a dense feed-forward; Qwen3 normalises queries and keys. */
export interface DenseConfig extends CommonConfig {
  readonly modelType: 'llama' | 'qwen3'
  readonly numKeyValueHeads: number
  readonly headDim: number
  readonly mlpBias: boolean
}

export type MlpLayerType = 'dense' | 'sparse'
export type StoredDType = 'float32' | 'bfloat16' | 'float16'

/** Rotary position embedding: base `theta`, and how positions beyond the original context are squeezed. */
export type RopeParameters =
  | { readonly type: 'default'; readonly theta: number }
  | { readonly type: 'linear'; readonly theta: number; readonly factor: number }
  | {
      readonly type: 'yarn'
      readonly theta: number
      readonly factor: number
      readonly originalMaxPositions: number
      readonly betaFast: number
      readonly betaSlow: number
      readonly mscale: number | undefined
      readonly mscaleAllDim: number | undefined
      readonly attentionFactor: number | undefined
      readonly truncate: boolean
    }
  | {
      readonly type: 'llama3'
      readonly theta: number
      readonly factor: number
      readonly lowFreqFactor: number
      readonly highFreqFactor: number
      readonly originalMaxPositions: number
    }

const architectures = { axk1: 'AXK1ForCausalLM', llama: 'LlamaForCausalLM', qwen3: 'Qwen3ForCausalLM' } as const

/** The configuration in a checkpoint folder, or in the JSON file itself. Errors: `missing`, `format`, `config`. */
export function readConfig(path: string): ModelConfig {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats) throw new ModelError('missing', `${path} does not exist; give a checkpoint folder or its config.json`)
  const file = stats.isDirectory() ? join(path, 'config.json') : path
  return parseConfig(readJson(file), file)
}

/** The configuration in the value of a `config.json`; `source` names it in errors. A `config` error names the field. */
export function parseConfig(json: unknown, source = 'config.json'): ModelConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new ModelError('format', `${source} does not hold a JSON object; give a Hugging Face config.json`)
  const fields = new Fields(json as Record<string, unknown>, source)
  const modelType = fields.raw('model_type')
  refuseUnsupported(fields)
  if (modelType === 'axk1') return parseK1(fields)
  if (modelType === 'llama' || modelType === 'qwen3') return parseDense(fields, modelType)
  throw fields.error('model_type', `this model family is not known; known are ${Object.keys(architectures).join(', ')}`)
}

function parseK1(fields: Fields): K1Config {
  fields.only('scoring_func', 'sigmoid')
  fields.only('topk_method', 'noaux_tc')
  const common = parseCommon(fields, {
    vocabSize: 163840,
    hiddenSize: 7168,
    intermediateSize: 18432,
    numHiddenLayers: 61,
    numAttentionHeads: 64,
    maxPositions: 32768,
    bosTokenId: 163691,
    eosTokenId: 163691,
  })
  const keyValueHeads = fields.optionalInteger('num_key_value_heads') ?? common.numAttentionHeads
  if (keyValueHeads !== common.numAttentionHeads)
    throw fields.error('num_key_value_heads', 'latent attention has as many as num_attention_heads; set it to that')
  fields.skip('head_dim', 'qk_head_dim')
  const config = {
    modelType: 'axk1' as const,
    ...common,
    mlpLayerTypes: parseLayerTypes(fields, common.numHiddenLayers),
    moeIntermediateSize: fields.integer('moe_intermediate_size', 2048),
    nRoutedExperts: fields.integer('n_routed_experts', fields.optionalInteger('num_local_experts') ?? 192),
    nSharedExperts: fields.integer('n_shared_experts', 1),
    numExpertsPerTok: fields.integer('num_experts_per_tok', 8),
    nGroup: fields.integer('n_group', 8),
    topkGroup: fields.integer('topk_group', 4),
    normTopkProb: fields.boolean('norm_topk_prob', true),
    routedScalingFactor: fields.number('routed_scaling_factor', 2.5),
    qLoraRank: fields.integer('q_lora_rank', 1536),
    kvLoraRank: fields.integer('kv_lora_rank', 512),
    qkNopeHeadDim: fields.integer('qk_nope_head_dim', 128),
    qkRopeHeadDim: fields.integer('qk_rope_head_dim', 64),
    vHeadDim: fields.integer('v_head_dim', 128),
    ropeInterleave: fields.boolean('rope_interleave', true),
    numNextnPredictLayers: fields.integer('num_nextn_predict_layers', 0, 0),
  }
  if (config.qkRopeHeadDim % 2 !== 0) throw fields.error('qk_rope_head_dim', 'rotary pairs need an even number')
  if (config.nRoutedExperts % config.nGroup !== 0)
    throw fields.error(
      'n_group',
      `${config.nRoutedExperts} experts (n_routed_experts) do not divide into that many groups`,
    )
  if (config.topkGroup > config.nGroup)
    throw fields.error('topk_group', `there are only ${config.nGroup} groups (n_group)`)
  const groupSize = config.nRoutedExperts / config.nGroup
  if (config.nGroup > 1 && groupSize < 2)
    throw fields.error('n_group', 'a group is scored by its two best experts, so it needs at least two')
  if (config.numExpertsPerTok > config.topkGroup * groupSize)
    throw fields.error('num_experts_per_tok', `the kept groups hold only ${config.topkGroup * groupSize} experts`)
  if (config.numNextnPredictLayers > 1)
    throw fields.error('num_nextn_predict_layers', 'at most one such module is supported; set it to 1 or 0')
  return { ...config, extra: fields.rest() }
}

function parseDense(fields: Fields, modelType: DenseConfig['modelType']): DenseConfig {
  const llama = modelType === 'llama'
  const common = parseCommon(fields, {
    vocabSize: llama ? 32000 : 151936,
    hiddenSize: 4096,
    intermediateSize: llama ? 11008 : 22016,
    numHiddenLayers: 32,
    numAttentionHeads: 32,
    maxPositions: llama ? 2048 : 32768,
    bosTokenId: llama ? 1 : undefined,
    eosTokenId: llama ? 2 : undefined,
  })
  const { hiddenSize, numAttentionHeads } = common
  if (fields.raw('sliding_window') != null && fields.raw('use_sliding_window') !== false)
    throw fields.error(
      'sliding_window',
      'sliding windows are not supported; only models with full attention can be run',
    )
  const layerTypes = fields.raw('layer_types')
  if (Array.isArray(layerTypes) && layerTypes.some(type => type !== 'full_attention'))
    throw fields.error('layer_types', 'only "full_attention" layers are supported')
  const headDim = fields.optionalInteger('head_dim') ?? (llama ? hiddenSize / numAttentionHeads : 128)
  if (!Number.isInteger(headDim))
    throw fields.error('hidden_size', `it does not divide by num_attention_heads (${numAttentionHeads}); give head_dim`)
  if (headDim % 2 !== 0) throw fields.error('head_dim', 'rotary pairs need an even number')
  const keyValueHeads = fields.raw('num_key_value_heads')
  const numKeyValueHeads =
    keyValueHeads == null
      ? llama || keyValueHeads === null
        ? numAttentionHeads
        : 32
      : fields.integer('num_key_value_heads', 1)
  if (numAttentionHeads % numKeyValueHeads !== 0)
    throw fields.error(
      'num_key_value_heads',
      `${numAttentionHeads} heads (num_attention_heads) do not divide into that many`,
    )
  const mlpBias = llama && fields.boolean('mlp_bias', false)
  return { modelType, ...common, numKeyValueHeads, headDim, mlpBias, extra: fields.rest() }
}

interface Defaults {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly numHiddenLayers: number
  readonly numAttentionHeads: number
  readonly maxPositions: number
  readonly bosTokenId: number | undefined
  readonly eosTokenId: number | undefined
}

function parseCommon(fields: Fields, defaults: Defaults): Omit<CommonConfig, 'extra'> {
  fields.only('hidden_act', 'silu')
  const maxPositions = fields.integer('max_position_embeddings', defaults.maxPositions)
  fields.skip('architectures', 'transformers_version')
  return {
    vocabSize: fields.integer('vocab_size', defaults.vocabSize),
    hiddenSize: fields.integer('hidden_size', defaults.hiddenSize),
    intermediateSize: fields.integer('intermediate_size', defaults.intermediateSize),
    numHiddenLayers: fields.integer('num_hidden_layers', defaults.numHiddenLayers),
    numAttentionHeads: fields.integer('num_attention_heads', defaults.numAttentionHeads),
    maxPositions,
    rmsNormEps: fields.number('rms_norm_eps', 1e-6),
    initializerRange: fields.number('initializer_range', 0.02),
    attentionBias: fields.boolean('attention_bias', false),
    attentionDropout: fields.number('attention_dropout', 0),
    tieWordEmbeddings: fields.boolean('tie_word_embeddings', false),
    ropeParameters: parseRope(fields, maxPositions),
    bosTokenId: fields.tokenIds('bos_token_id', defaults.bosTokenId)[0],
    eosTokenIds: fields.tokenIds('eos_token_id', defaults.eosTokenId),
    padTokenId: fields.tokenIds('pad_token_id', undefined)[0],
    dtype: parseDType(fields),
  }
}

function parseDType(fields: Fields): StoredDType {
  const name = fields.has('dtype') ? 'dtype' : 'torch_dtype'
  const dtype = fields.raw(name) ?? 'float32'
  fields.skip('dtype', 'torch_dtype')
  if (dtype === 'float32' || dtype === 'bfloat16' || dtype === 'float16') return dtype
  throw fields.error(name, 'supported are float32, bfloat16 and float16')
}

/** `mlp_layer_types`, or what DeepSeek's two fields say: sparse from `first_k_dense_replace` on, every `moe_layer_freq`-th. */
function parseLayerTypes(fields: Fields, layers: number): MlpLayerType[] {
  const denseLayers = fields.integer('first_k_dense_replace', 1, 0)
  const frequency = fields.integer('moe_layer_freq', 1)
  const layerTypes = Array.from(
    { length: layers },
    (_, i): MlpLayerType => (i >= denseLayers && i % frequency === 0 ? 'sparse' : 'dense'),
  )
  const given = fields.raw('mlp_layer_types')
  if (given == null) return layerTypes
  if (!Array.isArray(given) || given.length !== layers || given.some(type => type !== 'dense' && type !== 'sparse'))
    throw fields.error(
      'mlp_layer_types',
      `it must be a list of ${layers} (num_hidden_layers) times "dense" or "sparse"`,
    )
  const both = fields.has('first_k_dense_replace') || fields.has('moe_layer_freq')
  if (both && given.some((type, i) => type !== layerTypes[i]))
    throw fields.error(
      'mlp_layer_types',
      'first_k_dense_replace and moe_layer_freq say otherwise; remove one of the two',
    )
  return given
}

function parseRope(fields: Fields, maxPositions: number): RopeParameters {
  const scaling = fields.raw('rope_scaling')
  const parameters = fields.raw('rope_parameters')
  if (scaling != null && parameters != null && JSON.stringify(scaling) !== JSON.stringify(parameters))
    throw fields.error('rope_scaling', 'rope_parameters says otherwise; remove one of the two')
  const name = parameters != null ? 'rope_parameters' : 'rope_scaling'
  const given = parameters ?? scaling ?? {}
  if (typeof given !== 'object' || Array.isArray(given)) throw fields.error(name, 'it must be an object')
  const rope = new Fields(given as Record<string, unknown>, fields.source, `${name}.`)
  const theta = rope.number('rope_theta', fields.number('rope_theta', 10000))
  const typeName = rope.has('rope_type') ? 'rope_type' : 'type'
  const type = rope.raw(typeName) ?? 'default'
  rope.skip('rope_type', 'type', 'finetuned')
  if (!(rope.number('partial_rotary_factor', 1) === 1))
    throw rope.error('partial_rotary_factor', 'only 1 (all of the rotary width) is supported')
  const result = ropeOfType(rope, type, theta, maxPositions)
  if (!result) throw rope.error(typeName, 'supported are default, linear, yarn and llama3')
  for (const name of Object.keys(rope.rest()))
    throw rope.error(name, 'this setting is not supported; remove it if it has no effect')
  return result
}

function ropeOfType(rope: Fields, type: unknown, theta: number, maxPositions: number): RopeParameters | undefined {
  if (type === 'default') return { type, theta }
  if (type === 'linear') return { type, theta, factor: rope.requiredNumber('factor') }
  const originalMaxPositions = rope.integer('original_max_position_embeddings', maxPositions)
  if (type === 'llama3')
    return {
      type,
      theta,
      factor: rope.requiredNumber('factor'),
      lowFreqFactor: rope.requiredNumber('low_freq_factor'),
      highFreqFactor: rope.requiredNumber('high_freq_factor'),
      originalMaxPositions,
    }
  if (type === 'yarn')
    return {
      type,
      theta,
      factor: rope.optionalNumber('factor') ?? maxPositions / originalMaxPositions,
      originalMaxPositions,
      betaFast: rope.optionalNumber('beta_fast') || 32,
      betaSlow: rope.optionalNumber('beta_slow') || 1,
      mscale: rope.optionalNumber('mscale'),
      mscaleAllDim: rope.optionalNumber('mscale_all_dim'),
      attentionFactor: rope.optionalNumber('attention_factor'),
      truncate: rope.boolean('truncate', true),
    }
  return undefined
}

/** Fields of other families that would change the result: with any value but these, the model is refused. */
const neutral: Readonly<Record<string, readonly unknown[]>> = {
  partial_rotary_factor: [null, 1],
  attention_multiplier: [null, 1],
  embedding_multiplier: [null, 1],
  residual_multiplier: [null, 1],
  logits_scaling: [null, 1],
  logit_scale: [null, 1],
  scale_emb: [null, 1],
  scale_depth: [null, 1],
  attn_logit_softcapping: [null],
  final_logit_softcapping: [null],
  query_pre_attn_scalar: [null],
  clip_qkv: [null],
  attention_chunk_size: [null],
  no_rope_layers: [null],
  no_rope_layer_interval: [null],
  index_topk: [null],
  swiglu_limit: [null],
  moe_router_logit_softcapping: [null],
  use_parallel_residual: [null, false],
  parallel_attn: [null, false],
  alibi: [null, false],
  use_mrope: [null, false],
  add_cross_attention: [null, false],
  is_encoder_decoder: [null, false],
}

function refuseUnsupported(fields: Fields): void {
  for (const [name, values] of Object.entries(neutral)) {
    const value = fields.peek(name)
    if (value === undefined || values.includes(value)) continue
    const supported = values.map(v => JSON.stringify(v)).join(' or ')
    throw fields.error(name, `this setting is not supported; only models with ${supported} can be run`)
  }
}

/** Typed access to a JSON object's fields. Remembers which were read, so that the rest can be kept. */
class Fields {
  readonly source: string
  private readonly object: Record<string, unknown>
  private readonly prefix: string
  private readonly used = new Set<string>()

  constructor(object: Record<string, unknown>, source: string, prefix = '') {
    this.object = object
    this.source = source
    this.prefix = prefix
  }

  error(name: string, remedy: string): ModelError {
    const value = JSON.stringify(this.object[name]) ?? 'missing'
    const shown = value.length > 80 ? `${value.slice(0, 77)}…` : value
    return new ModelError('config', `${this.source}: ${this.prefix}${name} is ${shown}: ${remedy}`)
  }

  has(name: string): boolean {
    return this.object[name] !== undefined
  }

  peek(name: string): unknown {
    return this.object[name]
  }

  raw(name: string): unknown {
    this.used.add(name)
    return this.object[name]
  }

  skip(...names: string[]): void {
    for (const name of names) this.used.add(name)
  }

  /** The fields that nobody read. */
  rest(): Record<string, unknown> {
    return Object.fromEntries(Object.entries(this.object).filter(([name]) => !this.used.has(name)))
  }

  only(name: string, supported: string): void {
    const value = this.raw(name) ?? supported
    if (value !== supported) throw this.error(name, `only "${supported}" is supported`)
  }

  integer(name: string, fallback: number, least = 1): number {
    const value = this.raw(name)
    if (value === undefined) return fallback
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least)
      throw this.error(name, `it must be a whole number of at least ${least}`)
    return value
  }

  optionalInteger(name: string): number | undefined {
    return this.raw(name) == null ? undefined : this.integer(name, 0)
  }

  number(name: string, fallback: number): number {
    const value = this.raw(name)
    if (value == null) return fallback
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.error(name, 'it must be a number')
    return value
  }

  optionalNumber(name: string): number | undefined {
    return this.raw(name) == null ? undefined : this.number(name, 0)
  }

  requiredNumber(name: string): number {
    if (this.raw(name) == null) throw this.error(name, 'it must be a number')
    return this.number(name, 0)
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.raw(name)
    if (value === undefined) return fallback
    if (value !== null && typeof value !== 'boolean') throw this.error(name, 'it must be true or false')
    return value ?? false
  }

  tokenIds(name: string, fallback: number | undefined): number[] {
    const value = this.raw(name)
    if (value === null) return []
    const ids =
      value === undefined ? (fallback === undefined ? [] : [fallback]) : Array.isArray(value) ? value : [value]
    if (ids.some(id => !Number.isSafeInteger(id))) throw this.error(name, 'it must be a token id, or a list of them')
    return ids
  }
}

/**
 * The `config.json` that transformers reads, in its current style, with `dtype` as the stored type. What the original
 * file said beyond that is kept.
 */
export function configToJson(config: ModelConfig, dtype: StoredDType = config.dtype): Record<string, unknown> {
  return {
    architectures: [architectures[config.modelType]],
    model_type: config.modelType,
    dtype,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    hidden_act: 'silu',
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.rmsNormEps,
    initializer_range: config.initializerRange,
    attention_bias: config.attentionBias,
    attention_dropout: config.attentionDropout,
    tie_word_embeddings: config.tieWordEmbeddings,
    rope_parameters: ropeToJson(config.ropeParameters),
    bos_token_id: config.bosTokenId ?? null,
    eos_token_id: config.eosTokenIds.length > 1 ? config.eosTokenIds : (config.eosTokenIds[0] ?? null),
    pad_token_id: config.padTokenId ?? null,
    ...(config.modelType === 'axk1' ? k1ToJson(config) : denseToJson(config)),
    ...config.extra,
  }
}

const realFields =
  /^(\s*"(?:rms_norm_eps|initializer_range|attention_dropout|routed_scaling_factor|rope_theta|factor|mscale|mscale_all_dim|attention_factor|low_freq_factor|high_freq_factor)": -?\d+)(,?)$/gm

/**
 * The text of the `config.json` that transformers reads. Real numbers are written with a decimal point even when they
 * are whole: transformers takes 1.0 as `routed_scaling_factor` but refuses 1.
 */
export const configToText = (config: ModelConfig, dtype: StoredDType = config.dtype): string =>
  `${JSON.stringify(configToJson(config, dtype), null, 2).replace(realFields, '$1.0$2')}\n`

function k1ToJson(config: K1Config): Record<string, unknown> {
  return {
    num_key_value_heads: config.numAttentionHeads,
    head_dim: config.qkRopeHeadDim,
    qk_head_dim: config.qkNopeHeadDim + config.qkRopeHeadDim,
    mlp_layer_types: config.mlpLayerTypes,
    moe_intermediate_size: config.moeIntermediateSize,
    n_routed_experts: config.nRoutedExperts,
    n_shared_experts: config.nSharedExperts,
    num_experts_per_tok: config.numExpertsPerTok,
    n_group: config.nGroup,
    topk_group: config.topkGroup,
    norm_topk_prob: config.normTopkProb,
    routed_scaling_factor: config.routedScalingFactor,
    q_lora_rank: config.qLoraRank,
    kv_lora_rank: config.kvLoraRank,
    qk_nope_head_dim: config.qkNopeHeadDim,
    qk_rope_head_dim: config.qkRopeHeadDim,
    v_head_dim: config.vHeadDim,
    rope_interleave: config.ropeInterleave,
    ...(config.numNextnPredictLayers > 0 && { num_nextn_predict_layers: config.numNextnPredictLayers }),
  }
}

function denseToJson(config: DenseConfig): Record<string, unknown> {
  return {
    num_key_value_heads: config.numKeyValueHeads,
    head_dim: config.headDim,
    ...(config.modelType === 'llama' && { mlp_bias: config.mlpBias }),
    ...(config.modelType === 'qwen3' && { use_sliding_window: false, sliding_window: null }),
  }
}

function ropeToJson(rope: RopeParameters): Record<string, unknown> {
  const json: Record<string, unknown> = { rope_type: rope.type, rope_theta: rope.theta }
  if (rope.type === 'default') return json
  json.factor = rope.factor
  if (rope.type === 'linear') return json
  json.original_max_position_embeddings = rope.originalMaxPositions
  if (rope.type === 'llama3')
    return { ...json, low_freq_factor: rope.lowFreqFactor, high_freq_factor: rope.highFreqFactor }
  json.beta_fast = rope.betaFast
  json.beta_slow = rope.betaSlow
  if (rope.mscale !== undefined) json.mscale = rope.mscale
  if (rope.mscaleAllDim !== undefined) json.mscale_all_dim = rope.mscaleAllDim
  if (rope.attentionFactor !== undefined) json.attention_factor = rope.attentionFactor
  if (!rope.truncate) json.truncate = false
  return json
}
