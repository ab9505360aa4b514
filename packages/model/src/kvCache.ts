import type { Device, Tensor } from '@modu/engine'
import type { ModelConfig } from './config.ts'
import { ModelError } from './errors.ts'
import type { KvCache } from './languageModel.ts'
import { RecordedStep } from './recordedStep.ts'

/** Where a pass finds what is cached of its sequences. */
export interface CachedLayers {
  /** layers[i][j]: the j-th tensor of layer i. */
  readonly layers: readonly (readonly Tensor[])[]
  /** Tokens that a sequence has room for. */
  readonly capacity: number
  /** Of a cache in pages those of each sequence, i32 [sequences, most pages of one]. */
  readonly pages?: Tensor
}

/** The pass of one token of a cached sequence, or of each of several. ids, positions: i32 [sequences]; returns the logits [sequences, vocabulary]. */
export type DecodingStep = (ids: Tensor, positions: Tensor, cache: CachedLayers) => Tensor

/** Per layer one or more tensors [capacity, width] whose first `length` rows are the tokens so far. */
export class SequenceCache implements KvCache {
  readonly capacity: number
  /** layers[i][j]: the j-th tensor of layer i. */
  readonly layers: readonly (readonly Tensor[])[]
  private readonly device: Device
  private step: RecordedStep | undefined
  private tokens = 0

  /** `widths`: numbers a token takes in each tensor of a layer. A `context` error for more tokens than the model takes. */
  constructor(device: Device, config: ModelConfig, capacity: number, widths: readonly number[]) {
    const { maxPositions, numHiddenLayers: layers } = config
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new ModelError('option', `a cache for ${capacity} tokens cannot be made`)
    if (capacity > maxPositions)
      throw new ModelError('context', `${capacity} tokens are more than the model's context of ${maxPositions}`)
    this.device = device
    this.capacity = capacity
    this.layers = Array.from({ length: layers }, () => widths.map(width => device.persistent([capacity, width])))
  }

  get length(): number {
    return this.tokens
  }

  /** Counts `count` more tokens, whose rows have been written. */
  advance(count: number): void {
    this.tokens += count
  }

  truncate(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.tokens)
      throw new ModelError('option', `cannot keep ${length} of the ${this.tokens} tokens in the cache`)
    this.tokens = length
  }

  /**
   * Appends one token by a recorded step, made of `forward` the first time: it maps ids and positions, i32 [1] each, to
   * logits [1, vocabulary]. Returns the logits, which the next call writes over.
   */
  append(token: number, forward: DecodingStep): Float32Array {
    if (!this.step) this.step = new RecordedStep(this.device, 1, (ids, positions) => forward(ids, positions, this))
    this.step.tokens[0] = token
    this.step.positions[0] = this.tokens
    const logits = this.step.run()
    this.tokens++
    return logits
  }

  release(): void {
    this.step?.release()
    this.step = undefined
    for (const tensor of this.layers.flat()) this.device.release(tensor)
  }
}

/** The cache, if `count` more tokens fit into it; else a `context` error. */
export function roomFor(cache: KvCache, count: number): SequenceCache {
  if (!(cache instanceof SequenceCache)) throw new ModelError('option', 'give a cache that createCache has made')
  if (count === 0) throw new ModelError('option', 'a step needs at least one token')
  if (cache.length + count > cache.capacity)
    throw new ModelError(
      'context',
      `${count} more tokens do not fit: the cache holds ${cache.length} of at most ${cache.capacity}; shorten the text`,
    )
  return cache
}
