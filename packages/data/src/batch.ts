import { Random } from '@modu/model'
import { type Draw, mixSeed } from './order.ts'
import type { Shard } from './shard.ts'

/** What goes through the model at once. */
export interface MicroBatch {
  /** [rows · length] token ids, row by row. */
  readonly ids: Int32Array
  /** [rows · length]; −100 where nothing is to be predicted. Shifted inside the model: position t predicts labels[t + 1]. */
  readonly labels: Int32Array
  readonly rows: number
  readonly length: number
  /** How many labels count after the shift; what the loss is a mean over. */
  readonly counted: number
}

const ignored = -100

/** Labels that count once they are shifted: all but those of the first column. */
function countLabels(labels: Int32Array, length: number): number {
  let counted = 0
  for (let i = 0; i < labels.length; i++) if (i % length !== 0 && labels[i] !== ignored) counted++
  return counted
}

/** How many windows of `length` tokens a source is cut into for pre-training. */
export const windowCount = (shard: Shard, length: number): number => Math.ceil(shard.ids.length / length)

/**
 * A micro-batch of running text: one window of `length` tokens for each draw, from the source's documents one behind
 * the other (its end joins its beginning), every token a label. Each epoch cuts the windows at other places.
 */
export function windowBatch(shards: readonly Shard[], draws: readonly Draw[], length: number): MicroBatch {
  const ids = new Int32Array(draws.length * length)
  draws.forEach(({ source, item, epoch }, row) => {
    const tokens = shards[source]!.ids
    const offset = epoch === 0 ? 0 : new Random(mixSeed('offset', source, epoch)).integer(length)
    const start = item * length + offset
    for (let t = 0; t < length; t++) ids[row * length + t] = tokens[(start + t) % tokens.length]!
  })
  return { ids, labels: ids.slice(), rows: draws.length, length, counted: draws.length * (length - 1) }
}

/** A micro-batch costs about as much as this many tokens beside its tokens: weights and gradients are gone through once. */
const overheadTokens = 48

/**
 * Cuts rows, sorted from long to short, into groups, so that the padded tokens and the groups' overhead are fewest; no
 * group has more than `tokens` tokens, unless a single row has. `lengths`: padded length of each row. Returns the groups' ends.
 */
function cheapestGroups(lengths: readonly number[], tokens: number): number[] {
  const cost = [0]
  const begin = [0]
  for (let end = 1; end <= lengths.length; end++) {
    cost[end] = Number.POSITIVE_INFINITY
    for (let from = end - 1; from >= 0; from--) {
      const size = (end - from) * lengths[from]!
      if (size > tokens && end - from > 1) break
      const total = cost[from]! + size + overheadTokens
      if (total < cost[end]!) {
        cost[end] = total
        begin[end] = from
      }
    }
  }
  const ends: number[] = []
  for (let end = lengths.length; end > 0; end = begin[end]!) ends.unshift(end)
  return ends
}

/**
 * Micro-batches of whole documents, a row each, only their counted tokens as labels. Documents of similar length share
 * a micro-batch of at most `tokens` tokens, padded to the longest (a multiple of `multiple`): each starts at position 0
 * and sees nothing but itself, as in a chat, and sorting leaves little to pad, so neither masks between packed
 * conversations nor much wasted work is needed. `padding` is any id; no counted token sees it.
 */
export function documentBatches(
  shards: readonly Shard[],
  draws: readonly Draw[],
  tokens: number,
  padding: number,
  multiple = 8,
): MicroBatch[] {
  const rows = draws
    .map(({ source, item }) => {
      const { starts } = shards[source]!
      return { shard: shards[source]!, from: starts[item]!, to: starts[item + 1]! }
    })
    .sort((a, b) => b.to - b.from - (a.to - a.from))
  const lengths = rows.map(({ from, to }) => Math.ceil((to - from) / multiple) * multiple)
  let first = 0
  return cheapestGroups(lengths, tokens).map(end => {
    const group = rows.slice(first, end)
    const length = lengths[first]!
    first = end
    const ids = new Int32Array(group.length * length).fill(padding)
    const labels = new Int32Array(group.length * length).fill(ignored)
    group.forEach(({ shard, from, to }, row) => {
      for (let t = from; t < to; t++) {
        const place = row * length + t - from
        ids[place] = shard.ids[t]!
        if (shard.counted[t]) labels[place] = shard.ids[t]!
      }
    })
    return { ids, labels, rows: group.length, length, counted: countLabels(labels, length) }
  })
}
