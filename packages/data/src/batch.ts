import { Random } from '@modu/model'
import { type Draw, mixSeed } from './order.ts'
import type { Shard } from './shard.ts'

/** What goes through the model at once: sequences of differing lengths, one behind the other, without padding. */
export interface MicroBatch {
  /** [tokens] token ids. */
  readonly ids: Int32Array
  /**
   * [tokens]; −100 where nothing is to be predicted, as nothing predicts the first token of a sequence. Shifted inside the
   * model: position t predicts labels[t + 1].
   */
  readonly labels: Int32Array
  /** [sequences + 1]: sequence s is `ids[starts[s] … starts[s + 1])`. It starts at position 0 and sees nothing of the others. */
  readonly starts: Int32Array
  /** How many labels count; what the loss is a mean over. */
  readonly counted: number
}

const ignored = -100

/** A stretch of a document. */
interface Span {
  readonly shard: Shard
  readonly from: number
  readonly to: number
}

/** Spans as sequences. Labels are all tokens that have one before them, or with `every` false those that count. */
function batchOf(spans: readonly Span[], every: boolean): MicroBatch {
  const starts = new Int32Array(spans.length + 1)
  for (const [s, { from, to }] of spans.entries()) starts[s + 1] = starts[s]! + to - from
  const ids = new Int32Array(starts.at(-1)!)
  const labels = new Int32Array(ids.length).fill(ignored)
  let counted = 0
  for (const [s, { shard, from, to }] of spans.entries()) {
    const begin = starts[s]!
    ids.set(shard.ids(from, to), begin)
    const counts = every ? undefined : shard.counted(from, to)
    for (let t = 1; t < to - from; t++) {
      if (counts && counts[t] !== 1) continue
      labels[begin + t] = ids[begin + t]!
      counted++
    }
  }
  return { ids, labels, starts, counted }
}

/** How many windows of `length` tokens a source is cut into for pre-training. */
export const windowCount = (shard: Shard, length: number): number => Math.ceil(shard.tokens / length)

/**
 * A micro-batch of running text: one window of `length` tokens for each draw, from the source's documents one behind
 * the other (its end joins its beginning), cut into sequences where documents begin. Every token is a label, but for the
 * first of each sequence. Each epoch cuts the windows at other places.
 */
export function windowBatch(shards: readonly Shard[], draws: readonly Draw[], length: number): MicroBatch {
  const spans = draws.flatMap(({ source, item, epoch }) => {
    const offset = epoch === 0 ? 0 : new Random(mixSeed('offset', source, epoch)).integer(length)
    return windowSpans(shards[source]!, item * length + offset, length)
  })
  return batchOf(spans, true)
}

/** The parts of documents in the `length` tokens from `start` on. */
function windowSpans(shard: Shard, start: number, length: number): Span[] {
  const spans: Span[] = []
  let from = start % shard.tokens
  let document = documentAt(shard, from)
  for (let left = length; left > 0; ) {
    const to = Math.min(shard.start(document + 1), from + left)
    if (to > from) spans.push({ shard, from, to })
    left -= to - from
    document = (document + 1) % shard.documents
    from = shard.start(document)
  }
  return spans
}

/** The document that token `t` belongs to. */
function documentAt(shard: Shard, t: number): number {
  let [from, to] = [0, shard.documents]
  while (to - from > 1) {
    const middle = Math.floor((from + to) / 2)
    if (shard.start(middle) <= t) from = middle
    else to = middle
  }
  return from
}

/**
 * Micro-batches of whole documents, only their counted tokens as labels, in the order of the draws. A micro-batch has at
 * most `tokens` tokens, unless a single document has more.
 */
export function documentBatches(shards: readonly Shard[], draws: readonly Draw[], tokens: number): MicroBatch[] {
  const groups: Span[][] = []
  let room = 0
  for (const { source, item } of draws) {
    const shard = shards[source]!
    const [from, to] = [shard.start(item), shard.start(item + 1)]
    if (groups.length === 0 || to - from > room) {
      groups.push([])
      room = tokens
    }
    groups.at(-1)!.push({ shard, from, to })
    room -= to - from
  }
  return groups.map(spans => batchOf(spans, false))
}
