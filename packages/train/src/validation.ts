import type { MicroBatch } from '@modu/data'
import type { LanguageModel, Tokenizer } from '@modu/model'

/** UTF-8 bytes that each token stands for; control tokens stand for none. */
export function tokenBytes(tokenizer: Tokenizer): Uint16Array {
  return Uint16Array.from({ length: tokenizer.vocabularySize }, (_, id) =>
    tokenizer.isControl(id) ? 0 : tokenizer.tokenBytes(id).length,
  )
}

/** Bytes of the text that a micro-batch's labels spell. */
function labelBytes({ labels }: MicroBatch, bytes: Uint16Array): number {
  let sum = 0
  for (const label of labels) if (label >= 0) sum += bytes[label]!
  return sum
}

/**
 * Held-out loss by source in bits per byte of text: unlike nats per token it can be compared between tokenizers.
 * Σ nats / ln 2 / Σ bytes, over all tokens that count.
 */
export function validate(
  model: LanguageModel,
  heldOut: Readonly<Record<string, readonly MicroBatch[]>>,
  bytes: Uint16Array,
): Record<string, number> {
  const bitsPerByte = (batches: readonly MicroBatch[]): number => {
    let nats = 0
    let total = 0
    for (const batch of batches) {
      nats += model.loss(batch.ids, batch.labels, batch.starts).reals[0]! * batch.counted
      total += labelBytes(batch, bytes)
      model.device.reset()
    }
    return nats / Math.LN2 / Math.max(1, total)
  }
  return Object.fromEntries(Object.entries(heldOut).map(([name, batches]) => [name, bitsPerByte(batches)]))
}
