import type { MicroBatch, PackedCorpus, Shard } from '@modu/data'
import { TrainError } from '../errors.ts'
import type { TrainingData } from '../trainingData.ts'

/** All tokens of a corpus one behind the other, and the corpus as seen from there. */
export interface TokenStream {
  /** The sources' shards in the order of the stream. */
  readonly shards: readonly Shard[]
  /** The same corpus with every token's place in the stream instead of the token. */
  readonly places: PackedCorpus
}

/** Where a segment ends has 32 bits. */
const mostTokens = 2 ** 32 - 1

/**
 * Puts the training documents of all sources, then their held-out documents, one behind the other. A `recipe` error for
 * more tokens than a plan can name.
 */
export function tokenStream(corpus: PackedCorpus): TokenStream {
  const shards: Shard[] = []
  let length = 0
  const placesOf = (part: Readonly<Record<string, Shard>>) =>
    Object.fromEntries(
      Object.entries(part).map(([name, shard]) => {
        const first = length
        shards.push(shard)
        length += shard.tokens
        return [name, placesFrom(shard, first)]
      }),
    )
  const places = { sources: corpus.sources, train: placesOf(corpus.train), heldOut: placesOf(corpus.heldOut) }
  if (length > mostTokens) {
    throw new TrainError(
      'recipe',
      `--engine pytorch takes at most ${mostTokens} tokens, not ${length}: use fewer sources`,
    )
  }
  return { shards, places }
}

/** The shard with the numbers from `first` on instead of its tokens. */
const placesFrom = (shard: Shard, first: number): Shard => ({
  tokens: shard.tokens,
  documents: shard.documents,
  start: document => shard.start(document),
  ids: (from, to) => Uint32Array.from({ length: to - from }, (_, i) => first + from + i),
  counted: (from, to) => shard.counted(from, to),
})

/** What a stage learns, step by step, as segments of the token stream. */
export interface Plan {
  /** [segments, 2]: from and to of each segment, those of the steps in order, then the held-out ones. */
  readonly segments: Uint32Array
  /** Step s learns the segments `steps[s] … steps[s + 1])`. */
  readonly steps: Uint32Array
  /** Source → its held-out segments, from and to. */
  readonly heldOut: Readonly<Record<string, readonly [number, number]>>
}

/**
 * Writes down what a stage of `steps` steps would learn. `data` must be made from the `places` of a token stream: the
 * micro-batches, made by the very code that makes those of the native engine, then say where their tokens stand.
 */
export function planOf(data: TrainingData, steps: number, tokensPerSource: number): Plan {
  const segments: number[] = []
  const append = (batches: readonly MicroBatch[]): number => {
    for (const batch of batches) {
      // As in training: what teaches nothing is passed over.
      if (batch.counted > 0) for (const [from, to] of segmentsOf(batch)) segments.push(from, to)
    }
    return segments.length / 2
  }
  const ends = new Uint32Array(steps + 1)
  for (let step = 0; step < steps; step++) ends[step + 1] = append(data.next())
  const heldOut = Object.entries(data.heldOut(tokensPerSource)).map(([name, batches]) => {
    const begin = segments.length / 2
    return [name, [begin, append(batches)]] as const
  })
  return { segments: Uint32Array.from(segments), steps: ends, heldOut: Object.fromEntries(heldOut) }
}

/** The sequences of a micro-batch of places, as segments of the stream. */
const segmentsOf = ({ ids, starts }: MicroBatch): [from: number, to: number][] =>
  Array.from({ length: starts.length - 1 }, (_, s) => {
    // A micro-batch has them with a sign.
    const from = ids[starts[s]!]! >>> 0
    return [from, from + starts[s + 1]! - starts[s]!]
  })
