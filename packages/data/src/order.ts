import { Random } from '@modu/model/random'

/** Mixes whole numbers and strings into one 32-bit seed (FNV-1a over their text). */
export function mixSeed(...parts: readonly (number | string)[]): number {
  let hash = 0x811c9dc5
  for (const char of parts.join('\u0000')) {
    hash ^= char.codePointAt(0)!
    hash = Math.imul(hash, 0x01000193)
  }
  return hash >>> 0
}

/** Whether `key` belongs to the one in `every` that is held out for validation; depends on nothing but the key. */
export function isHeldOut(key: string, every: number): boolean {
  return new Random(mixSeed('held out', key)).integer(every) === 0
}

/** The numbers 0 … n-1 in a seeded random order (Fisher-Yates). */
export function permutation(n: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = random.integer(i + 1)
    const swapped = order[i]!
    order[i] = order[j]!
    order[j] = swapped
  }
  return order
}

/** One draw from a mixture: item `item` of source `source`, in that source's pass `epoch`. */
export interface Draw {
  readonly source: number
  readonly item: number
  readonly epoch: number
}

/**
 * The order in which a weighted mixture of sources is gone through, as an endless sequence that depends on the seed and
 * the weights only. At any time each source has had its share of the draws since the weights were last given to within
 * one (the one that lags most is next), and a source's items come without repetition, in a new random order each epoch.
 */
export class MixtureOrder {
  private readonly seed: number
  private readonly sizes: readonly number[]
  private readonly orders: (Uint32Array | undefined)[]
  /** Draws of each source since the beginning, and of each and all since the weights were given. */
  private readonly drawn: number[]
  private drawnByWeights!: number[]
  private total!: number
  private shares!: readonly number[]

  /** `weights` and `sizes` (items) by source; sources without items or weight are passed over. */
  constructor(seed: number, weights: readonly number[], sizes: readonly number[]) {
    this.seed = seed
    this.sizes = sizes
    this.drawn = sizes.map(() => 0)
    this.orders = sizes.map(() => undefined)
    this.reweigh(weights)
  }

  /** Draws by other weights from now on; each source goes on where it stands. */
  reweigh(weights: readonly number[]): void {
    const effective = weights.map((weight, s) => (this.sizes[s]! > 0 ? weight : 0))
    const sum = effective.reduce((a, b) => a + b, 0)
    this.shares = effective.map(weight => weight / sum)
    this.drawnByWeights = effective.map(() => 0)
    this.total = 0
  }

  next(): Draw {
    this.total++
    let source = 0
    let largest = Number.NEGATIVE_INFINITY
    for (let s = 0; s < this.shares.length; s++) {
      const lag = this.shares[s]! * this.total - this.drawnByWeights[s]!
      if (this.shares[s]! > 0 && lag > largest) {
        largest = lag
        source = s
      }
    }
    this.drawnByWeights[source]!++
    const count = this.drawn[source]!++
    const size = this.sizes[source]!
    const epoch = Math.floor(count / size)
    const place = count % size
    if (place === 0) this.orders[source] = permutation(size, new Random(mixSeed('epoch', this.seed, source, epoch)))
    return { source, item: this.orders[source]![place]!, epoch }
  }

  /** Goes past `n` draws, as when a run resumes. */
  skip(n: number): this {
    for (let i = 0; i < n; i++) this.next()
    return this
  }
}
