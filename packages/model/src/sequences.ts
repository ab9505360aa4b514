import type { Device, Tensor } from '@modu/engine'
import type { ModelConfig } from './config.ts'
import { ModelError } from './errors.ts'

/** A temporary integer tensor with these elements. */
export function integers(device: Device, values: ArrayLike<number>): Tensor {
  const tensor = device.temporary([values.length], 'i32')
  tensor.data.set(values)
  return tensor
}

/** The length of each of `batch` equally long sequences in `ids`; errors for ids that cannot be run. */
export function sequenceLength(config: ModelConfig, ids: ArrayLike<number>, batch: number): number {
  const length = ids.length / batch
  if (!Number.isInteger(length) || length === 0)
    throw new ModelError('option', `${ids.length} tokens cannot be ${batch} sequences of equal length`)
  if (length > config.maxPositions)
    throw new ModelError(
      'context',
      `a sequence of ${length} tokens is longer than the model's context of ${config.maxPositions}; shorten it`,
    )
  checkTokens(config, ids)
  return length
}

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

/** Positions of `batch` sequences of `length` tokens, row by row, counted from `from`. */
export function sequencePositions(device: Device, length: number, batch: number, from = 0): Tensor {
  return integers(
    device,
    Int32Array.from({ length: length * batch }, (_, row) => from + (row % length)),
  )
}

/** Each sequence moved `by` tokens to the left; what comes in at its end is `filler`. */
export function shiftLeft(values: Int32Array, length: number, by: number, filler: number): Int32Array {
  return Int32Array.from(values, (_, row) => ((row % length) + by < length ? values[row + by]! : filler))
}

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
