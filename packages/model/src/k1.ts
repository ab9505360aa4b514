import {
  add,
  appendLatents,
  attention,
  balanceLoss,
  concat,
  type Device,
  embedding,
  expandLatent,
  experts,
  latentAttention,
  linear,
  linearAdd,
  linearCrossEntropy,
  normLinear,
  type RotaryTable,
  type Routing,
  rmsNorm,
  rotary,
  router,
  scoreEntropies,
  split,
  swigluLinear,
  type Tensor,
} from '@modu/engine'
import { appendToEach } from './appendToEach.ts'
import type { K1Config } from './config.ts'
import { ModelError } from './errors.ts'
import { type CachedLayers, type DecodingStep, SequenceCache } from './kvCache.ts'
import { SequenceCaches } from './kvCaches.ts'
import type { KvCache, KvCaches, LanguageModel, LossOptions } from './languageModel.ts'
import { cachedLayers, PagedCache, type PagedSequence, pastRows, roomForMore } from './pagedCache.ts'
import { RopeTable, yarnMscale } from './ropeTable.ts'
import {
  checkTokens,
  copied,
  integers,
  labelShares,
  lastLogits,
  longestSequence,
  reals,
  type Sequences,
  sequencePositions,
  sequenceStarts,
  shiftLeft,
} from './sequences.ts'
import {
  type Bound,
  bias,
  bindWeights,
  correctionBias,
  flattenWeights,
  matrix,
  norm,
  stackedExperts,
  type WeightSpec,
} from './weights.ts'

/*
 * A.X K1 (SK Telecom 2026, arXiv 2601.09200): DeepSeek-V3's decoder with one more RMSNorm after each mixture of experts.
 *
 *   tokens ─ embedding ─ x
 *   each layer:  x += attention(norm(x))
 *                x += mlp(norm(x))                       in the first, dense layers
 *                x += norm(experts(x̂) + shared(x̂))      x̂ = norm(x), in the others
 *   logits = head · norm(x)
 *
 * Shapes in this file: T rows, the tokens of all sequences one after the other; H hidden size; h heads.
 */

/** The two norms inside attention use this eps whatever the configuration says, as in the official code. */
const latentEps = 1e-6

/* ---------------------------------------------------------------------------------------------------- weights */

const attentionWeights = (c: K1Config, at: string) => ({
  /** Queries: down to a latent, normalised, up to h heads of (key without position, key with rotary position). */
  queryDown: matrix(`${at}.q_a_proj`, c.qLoraRank, c.hiddenSize, 'attention'),
  queryDownBias: bias(`${at}.q_a_proj`, c.qLoraRank, 'attention', c.attentionBias),
  queryNorm: norm(`${at}.q_a_layernorm`, c.qLoraRank),
  queryUp: matrix(
    `${at}.q_b_proj`,
    c.numAttentionHeads * (c.qkNopeHeadDim + c.qkRopeHeadDim),
    c.qLoraRank,
    'attention',
  ),
  /** Keys and values: one latent and one rotary key for all heads; only these are cached. */
  latentDown: matrix(`${at}.kv_a_proj_with_mqa`, c.kvLoraRank + c.qkRopeHeadDim, c.hiddenSize, 'attention'),
  latentDownBias: bias(`${at}.kv_a_proj_with_mqa`, c.kvLoraRank + c.qkRopeHeadDim, 'attention', c.attentionBias),
  latentNorm: norm(`${at}.kv_a_layernorm`, c.kvLoraRank),
  latentUp: matrix(`${at}.kv_b_proj`, c.numAttentionHeads * (c.qkNopeHeadDim + c.vHeadDim), c.kvLoraRank, 'attention'),
  output: matrix(`${at}.o_proj`, c.hiddenSize, c.numAttentionHeads * c.vHeadDim, 'attention'),
  outputBias: bias(`${at}.o_proj`, c.hiddenSize, 'attention', c.attentionBias),
})

const mlpWeights = (c: K1Config, at: string, width: number, component: 'denseMlp' | 'sharedExperts') => ({
  gate: matrix(`${at}.gate_proj`, width, c.hiddenSize, component),
  up: matrix(`${at}.up_proj`, width, c.hiddenSize, component),
  down: matrix(`${at}.down_proj`, c.hiddenSize, width, component),
})

const moeWeights = (c: K1Config, layer: string, at = `${layer}.mlp`) => ({
  router: matrix(`${at}.gate`, c.nRoutedExperts, c.hiddenSize, 'router'),
  correctionBias: correctionBias(`${at}.gate.e_score_correction_bias`, c.nRoutedExperts),
  gateUp: stackedExperts(
    `${at}.experts`,
    'gate_up_proj',
    ['gate_proj', 'up_proj'],
    [c.nRoutedExperts, c.moeIntermediateSize, c.hiddenSize],
  ),
  down: stackedExperts(
    `${at}.experts`,
    'down_proj',
    ['down_proj'],
    [c.nRoutedExperts, c.hiddenSize, c.moeIntermediateSize],
  ),
  shared: mlpWeights(c, `${at}.shared_experts`, c.nSharedExperts * c.moeIntermediateSize, 'sharedExperts'),
  outputNorm: norm(`${at}.post_mlp_layernorm`, c.hiddenSize, `${layer}.post_mlp_layernorm`),
})

const layerWeights = (c: K1Config, at: string, sparse: boolean) => ({
  attentionNorm: norm(`${at}.input_layernorm`, c.hiddenSize),
  attention: attentionWeights(c, `${at}.self_attn`),
  mlpNorm: norm(`${at}.post_attention_layernorm`, c.hiddenSize),
  mlp: sparse ? undefined : mlpWeights(c, `${at}.mlp`, c.intermediateSize, 'denseMlp'),
  moe: sparse ? moeWeights(c, at) : undefined,
})

/** Multi-token prediction: stored as one more layer after the last. */
const mtpWeights = (c: K1Config, at = `model.layers.${c.numHiddenLayers}`) => ({
  embeddingNorm: norm(`${at}.enorm`, c.hiddenSize),
  hiddenNorm: norm(`${at}.hnorm`, c.hiddenSize),
  merge: matrix(`${at}.eh_proj`, c.hiddenSize, 2 * c.hiddenSize, 'mtp'),
  layer: layerWeights(c, at, true),
  outputNorm: norm(`${at}.shared_head.norm`, c.hiddenSize),
})

const modelWeights = (c: K1Config) => ({
  embedding: matrix('model.embed_tokens', c.vocabSize, c.hiddenSize, 'embedding'),
  layers: c.mlpLayerTypes.map((type, i) => layerWeights(c, `model.layers.${i}`, type === 'sparse')),
  norm: norm('model.norm', c.hiddenSize),
  head: c.tieWordEmbeddings ? undefined : matrix('lm_head', c.vocabSize, c.hiddenSize, 'head'),
  mtp: c.numNextnPredictLayers > 0 ? mtpWeights(c) : undefined,
})

/** Every weight of the model, in order of the computation. */
export function k1Weights(config: K1Config): WeightSpec[] {
  const { mtp, ...rest } = modelWeights(config)
  const inModule = mtp ? flattenWeights(mtp).map(spec => ({ ...spec, component: 'mtp' as const })) : []
  return [...flattenWeights(rest), ...inModule]
}

type AttentionWeights = Bound<ReturnType<typeof attentionWeights>>
type MlpWeights = Bound<ReturnType<typeof mlpWeights>>
type MoeWeights = Bound<ReturnType<typeof moeWeights>>
type LayerWeights = Bound<ReturnType<typeof layerWeights>>
type ModelWeights = Bound<ReturnType<typeof modelWeights>>

/** Where the rows of a pass stand: whole sequences, or the newest tokens of one sequence whose past is in a cache, or of several. */
interface Place {
  readonly positions: Tensor
  readonly table: RotaryTable
  /** Of whole sequences where each begins and the last one ends, i32 [sequences + 1]. */
  readonly sequences: number | Tensor
  readonly cache?: CachedLayers
  /** The sequence that all rows go on with, if there is one. */
  readonly sequence?: SequenceCache | PagedSequence
  readonly balance?: Balancing
}

/** What the balance loss of each mixture of experts is made with, and where it goes. */
interface Balancing {
  readonly starts: Tensor
  /** Of each sequence, [sequences]. */
  readonly weights: Tensor
  readonly losses: Tensor[]
}

/* ------------------------------------------------------------------------------------------------------- model */

/** A.X K1 on a device. Tensors that its methods return are temporary: they live until the device's next `reset`. */
export class K1 implements LanguageModel {
  readonly config: K1Config
  readonly device: Device
  readonly parameters: ReadonlyMap<string, Tensor>
  readonly buffers: ReadonlyMap<string, Tensor>
  readonly head: Tensor
  private readonly weights: ModelWeights
  private readonly rope: RopeTable
  private readonly attentionScale: number
  /** How each mixture of experts was used in the last pass over whole sequences. */
  private readonly use = new Map<MoeWeights, ExpertUse>()

  /** `weights`: a tensor for every name of `k1Weights(config)`. */
  constructor(config: K1Config, device: Device, weights: ReadonlyMap<string, Tensor>) {
    this.config = config
    this.device = device
    this.weights = bindWeights(modelWeights(config), weights)
    this.head = this.weights.head ?? this.weights.embedding
    const named = (buffer: boolean) =>
      new Map(k1Weights(config).flatMap(s => (s.buffer === buffer ? [[s.name, weights.get(s.name)!] as const] : [])))
    this.parameters = named(false)
    this.buffers = named(true)
    this.rope = new RopeTable(device, config.ropeParameters, config.qkRopeHeadDim)
    this.attentionScale = (config.qkNopeHeadDim + config.qkRopeHeadDim) ** -0.5 * yarnTemperature(config)
    const layers = [...this.weights.layers, ...(this.weights.mtp ? [this.weights.mtp.layer] : [])]
    for (const { moe } of layers) if (moe) this.use.set(moe, unused(config))
  }

  hidden(ids: Int32Array, sequences: Sequences, record?: Tensor[]): Tensor {
    return this.finalHidden(ids, this.placeOf(sequenceStarts(this.config, ids, sequences)), record)
  }

  logits(hidden: Tensor): Tensor {
    return linear(hidden, this.head)
  }

  loss(ids: Int32Array, labels: Int32Array, sequences: Sequences, options: LossOptions = {}): Tensor {
    const { mtpWeight = 0, balanceWeight = 0, weight = 1 } = options
    const starts = sequenceStarts(this.config, ids, sequences)
    const place = this.placeOf(starts)
    const next = shiftLeft(labels, starts, 1, -100)
    const weights = labelShares(next, starts).map(share => weight * balanceWeight * share)
    const balance: Balancing = { starts: place.sequences, weights: reals(this.device, weights), losses: [] }
    const hidden = this.finalHidden(ids, balanceWeight > 0 ? { ...place, balance } : place)
    const losses = [linearCrossEntropy(hidden, this.head, integers(this.device, next), { weight }), ...balance.losses]
    if (this.weights.mtp && mtpWeight !== 0) {
      const afterNext = integers(this.device, shiftLeft(labels, starts, 2, -100))
      const further = this.mtpHidden(ids, hidden, starts)
      losses.push(linearCrossEntropy(further, this.head, afterNext, { weight: weight * mtpWeight }))
    }
    return losses.reduce(add)
  }

  createCache(capacity: number): SequenceCache {
    return new SequenceCache(this.device, this.config, capacity, [this.cachedWidth])
  }

  get cachedBytes(): number {
    return 4 * this.config.numHiddenLayers * this.cachedWidth
  }

  createPages(tokens: number): PagedCache {
    return new PagedCache(this.device, this.config, tokens, [this.cachedWidth])
  }

  createCaches(sequences: number, capacity: number): KvCaches {
    return new SequenceCaches(this.device, sequences, this.createCache(capacity))
  }

  step(tokens: ArrayLike<number>, cache: KvCache): Float32Array {
    const sequence = roomForMore(cache, tokens.length)
    checkTokens(this.config, tokens)
    if (tokens.length === 1 && sequence instanceof SequenceCache) return sequence.append(tokens[0]!, this.decode)
    return lastLogits(this.device, tokens, {
      append: ids => this.append(ids, sequence),
      logits: x => this.logits(this.normed(x)),
    })
  }

  stepHidden(tokens: ArrayLike<number>, cache: KvCache): Float32Array {
    const sequence = roomForMore(cache, tokens.length)
    checkTokens(this.config, tokens)
    return copied(this.device, () => this.normed(this.append(Int32Array.from(tokens), sequence)))
  }

  stepAll(tokens: ArrayLike<number>, caches: KvCaches | readonly KvCache[]): Float32Array {
    return appendToEach(this.config, tokens, caches, this.decode)
  }

  /**
   * The multi-token-prediction module: its output for each token t after the module's own norm, from which `logits`
   * predicts token t + 2. ids: [T]; hidden: [T, H], what `hidden` returned; returns [T, H]. The last row of each sequence is without meaning: there is no token t + 1.
   * DeepSeek-V3, section 2.2.
   */
  mtpHidden(ids: Int32Array, hidden: Tensor, sequences: Sequences): Tensor {
    const { mtp } = this.weights
    if (!mtp) throw new ModelError('option', 'this model has no multi-token-prediction module')
    const { rmsNormEps } = this.config
    const starts = sequenceStarts(this.config, ids, sequences)
    const next = embedding(this.weights.embedding, integers(this.device, shiftLeft(ids, starts, 1, 0)))
    const x = linear(
      concat(rmsNorm(next, mtp.embeddingNorm, rmsNormEps), rmsNorm(hidden, mtp.hiddenNorm, rmsNormEps)),
      mtp.merge,
    )
    return rmsNorm(this.layer(x, mtp.layer, this.placeOf(starts, 1), 0), mtp.outputNorm, rmsNormEps)
  }

  /** Whether the model has a multi-token-prediction module. */
  get hasMtp(): boolean {
    return this.weights.mtp !== undefined
  }

  /**
   * For each mixture of experts, in order: tokens that each expert got in the last pass over whole sequences; steps with a
   * cache do not count. The multi-token-prediction module's comes last: zeros if it took no part, else with one
   * meaningless token per sequence (see `mtpHidden`).
   */
  expertLoads(): Int32Array[] {
    return [...this.use.values()].map(({ loads }) => loads)
  }

  /**
   * How undecided each router was in the same pass, in the same order: the entropy in nats of a token's scores, on average
   * over tokens. ln(experts) where it finds all equal; 0 for a module that took no part.
   */
  routerEntropies(): number[] {
    return [...this.use.values()].map(({ entropy }) => entropy)
  }

  /** The routers' correction biases, [experts] each, in the order of `expertLoads`. Load balancing moves them. */
  get correctionBiases(): Tensor[] {
    return [...this.use.keys()].map(moe => moe.correctionBias)
  }

  /** Numbers that a layer caches of a token. */
  private get cachedWidth(): number {
    return this.config.kvLoraRank + this.config.qkRopeHeadDim
  }

  /** The output of all layers for whole sequences, after the last norm. */
  private finalHidden(ids: Int32Array, place: Place, record?: Tensor[]): Tensor {
    return this.normed(this.decoder(integers(this.device, ids), place, record))
  }

  /** Whole sequences, whose positions count from `from`. */
  private placeOf(starts: Int32Array, from = 0): Place & { sequences: Tensor } {
    return {
      positions: sequencePositions(this.device, starts, from),
      // One position more than the longest: the multi-token-prediction module looks one token further.
      table: this.rope.upTo(longestSequence(starts) + 1),
      sequences: integers(this.device, starts),
    }
  }

  /** The last norm. x: [T, H]; returns [T, H]. */
  private normed(x: Tensor): Tensor {
    return rmsNorm(x, this.weights.norm, this.config.rmsNormEps)
  }

  /** Appends tokens to a cached sequence. ids: [T]; returns the last layer's output [T, H]. */
  private append(ids: Int32Array, sequence: SequenceCache | PagedSequence): Tensor {
    const positions = sequencePositions(this.device, [0, ids.length], sequence.length)
    const table = this.rope.upTo(sequence.length + ids.length)
    const place = { positions, table, sequences: 1, cache: cachedLayers(sequence), sequence }
    const x = this.decoder(integers(this.device, ids), place)
    sequence.advance(ids.length)
    return x
  }

  /** One token of a cached sequence, or of each of several, recorded once and replayed for each (see `RecordedStep`). */
  private readonly decode: DecodingStep = (ids, positions, cache) => {
    const x = this.decoder(ids, { positions, table: this.rope.upTo(cache.capacity + 1), sequences: 1, cache })
    return this.logits(this.normed(x))
  }

  /** Embedding and all layers. ids: i32 [T]; returns [T, H]. */
  private decoder(ids: Tensor, place: Place, record?: Tensor[]): Tensor {
    if (!place.cache) for (const moe of this.use.keys()) this.use.set(moe, unused(this.config))
    let x = embedding(this.weights.embedding, ids)
    record?.push(x)
    for (const [i, weights] of this.weights.layers.entries()) {
      x = this.layer(x, weights, place, i)
      record?.push(x)
    }
    return x
  }

  /** One decoder layer. x: [T, H]; returns [T, H]. */
  private layer(x: Tensor, w: LayerWeights, place: Place, index: number): Tensor {
    const afterAttention = this.attention(x, w.attentionNorm, w.attention, place, index)
    const normed = rmsNorm(afterAttention, w.mlpNorm, this.config.rmsNormEps)
    return w.moe ? add(afterAttention, this.moe(normed, w.moe, place)) : mlp(normed, w.mlp!, afterAttention)
  }

  /**
   * x + multi-head latent attention of norm(x) (DeepSeek-V2, section 2.1). x: [T, H]; returns [T, H].
   * Keys and values of all heads come from one latent per token, so the cache holds only that and one rotary key.
   */
  private attention(x: Tensor, inputNorm: Tensor, w: AttentionWeights, place: Place, index: number): Tensor {
    const { numAttentionHeads: heads, kvLoraRank: rank, qkNopeHeadDim: keyDim, qkRopeHeadDim: ropeDim } = this.config
    const rows = x.shape[0]!
    const rotated = (y: Tensor, start: number) =>
      rotary(y, place.table, place.positions, { start, width: ropeDim, interleaved: this.config.ropeInterleave })

    const [queryLatent, keyLatent] = normLinear(x, inputNorm, this.config.rmsNormEps, [
      { weight: w.queryDown, bias: w.queryDownBias },
      { weight: w.latentDown, bias: w.latentDownBias },
    ]) as [Tensor, Tensor]
    const [queries] = normLinear(queryLatent, w.queryNorm, latentEps, [{ weight: w.queryUp }]) as [Tensor]
    const q = rotated(queries.reshape([rows, heads, keyDim + ropeDim]), keyDim)

    if (place.cache) {
      const attended = this.cachedAttention(q, keyLatent, w, place, place.cache, index)
      return linearAdd(attended, w.output, x, w.outputBias)
    }
    const [down, sharedKey] = split(keyLatent, rank)
    const latent = rmsNorm(down, w.latentNorm, latentEps)
    const ropeKey = rotated(sharedKey.reshape([rows, 1, ropeDim]), 0).reshape([rows, ropeDim])
    const attended = this.expandedAttention(q, latent, ropeKey, w, place.sequences)
    return linearAdd(attended, w.output, x, w.outputBias)
  }

  /** Keys and values of every head, then plain attention. q: [T, h, key + rope]; returns [T, h·value]. */
  private expandedAttention(
    q: Tensor,
    latent: Tensor,
    ropeKey: Tensor,
    w: AttentionWeights,
    sequences: number | Tensor,
  ): Tensor {
    const { numAttentionHeads: heads, qkNopeHeadDim: keyDim, vHeadDim: valueDim } = this.config
    const kv = linear(latent, w.latentUp).reshape([latent.shape[0]!, heads, keyDim + valueDim])
    const { k, v } = expandLatent(kv, ropeKey, keyDim)
    return attention(q, k, v, { sequences, scale: this.attentionScale })
  }

  /**
   * Attention over a cached sequence and the tokens that join it. q: [T, h, key + rope]; keyLatent: [T, rank + rope], not
   * yet normalised and rotated; returns [T, h·value]. Absorbed, the queries go into latent space and attention runs on the cache itself; expanded,
   * every key and value is projected first, and attention runs on the smaller heads. Whichever takes fewer
   * multiplications: for one token that is the absorbed form, however long its past is, for a prompt the expanded one.
   */
  private cachedAttention(
    q: Tensor,
    keyLatent: Tensor,
    w: AttentionWeights,
    place: Place,
    { layers, pages }: CachedLayers,
    index: number,
  ): Tensor {
    const cached = layers[index]![0]!
    const { kvLoraRank: rank, qkNopeHeadDim: keyDim, qkRopeHeadDim: ropeDim, vHeadDim: valueDim } = this.config
    const append = { eps: latentEps, interleaved: this.config.ropeInterleave }
    appendLatents(cached, keyLatent, w.latentNorm, place.table, place.positions, append, pages)
    const queries = q.shape[0]!
    if (queries > 1 && place.sequence) {
      const keys = place.sequence.length + queries
      const projection = rank * (keyDim + valueDim)
      const absorbedCost = queries * (projection + keys * (2 * rank + ropeDim))
      const expandedCost = keys * projection + queries * keys * (keyDim + ropeDim + valueDim)
      const past = () => split(pastRows(cached, place.sequence!, keys), rank)
      if (absorbedCost > expandedCost) return this.expandedAttention(q, ...past(), w, 1)
    }
    const heads = this.config.numAttentionHeads
    const options = { heads, keyDim, valueDim, scale: this.attentionScale }
    return latentAttention(q, cached, place.positions, w.latentUp, options, pages)
  }

  /** Routed and shared experts, and K1's norm on their sum. x: [T, H]; returns [T, H]. */
  private moe(x: Tensor, w: MoeWeights, place: Place): Tensor {
    const c = this.config
    const scores = linear(x, w.router)
    const routing = router(scores, w.correctionBias, {
      groups: c.nGroup,
      topkGroups: c.topkGroup,
      topk: c.numExpertsPerTok,
      normalise: c.normTopkProb,
      scale: c.routedScalingFactor,
    })
    const { balance } = place
    balance?.losses.push(balanceLoss(scores, routing, balance.starts, balance.weights))
    if (!place.cache) this.use.set(w, expertUse(scores, routing))
    return rmsNorm(experts(x, routing, w.gateUp, w.down, w.shared), w.outputNorm, c.rmsNormEps)
  }
}

/** Tokens that each expert got, and the mean entropy of the router's scores. */
interface ExpertUse {
  readonly loads: Int32Array
  readonly entropy: number
}

const unused = ({ nRoutedExperts }: K1Config): ExpertUse => ({ loads: new Int32Array(nRoutedExperts), entropy: 0 })

function expertUse(scores: Tensor, routing: Routing): ExpertUse {
  const entropies = scoreEntropies(scores).reals
  let sum = 0
  for (const entropy of entropies) sum += entropy
  return { loads: routing.groups().counts.integers.slice(), entropy: sum / entropies.length }
}

/** SwiGLU feed-forward (Shazeer 2020): residual + down · (silu(gate · x) * up · x). x, residual: [T, H]; returns [T, H]. */
const mlp = (x: Tensor, w: MlpWeights, residual: Tensor): Tensor =>
  linearAdd(swigluLinear(x, w.gate, w.up), w.down, residual)

/** With YaRN, scores are multiplied by mscale², because longer contexts need a lower temperature. */
function yarnTemperature({ ropeParameters: rope }: K1Config): number {
  return rope.type === 'yarn' && rope.mscaleAllDim ? yarnMscale(rope.factor, rope.mscaleAllDim) ** 2 : 1
}
