import {
  appendRows,
  attention,
  cachedAttention,
  type Device,
  embedding,
  linear,
  linearAdd,
  linearCrossEntropy,
  normLinear,
  type RotaryTable,
  rmsNorm,
  rotary,
  swigluLinear,
  type Tensor,
} from '@modu/engine'
import { appendToEach } from './appendToEach.ts'
import type { DenseConfig } from './config.ts'
import { type CachedLayers, type DecodingStep, SequenceCache } from './kvCache.ts'
import { SequenceCaches } from './kvCaches.ts'
import type { KvCache, KvCaches, LanguageModel } from './languageModel.ts'
import { cachedLayers, PagedCache, type PagedSequence, pastRows, roomForMore } from './pagedCache.ts'
import { RopeTable } from './ropeTable.ts'
import {
  checkTokens,
  copied,
  integers,
  lastLogits,
  longestSequence,
  type Sequences,
  sequencePositions,
  sequenceStarts,
  shiftLeft,
} from './sequences.ts'
import { type Bound, bias, bindWeights, flattenWeights, matrix, norm, type WeightSpec } from './weights.ts'

/*
 * The dense family: Llama (Touvron et al. 2023) and Qwen3 (2025), which also normalises each head's queries and keys.
 *
 *   tokens ─ embedding ─ x
 *   each layer:  x += attention(norm(x))
 *                x += down · (silu(gate · x̂) * up · x̂)     x̂ = norm(x)
 *   logits = head · norm(x)
 *
 * Shapes in this file: T rows, the tokens of all sequences one after the other; H hidden size; h heads in g groups
 * that share a key and a value; d numbers a head.
 */

/* ---------------------------------------------------------------------------------------------------- weights */

const attentionWeights = (c: DenseConfig, at: string) => {
  const projection = (name: string, outputs: number, inputs: number) => ({
    weight: matrix(`${at}.${name}`, outputs, inputs, 'attention'),
    bias: bias(`${at}.${name}`, outputs, 'attention', c.attentionBias),
  })
  const hasHeadNorm = c.modelType === 'qwen3'
  return {
    query: projection('q_proj', c.numAttentionHeads * c.headDim, c.hiddenSize),
    key: projection('k_proj', c.numKeyValueHeads * c.headDim, c.hiddenSize),
    value: projection('v_proj', c.numKeyValueHeads * c.headDim, c.hiddenSize),
    queryNorm: hasHeadNorm ? norm(`${at}.q_norm`, c.headDim) : undefined,
    keyNorm: hasHeadNorm ? norm(`${at}.k_norm`, c.headDim) : undefined,
    output: projection('o_proj', c.hiddenSize, c.numAttentionHeads * c.headDim),
  }
}

const mlpWeights = (c: DenseConfig, at: string) => {
  const projection = (name: string, outputs: number, inputs: number) => ({
    weight: matrix(`${at}.${name}`, outputs, inputs, 'denseMlp'),
    bias: bias(`${at}.${name}`, outputs, 'denseMlp', c.mlpBias),
  })
  return {
    gate: projection('gate_proj', c.intermediateSize, c.hiddenSize),
    up: projection('up_proj', c.intermediateSize, c.hiddenSize),
    down: projection('down_proj', c.hiddenSize, c.intermediateSize),
  }
}

const layerWeights = (c: DenseConfig, at: string) => ({
  attentionNorm: norm(`${at}.input_layernorm`, c.hiddenSize),
  attention: attentionWeights(c, `${at}.self_attn`),
  mlpNorm: norm(`${at}.post_attention_layernorm`, c.hiddenSize),
  mlp: mlpWeights(c, `${at}.mlp`),
})

const modelWeights = (c: DenseConfig) => ({
  embedding: matrix('model.embed_tokens', c.vocabSize, c.hiddenSize, 'embedding'),
  layers: Array.from({ length: c.numHiddenLayers }, (_, i) => layerWeights(c, `model.layers.${i}`)),
  norm: norm('model.norm', c.hiddenSize),
  head: c.tieWordEmbeddings ? undefined : matrix('lm_head', c.vocabSize, c.hiddenSize, 'head'),
})

/** Every weight of the model, in order of the computation. */
export const denseWeights = (config: DenseConfig): WeightSpec[] => flattenWeights(modelWeights(config))

type AttentionWeights = Bound<ReturnType<typeof attentionWeights>>
type MlpWeights = Bound<ReturnType<typeof mlpWeights>>
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
}

/* ------------------------------------------------------------------------------------------------------- model */

/** Llama or Qwen3 on a device. Tensors that its methods return live until the device's next `reset`. */
export class Dense implements LanguageModel {
  readonly config: DenseConfig
  readonly device: Device
  readonly parameters: ReadonlyMap<string, Tensor>
  readonly buffers: ReadonlyMap<string, Tensor> = new Map()
  readonly head: Tensor
  private readonly weights: ModelWeights
  private readonly rope: RopeTable

  /** `weights`: a tensor for every name of `denseWeights(config)`. */
  constructor(config: DenseConfig, device: Device, weights: ReadonlyMap<string, Tensor>) {
    this.config = config
    this.device = device
    this.weights = bindWeights(modelWeights(config), weights)
    this.head = this.weights.head ?? this.weights.embedding
    this.parameters = new Map(denseWeights(config).map(({ name }) => [name, weights.get(name)!]))
    this.rope = new RopeTable(device, config.ropeParameters, config.headDim)
  }

  hidden(ids: Int32Array, sequences: Sequences, record?: Tensor[]): Tensor {
    const { device } = this
    const starts = sequenceStarts(this.config, ids, sequences)
    const place = {
      positions: sequencePositions(device, starts),
      table: this.rope.upTo(longestSequence(starts)),
      sequences: integers(device, starts),
    }
    return this.normed(this.decoder(integers(device, ids), place, record))
  }

  logits(hidden: Tensor): Tensor {
    return linear(hidden, this.head)
  }

  loss(ids: Int32Array, labels: Int32Array, sequences: Sequences, { weight = 1 } = {}): Tensor {
    const starts = sequenceStarts(this.config, ids, sequences)
    const next = integers(this.device, shiftLeft(labels, starts, 1, -100))
    return linearCrossEntropy(this.hidden(ids, starts), this.head, next, { weight })
  }

  createCache(capacity: number): SequenceCache {
    return new SequenceCache(this.device, this.config, capacity, this.cachedWidths)
  }

  get cachedBytes(): number {
    return 4 * this.config.numHiddenLayers * this.cachedWidths.reduce((sum, width) => sum + width)
  }

  createPages(tokens: number): PagedCache {
    return new PagedCache(this.device, this.config, tokens, this.cachedWidths)
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

  /** Numbers that a layer caches of a token: keys and values. */
  private get cachedWidths(): number[] {
    const width = this.config.numKeyValueHeads * this.config.headDim
    return [width, width]
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
    return mlp(rmsNorm(afterAttention, w.mlpNorm, this.config.rmsNormEps), w.mlp, afterAttention)
  }

  /** x + grouped-query attention of norm(x) (Ainslie et al. 2023). x: [T, H]; returns [T, H]. */
  private attention(x: Tensor, inputNorm: Tensor, w: AttentionWeights, place: Place, index: number): Tensor {
    const { numAttentionHeads: heads, numKeyValueHeads: groups, headDim: dim, rmsNormEps } = this.config
    const rows = x.shape[0]!
    const rotated = (y: Tensor, gain: Tensor | undefined) =>
      rotary(gain ? rmsNorm(y, gain, rmsNormEps) : y, place.table, place.positions, {
        start: 0,
        width: dim,
        interleaved: false,
      })
    const projections = [w.query, w.key, w.value]
    const [queries, keys, values] = normLinear(x, inputNorm, rmsNormEps, projections) as [Tensor, Tensor, Tensor]
    const q = rotated(queries.reshape([rows, heads, dim]), w.queryNorm)
    const k = rotated(keys.reshape([rows, groups, dim]), w.keyNorm)
    const v = values.reshape([rows, groups, dim])
    const attended = place.cache
      ? this.cachedAttention(q, k, v, place, place.cache, index)
      : attention(q, k, v, { sequences: place.sequences, scale: dim ** -0.5 })
    return linearAdd(attended, w.output.weight, x, w.output.bias)
  }

  /** Attention over a cached sequence and the tokens that join it. q: [T, h, d]; k, v: [T, g, d]; returns [T, h·d]. */
  private cachedAttention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    { positions, sequence }: Place,
    { layers, pages }: CachedLayers,
    layer: number,
  ): Tensor {
    const [keys, values] = layers[layer] as [Tensor, Tensor]
    const [rows, groups, dim] = k.shape as [number, number, number]
    const scale = dim ** -0.5
    appendRows(keys, k.reshape([rows, groups * dim]), positions, pages)
    appendRows(values, v.reshape([rows, groups * dim]), positions, pages)
    if (rows === 1 || !sequence) return cachedAttention(q, keys, values, positions, { groups, scale }, pages)
    const length = sequence.length + rows
    const past = [keys, values].map(tensor => pastRows(tensor, sequence, length).reshape([length, groups, dim]))
    return attention(q, past[0]!, past[1]!, { sequences: 1, scale })
  }
}

/** residual + SwiGLU feed-forward of x (Shazeer 2020). x, residual: [T, H]; returns [T, H]. */
const mlp = (x: Tensor, { gate, up, down }: MlpWeights, residual: Tensor): Tensor =>
  linearAdd(swigluLinear(x, gate.weight, up.weight, gate.bias, up.bias), down.weight, residual, down.bias)
