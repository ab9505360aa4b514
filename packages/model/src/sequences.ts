import type { Device, Tensor } from '@modu/engine'
import type { ModelConfig } from './config.ts'
import { ModelError } from './errors.ts'

/** A temporary integer tensor with these elements. */
export const integers = (device: Device, values: ArrayLike<number>): Tensor => temporary(device, values, 'i32')

/** A temporary real tensor with these elements. */
export const reals = (device: Device, values: ArrayLike<number>): Tensor => temporary(device, values, 'f32')

function temporary(device: Device, values: ArrayLike<number>, dtype: 'i32' | 'f32'): Tensor {
  const tensor = device.temporary([values.length], dtype)
  tensor.data.set(values)
  return tensor
}

/**
 * Independent sequences that lie one after the other in `ids`: how many equally long ones, or where each begins and the
 * last one ends (sequences + 1 offsets), so that they may differ in length.
 */
export type Sequences = number | Int32Array

/** Where each sequence in `ids` begins and the last one ends; errors for ids that cannot be run. */
export function sequenceStarts(config: ModelConfig, ids: ArrayLike<number>, sequences: Sequences): Int32Array {
  const starts = typeof sequences === 'number' ? equalStarts(ids.length, sequences) : sequences
  const lengths = starts.subarray(1).map((end, s) => end - starts[s]!)
  if (ids.length === 0 || starts[0] !== 0 || starts.at(-1) !== ids.length || lengths.some(length => length < 0))
    throw new ModelError('option', `${ids.length} tokens cannot be sequences that begin at ${starts.join(', ')}`)
  const longest = longestSequence(starts)
  if (longest > config.maxPositions)
    throw new ModelError(
      'context',
      `a sequence of ${longest} tokens is longer than the model's context of ${config.maxPositions}; shorten it`,
    )
  checkTokens(config, ids)
  return starts
}

function equalStarts(tokens: number, sequences: number): Int32Array {
  if (!Number.isInteger(tokens / sequences))
    throw new ModelError('option', `${tokens} tokens cannot be ${sequences} sequences of equal length`)
  return Int32Array.from({ length: sequences + 1 }, (_, s) => (s * tokens) / sequences)
}

/** The length of the longest sequence. */
export const longestSequence = (starts: Int32Array): number =>
  starts.reduce((longest, start, s) => (s === 0 ? 0 : Math.max(longest, start - starts[s - 1]!)), 0)

/** A `token` error if an id is outside the vocabulary. */
export function checkTokens(config: ModelConfig, ids: ArrayLike<number>): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!
    if (!(id >= 0 && id < config.vocabSize))
      throw new ModelError(
        'token',
        `token ${id} is not in the vocabulary of ${config.vocabSize}; is this the model's own tokenizer?`,
      )
  }
}

/** The position of each token in its sequence, counted from `from`. */
export function sequencePositions(device: Device, starts: ArrayLike<number>, from = 0): Tensor {
  const positions = new Int32Array(starts[starts.length - 1]!)
  for (let s = 0; s + 1 < starts.length; s++)
    for (let row = starts[s]!; row < starts[s + 1]!; row++) positions[row] = from + row - starts[s]!
  return integers(device, positions)
}

/** Each sequence moved `by` tokens to the left; what comes in at its end is `filler`. */
export function shiftLeft(values: Int32Array, starts: Int32Array, by: number, filler: number): Int32Array {
  const shifted = new Int32Array(values.length).fill(filler)
  for (let s = 0; s + 1 < starts.length; s++)
    shifted.set(values.subarray(Math.min(starts[s]! + by, starts[s + 1]!), starts[s + 1]!), starts[s]!)
  return shifted
}

/** How many of the labels that count (−100 does not) are in each sequence, as a part of all; zeros if none counts. */
export function labelShares(labels: Int32Array, starts: Int32Array): Float64Array {
  const counts = Float64Array.from(starts.subarray(1), (end, s) => countOf(labels.subarray(starts[s]!, end)))
  const all = counts.reduce((sum, count) => sum + count, 0)
  return counts.map(count => count / Math.max(1, all))
}

const countOf = (labels: Int32Array): number => labels.reduce((count, label) => count + Number(label >= 0), 0)

/** Tokens that go through a model at once when a long prompt is read into a cache; bounds the memory it needs. */
const chunkLength = 512

/**
 * Appends tokens to a cached sequence, chunk by chunk, and returns a copy of the logits after the last, [vocabulary].
 * `append` runs a chunk of ids and returns the last layer's output [T, H]; `logits` maps one row of it to logits. Forgets
 * the device's temporaries after each chunk.
 */
export function lastLogits(
  device: Device,
  tokens: ArrayLike<number>,
  model: { append: (ids: Int32Array) => Tensor; logits: (x: Tensor) => Tensor },
): Float32Array {
  const ids = Int32Array.from(tokens)
  let logits = new Float32Array()
  for (let from = 0; from < ids.length; from += chunkLength) {
    const chunk = ids.subarray(from, from + chunkLength)
    try {
      const x = model.append(chunk)
      const isLast = from + chunk.length === ids.length
      if (isLast) logits = new Float32Array(model.logits(x.rows(chunk.length - 1, chunk.length)).reals)
    } finally {
      device.reset()
    }
  }
  return logits
}

/** A copy of what `compute` makes on the device, whose temporaries are then forgotten. */
export function copied(device: Device, compute: () => Tensor): Float32Array {
  try {
    return Float32Array.from(compute().reals)
  } finally {
    device.reset()
  }
}
