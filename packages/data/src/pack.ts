import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Random, readJson, writeFileAtomic } from '@modu/model'
import { readCorpus } from './corpus.ts'
import { isHeldOut, mixSeed, permutation } from './order.ts'
import { buildShard, documentCount, type EncodedDocument, readShard, type Shard, writeShard } from './shard.ts'
import type { CorpusDocument } from './source.ts'

/** How many encoded documents and tokens a source has, to train on and held out. */
export interface PackedSource {
  readonly tokens: number
  readonly documents: number
  readonly heldOutTokens: number
  readonly heldOutDocuments: number
}

interface Manifest {
  readonly key: string
  readonly sources: Readonly<Record<string, PackedSource>>
}

/** Encoded data by source: what is trained on, and what only validation sees. */
export interface PackedCorpus {
  readonly sources: Readonly<Record<string, PackedSource>>
  readonly train: Readonly<Record<string, Shard>>
  readonly heldOut: Readonly<Record<string, Shard>>
}

export interface PackOptions {
  /** The folder of `cleanCorpus`, and the sources to take from it. */
  readonly corpus: string
  readonly sources: readonly string[]
  /** Where the shards go. */
  readonly folder: string
  readonly vocabSize: number
  /** Names everything the result depends on; shards with the same key are used again. */
  readonly key: string
  readonly seed: number
  /** The token sequences of a document: none if it cannot be encoded, several if it is to be seen in several ways. */
  readonly encode: (document: CorpusDocument) => readonly EncodedDocument[]
  readonly onSource?: (name: string, packed: PackedSource) => void
}

const heldOutTexts = 50
const heldOutConversations = 20

/** One text in 50 and one conversation in 20, by a hash of the text or the id, so that the choice never depends on the rest. */
export const isForValidation = (document: CorpusDocument): boolean =>
  'text' in document ? isHeldOut(document.text, heldOutTexts) : isHeldOut(document.id, heldOutConversations)

/** Encodes the documents of all sources, in a seeded random order, into shards, or reads those that are there. */
export async function packCorpus(options: PackOptions): Promise<PackedCorpus> {
  const { corpus, sources, folder, vocabSize, key, seed, encode, onSource } = options
  const manifestFile = join(folder, 'manifest.json')
  const earlier = existsSync(manifestFile) ? (readJson(manifestFile) as Manifest) : undefined
  let packed = earlier?.key === key ? earlier.sources : undefined
  if (!packed) {
    const counts: Record<string, PackedSource> = {}
    for (const name of sources) {
      const train: EncodedDocument[] = []
      const heldOut: EncodedDocument[] = []
      for await (const document of readCorpus(corpus, name)) {
        ;(isForValidation(document) ? heldOut : train).push(...encode(document))
      }
      const order = permutation(train.length, new Random(mixSeed('documents', seed, name)))
      const trainShard = buildShard(
        Array.from(order, i => train[i]!),
        vocabSize,
      )
      const heldOutShard = buildShard(heldOut, vocabSize)
      writeShard(folder, `${name}.train`, trainShard)
      writeShard(folder, `${name}.held-out`, heldOutShard)
      counts[name] = {
        tokens: trainShard.ids.length,
        documents: documentCount(trainShard),
        heldOutTokens: heldOutShard.ids.length,
        heldOutDocuments: documentCount(heldOutShard),
      }
    }
    packed = counts
    writeFileAtomic(manifestFile, `${JSON.stringify({ key, sources: packed }, null, 2)}\n`)
  }
  for (const name of sources) onSource?.(name, packed[name]!)
  const read = (part: string) =>
    Object.fromEntries(sources.map(name => [name, readShard(folder, `${name}.${part}`, vocabSize)]))
  return { sources: packed, train: read('train'), heldOut: read('held-out') }
}
