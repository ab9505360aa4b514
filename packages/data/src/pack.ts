import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { readJson, writeFileAtomic } from '@modu/model'
import { readCorpus } from './corpus.ts'
import { isHeldOut } from './order.ts'
import { type EncodedDocument, openShard, type Shard, type ShardSize, ShardWriter } from './shard.ts'
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
  /** The token sequences of a document: none if it cannot be encoded, several if it is to be seen in several ways. */
  readonly encode: (document: CorpusDocument) => readonly EncodedDocument[]
  readonly onSource?: (name: string, packed: PackedSource) => void
}

const heldOutTexts = 50
const heldOutConversations = 20

/** One text in 50 and one conversation in 20, by a hash of the text or the id, so that the choice never depends on the rest. */
export const isForValidation = (document: CorpusDocument): boolean =>
  'text' in document ? isHeldOut(document.text, heldOutTexts) : isHeldOut(document.id, heldOutConversations)

/**
 * Encodes the documents of all sources into shards on the disk, or opens those that are there. Documents keep the order
 * of the corpus and stream through: nothing of a source's size is held in memory. `MixtureOrder` draws the order of
 * windows and documents anew for each epoch, so none is needed here.
 */
export async function packCorpus(options: PackOptions): Promise<PackedCorpus> {
  const { sources, folder, vocabSize, key, onSource } = options
  const manifestFile = join(folder, 'manifest.json')
  const earlier = existsSync(manifestFile) ? (readJson(manifestFile) as Manifest) : undefined
  let packed = earlier?.key === key ? earlier.sources : undefined
  if (!packed) {
    // Never stands beside shards that are not its own, even if packing is stopped.
    rmSync(manifestFile, { force: true })
    const counts: Record<string, PackedSource> = {}
    for (const name of sources) counts[name] = await packSource(name, options)
    packed = counts
    writeFileAtomic(manifestFile, `${JSON.stringify({ key, sources: packed }, null, 2)}\n`)
  }
  for (const name of sources) onSource?.(name, packed[name]!)
  const open = (part: string, size: (source: PackedSource) => ShardSize) =>
    Object.fromEntries(
      sources.map(name => [name, openShard(folder, `${name}.${part}`, vocabSize, size(packed[name]!))]),
    )
  return {
    sources: packed,
    train: open('train', source => source),
    heldOut: open('held-out', source => ({ tokens: source.heldOutTokens, documents: source.heldOutDocuments })),
  }
}

async function packSource(name: string, { corpus, folder, vocabSize, encode }: PackOptions): Promise<PackedSource> {
  const train = new ShardWriter(folder, `${name}.train`, vocabSize)
  const heldOut = new ShardWriter(folder, `${name}.held-out`, vocabSize)
  try {
    for await (const document of readCorpus(corpus, name)) {
      const shard = isForValidation(document) ? heldOut : train
      for (const encoded of encode(document)) shard.add(encoded)
    }
    train.finish()
    heldOut.finish()
  } catch (error) {
    train.abandon()
    heldOut.abandon()
    throw error
  }
  return {
    tokens: train.tokens,
    documents: train.documents,
    heldOutTokens: heldOut.tokens,
    heldOutDocuments: heldOut.documents,
  }
}
