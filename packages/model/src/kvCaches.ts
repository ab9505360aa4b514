import type { Device, Tensor } from '@modu/engine'
import { ModelError } from './errors.ts'
import { type DecodingStep, SequenceCache } from './kvCache.ts'
import type { KvCache, KvCaches } from './languageModel.ts'
import { RecordedStep } from './recordedStep.ts'

/** Operations on so many rows are made for decoding: they sort nothing on the way, so they can be recorded. */
const mostSequences = 8

/** Several sequences side by side that go on by a token each in one pass: weights are read once for all of them. */
export class SequenceCaches implements KvCaches {
  readonly sequences: number
  readonly capacity: number
  /** layers[i][j]: the j-th tensor of layer i, [sequences, capacity, width]. */
  readonly layers: readonly (readonly Tensor[])[]
  private readonly device: Device
  private readonly lengths: number[]
  private step: RecordedStep | undefined

  /** `model`: a cache of one sequence for as many tokens, which says what layers need. It is released. */
  constructor(device: Device, sequences: number, model: SequenceCache) {
    if (!(Number.isInteger(sequences) && sequences >= 1 && sequences <= mostSequences))
      throw new ModelError('option', `caches are for 1 to ${mostSequences} sequences, not ${sequences}`)
    this.device = device
    this.sequences = sequences
    this.capacity = model.capacity
    this.lengths = new Array<number>(sequences).fill(0)
    // One place more: there a token of a sequence that rests goes.
    this.layers = model.layers.map(tensors =>
      tensors.map(({ shape }) => device.persistent([sequences, model.capacity + 1, shape[1]!])),
    )
    model.release()
  }

  fill(sequence: number, cache: KvCache): void {
    if (!(cache instanceof SequenceCache)) throw new ModelError('option', 'give a cache that createCache has made')
    if (cache.length > this.capacity)
      throw new ModelError('context', `${cache.length} tokens do not fit into caches for ${this.capacity}`)
    for (const [i, tensors] of this.layers.entries())
      for (const [j, tensor] of tensors.entries()) {
        const [, places, width] = tensor.shape as [number, number, number]
        const past = cache.layers[i]![j]!.reals.subarray(0, cache.length * width)
        tensor.reals.set(past, sequence * places * width)
      }
    this.lengths[sequence] = cache.length
  }

  /** Appends a token to each sequence whose token is not negative; `forward` as in `SequenceCache.append`. */
  append(tokens: ArrayLike<number>, forward: DecodingStep): Float32Array {
    this.step ??= new RecordedStep(this.device, this.sequences, (ids, positions) => forward(ids, positions, this))
    for (let s = 0; s < this.sequences; s++) this.step.tokens[s] = Math.max(0, tokens[s]!)
    this.step.positions.set(this.lengths)
    const logits = this.step.run()
    for (let s = 0; s < this.sequences; s++) if (tokens[s]! >= 0) this.lengths[s]!++
    return logits
  }

  /** Whether each sequence that gets a token has room for it. */
  hasRoomFor(tokens: ArrayLike<number>): boolean {
    return this.lengths.every((length, s) => tokens[s]! < 0 || length < this.capacity)
  }

  release(): void {
    this.step?.release()
    this.step = undefined
    for (const tensor of this.layers.flat()) this.device.release(tensor)
  }
}

/** The caches, if each of `tokens` fits; else a `context` error. */
export function roomForEach(caches: KvCaches, tokens: ArrayLike<number>): SequenceCaches {
  if (!(caches instanceof SequenceCaches)) throw new ModelError('option', 'give caches that createCaches has made')
  if (tokens.length !== caches.sequences)
    throw new ModelError('option', `${tokens.length} tokens are not one for each of ${caches.sequences} sequences`)
  if (!caches.hasRoomFor(tokens))
    throw new ModelError('context', `a sequence has its ${caches.capacity} tokens already; shorten the text`)
  return caches
}
