import { FirstDocuments } from './firstDocuments.ts'
import { bands, similarity, threshold } from './nearDuplicates.ts'
import type { PrintsFile } from './prints.ts'

/** So many documents are in the table at once, which then takes 200 MB. */
const documentsAtOnce = 2 ** 23

/** Told of a document that duplicates an earlier one; both are numbers through all shards, from 0. */
export type OnDuplicate = (document: number, original: number) => void

/** What `Duplicates` says of a document. */
export const fates = { kept: 0, exact: 1, near: 2 } as const
type Dropped = typeof fates.exact | typeof fates.near

/**
 * Finds duplicates among the documents of all shards, in their order: of documents alike the first stays. Nothing but
 * a byte for each document and the table of `atOnce` documents is in memory: the keys are read again for each part of
 * them that fits it.
 */
export class Duplicates {
  /** One of `fates`, by document. */
  readonly fate: Uint8Array
  private readonly shards: readonly PrintsFile[]
  private readonly starts: readonly number[]
  private readonly parts: number

  constructor(shards: readonly PrintsFile[], atOnce = documentsAtOnce) {
    this.shards = shards
    let total = 0
    this.starts = shards.map(({ count }) => {
      total += count
      return total - count
    })
    this.fate = new Uint8Array(total)
    this.parts = Math.ceil(total / atOnce)
  }

  /** Drops documents with the fingerprint of an earlier one. */
  dropExact(onDuplicate: OnDuplicate): void {
    const same = () => true
    this.drop(fates.exact, shard => shard.fingerprints(), same, onDuplicate)
  }

  /**
   * Drops documents that share a band with an earlier one and whose signatures agree. The earlier one may be dropped
   * itself for another with which it shares a later band: of a chain of near duplicates, too, the first stays.
   */
  dropNear(onDuplicate: OnDuplicate): void {
    const alike = (a: number, b: number) => similarity(this.signature(a), this.signature(b)) >= threshold
    for (let band = 0; band < bands; band++) this.drop(fates.near, shard => shard.band(band), alike, onDuplicate)
  }

  /** Drops documents that have a key (two words) of an earlier one and are alike. */
  private drop(
    fate: Dropped,
    keysOf: (shard: PrintsFile) => Uint32Array,
    alike: (document: number, original: number) => boolean,
    onDuplicate: OnDuplicate,
  ): void {
    for (let part = 0; part < this.parts; part++) {
      const first = new FirstDocuments(this.fate.length / this.parts + 100)
      for (const [number, shard] of this.shards.entries()) {
        const keys = keysOf(shard)
        for (let i = 0; i < shard.count; i++) {
          const document = this.starts[number]! + i
          const [high, low] = [keys[2 * i]!, keys[2 * i + 1]!]
          if (this.fate[document] !== fates.kept || low % this.parts !== part) continue
          const original = first.firstWith(high, low, document)
          if (original === undefined || !alike(document, original)) continue
          this.fate[document] = fate
          onDuplicate(document, original)
        }
      }
    }
  }

  private signature(document: number): Uint16Array {
    const shard = this.shardOf(document)
    return this.shards[shard]!.signature(document - this.starts[shard]!)
  }

  /** The shard that holds a document, by halving. */
  private shardOf(document: number): number {
    let low = 0
    let high = this.starts.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (this.starts[middle]! <= document) low = middle
      else high = middle - 1
    }
    return low
  }
}
