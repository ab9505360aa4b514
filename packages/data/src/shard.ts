import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DataError } from './errors.ts'
import { NumberFile, NumberFileWriter, type NumberType } from './numberFile.ts'

/** Encoded documents of one source, one behind the other, however many: what is asked for is read from the disk. */
export interface Shard {
  readonly tokens: number
  readonly documents: number
  /** The token that document `document` begins with; `tokens` for the one behind the last. */
  start(document: number): number
  /** [to − from] ids of the tokens from … to). */
  ids(from: number, to: number): ArrayLike<number>
  /** [to − from] 1 where the token is to be predicted when fine-tuning (the assistant's), else 0. */
  counted(from: number, to: number): ArrayLike<number>
}

/** An encoded document before it goes into a shard. */
export interface EncodedDocument {
  readonly ids: readonly number[]
  readonly counted: readonly boolean[]
}

/** Token ids take 16 bits where the vocabulary allows it. */
const idType = (vocabSize: number): NumberType => (vocabSize <= 65536 ? Uint16Array : Uint32Array)

/**
 * Writes documents one behind the other as they come, into three files: NAME.ids, NAME.counted (a byte a token) and
 * NAME.starts (64-bit floating point, one more than documents: exact beyond any disk). Errors: those of `AtomicFile`.
 */
export class ShardWriter {
  tokens = 0
  documents = 0
  private readonly ids: NumberFileWriter
  private readonly counted: NumberFileWriter
  private readonly starts: NumberFileWriter

  constructor(folder: string, name: string, vocabSize: number) {
    this.ids = new NumberFileWriter(join(folder, `${name}.ids`), idType(vocabSize))
    this.counted = new NumberFileWriter(join(folder, `${name}.counted`), Uint8Array)
    this.starts = new NumberFileWriter(join(folder, `${name}.starts`), Float64Array)
    this.starts.add(0)
  }

  add({ ids, counted }: EncodedDocument): void {
    for (const id of ids) this.ids.add(id)
    for (const counts of counted) this.counted.add(Number(counts))
    this.tokens += ids.length
    this.documents++
    this.starts.add(this.tokens)
  }

  /** Syncs the files and gives them their names. */
  finish(): void {
    for (const file of [this.ids, this.counted, this.starts]) file.finish()
  }

  /** Leaves nothing behind. */
  abandon(): void {
    for (const file of [this.ids, this.counted, this.starts]) file.abandon()
  }
}

/** What a shard is known to hold. */
export type ShardSize = Pick<Shard, 'tokens' | 'documents'>

/** What a `ShardWriter` wrote. A `format` error if the files are not of that size. */
export function openShard(folder: string, name: string, vocabSize: number, { tokens, documents }: ShardSize): Shard {
  const path = (part: string) => join(folder, `${name}.${part}`)
  // Earlier versions wrote starts of 32 bits; their runs go on.
  const narrow = statSync(path('starts')).size === 4 * (documents + 1)
  const ids = new NumberFile(path('ids'), idType(vocabSize))
  const counted = new NumberFile(path('counted'), Uint8Array)
  const starts = new NumberFile(path('starts'), narrow ? Uint32Array : Float64Array)
  const fits = ids.length === tokens && counted.length === tokens && starts.length === documents + 1
  if (!fits || starts.at(documents) !== tokens) {
    throw new DataError(
      'format',
      `the shard ${join(folder, name)} is damaged: delete the folder ${folder} and run again`,
    )
  }
  return {
    tokens,
    documents,
    start: document => starts.at(document),
    ids: (from, to) => ids.read(from, to),
    counted: (from, to) => counted.read(from, to),
  }
}

/** The numbers of the documents of at most `most` tokens. */
export function* documentsUpTo(shard: Shard, most: number): Generator<number> {
  let from = 0
  for (let document = 0; document < shard.documents; document++) {
    const to = shard.start(document + 1)
    if (to - from <= most) yield document
    from = to
  }
}
