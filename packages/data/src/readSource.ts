import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { type CleanedBatch, type CleanedRecord, proseOf, type RecordBatch } from './cleanRecord.ts'
import { makeConversations } from './make/make.ts'
import type { OnBytes, PlacedRecord } from './read/record.ts'
import { records } from './read/records.ts'
import { type CorpusDocument, type Filter, type Source, type SourceReport, sourcePath } from './source.ts'
import type { Fingerprints } from './steps/fingerprints.ts'

/** A place without the data folder before it. */
const shortPlace = (place: string, directory: string): string => {
  const inside = join(resolve(directory), '/')
  return place.startsWith(inside) ? place.slice(inside.length) : place
}

/** Reviews of one movie join to texts of about this many characters. */
const joinedReviewCharacters = 400

/** Remembers a document, by 64 bits of a hash of its text or messages; false if the same was there. */
function addNew(seen: Fingerprints, document: CorpusDocument): boolean {
  const identity = 'text' in document ? document.text : JSON.stringify(document.messages)
  const digest = createHash('sha256').update(identity).digest()
  return seen.add(digest.readUInt32LE(0), digest.readUInt32LE(4))
}

/** Exercises for training, all with their reasoning: encoding makes both modes of each. */
function* exercises({ kinds = [], count = 0 }: Source, report: SourceReport): Generator<CorpusDocument> {
  for (const { conversation } of makeConversations({ kinds, count, seed: 0, split: 'train', thinking: 'on' })) {
    const { length } = proseOf(conversation)
    report.read++
    report.charactersRead += length
    report.kept++
    report.charactersKept += length
    report.documents++
    yield conversation
  }
}

/** What the sources of a corpus share. */
export interface CorpusCleaning {
  /** Documents met so far. */
  readonly seen: Fingerprints
  /** Cleans a batch of records, here or on another thread. */
  clean(batch: RecordBatch): CleanedBatch | Promise<CleanedBatch>
  /** So many batches are read ahead of the one whose answer is awaited. */
  readonly batchesAhead: number
  /** Told of each record that a filter drops: where it stands, what people read in it, and the part that is to blame. */
  onDropped?(filter: Filter, place: string, prose: string, part?: string): void
}

const recordsOfBatch = 64

interface PlacedCleaned {
  readonly place: string
  readonly cleaned: CleanedRecord | undefined
}

/** The records of a file cleaned, in their order. */
async function* cleanedRecords(
  placed: AsyncGenerator<PlacedRecord>,
  cleaning: CorpusCleaning,
  source: Source,
  file: string,
): AsyncGenerator<PlacedCleaned> {
  const asked: { batch: readonly PlacedRecord[]; answer: CleanedBatch | Promise<CleanedBatch> }[] = []
  let batch: PlacedRecord[] = []
  const ask = () => {
    asked.push({ batch, answer: cleaning.clean({ source, file, records: batch.map(({ record }) => record) }) })
    batch = []
  }
  const next = async (): Promise<PlacedCleaned[]> => {
    const { batch, answer } = asked.shift()!
    const cleaned = await answer
    return batch.map(({ place }, i) => ({ place, cleaned: cleaned[i] }))
  }
  for await (const each of placed) {
    batch.push(each)
    if (batch.length < recordsOfBatch) continue
    ask()
    if (asked.length > cleaning.batchesAhead) yield* await next()
  }
  if (batch.length > 0) ask()
  while (asked.length > 0) yield* await next()
}

/**
 * Reads, cleans and filters one source. `report` is counted up while reading, and `onBytes` told how far it is. Documents
 * come in the order of the files, and do not depend on where records are cleaned.
 */
export async function* readSource(
  source: Source,
  directory: string,
  cleaning: CorpusCleaning,
  report: SourceReport,
  onBytes?: OnBytes,
): AsyncGenerator<CorpusDocument> {
  /** Counts a cleaned record, or why it goes. */
  const keep = ({ document, ...cleaned }: CleanedRecord, place: string): boolean => {
    const prose = proseOf(document)
    const filter = cleaned.filter ?? (addNew(cleaning.seen, document) ? undefined : 'duplicate')
    if (filter === undefined) {
      report.kept++
      report.charactersKept += prose.length
      return true
    }
    report[filter]++
    cleaning.onDropped?.(filter, shortPlace(place, directory), prose, cleaned.part)
    return false
  }

  if (source.format === 'exercises') yield* exercises(source, report)
  for (const file of source.files) {
    let kept = 0
    let joined = ''
    let joinedGroup: string | undefined
    const placed = records(sourcePath(file, directory), onBytes)
    for await (const { place, cleaned } of cleanedRecords(placed, cleaning, source, file)) {
      report.read++
      if (!cleaned) {
        report.corrupt++
        if (report.corruptLines.length < 5) report.corruptLines.push(shortPlace(place, directory))
        continue
      }
      const { document, group } = cleaned
      report.charactersRead += cleaned.charactersRead
      report.personal += cleaned.personal
      if (keep(cleaned, place)) {
        kept++
        if (group === undefined || !('text' in document)) {
          report.documents++
          yield document
        } else {
          if (joined && (group !== joinedGroup || joined.length + document.text.length > joinedReviewCharacters)) {
            report.documents++
            yield { text: joined }
            joined = ''
          }
          joinedGroup = group
          joined = joined ? `${joined}\n${document.text}` : document.text
        }
      }
      if (source.limit !== undefined && kept >= source.limit) break
    }
    if (joined) {
      report.documents++
      yield { text: joined }
    }
  }
}
