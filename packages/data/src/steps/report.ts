/** The steps of cleaning in their order. Those of a single document come first, duplicates among all of them last. */
export const cleaningSteps = [
  'unicode',
  'markup',
  'boilerplate',
  'spacing',
  'language',
  'quality',
  'words',
  'personalData',
  'contamination',
  'exactDuplicates',
  'nearDuplicates',
] as const
export type CleaningStep = (typeof cleaningSteps)[number]

/** How often what was met, by its kind. */
export type Tally = Record<string, number>

/** Adds the counts of `more` to `total`. */
export function addTally(total: Tally, more: Tally = {}): void {
  for (const [kind, count] of Object.entries(more)) total[kind] = (total[kind] ?? 0) + count
}

/** A document that a step changed or dropped. Personal data is masked in all its texts. */
export interface CleaningSample {
  /** `FILE:N`: line, item or row N of the file, from 1. */
  readonly place: string
  readonly outcome: 'changed' | 'dropped'
  /** Why: one of the keys of the step's `reasons` (dropped) or `found` (changed). */
  readonly reason: string
  /** The part of the document that shows why: as it stood when it was dropped, or after the change. */
  readonly text: string
  /** The same part before the change; left out where it would show what was masked. */
  readonly before?: string
  /** Of duplicates: the earlier document that stays. */
  readonly original?: { readonly place: string; readonly text: string }
}

/** A document that is kept: where it stood, and its beginning, in which personal data is masked. */
export interface KeptSample {
  readonly place: string
  readonly text: string
}

/** What a step did with the documents that came to it. */
export interface StepReport {
  readonly name: CleaningStep
  documents: number
  characters: number
  /** Documents that went on with another text, and how many characters shorter they became in all (longer: negative). */
  changed: number
  charactersRemoved: number
  /** Documents that went no further, and their characters as they came in. */
  dropped: number
  charactersDropped: number
  /** Documents dropped, by reason. */
  readonly reasons: Tally
  /**
   * What the step met, by kind, whether it changed, dropped or kept the document: boilerplate in lines, language in letters
   * by script and in foreign lines, words by class, personal data by kind; of other steps in documents.
   */
  readonly found: Tally
  /** At most five changed and five dropped documents, drawn by the seed. */
  readonly samples: CleaningSample[]
}

/** Documents of a file. */
export interface DocumentCounts {
  documents: number
  characters: number
  /** Entry k counts the documents of 2ᵏ to 2ᵏ⁺¹ − 1 characters; entry 0 has the empty ones too. */
  readonly lengths: number[]
}

/** What came from one data file, and what is left of it. */
export interface FileReport {
  readonly path: string
  /** Bytes as it lies on the disk. */
  readonly bytes: number
  records: number
  /** Records without a field `text` that is a string. */
  withoutText: number
  readonly read: DocumentCounts
  readonly kept: DocumentCounts
}

/** What `modu data clean` did; `--report` writes it as JSON. Characters are UTF-16 units. */
export interface CleaningReport {
  readonly version: 1
  readonly files: readonly FileReport[]
  /** Sums over all files. */
  readonly total: Omit<FileReport, 'path'>
  /** Where the first records without a text stand. */
  readonly withoutTextPlaces: readonly string[]
  /** In order; steps that were skipped are left out, and `contamination` where there are no evaluation files. */
  readonly steps: readonly StepReport[]
  /** At most five of the documents kept, drawn by the seed. */
  readonly samples: readonly KeptSample[]
}

export const emptyCounts = (): DocumentCounts => ({ documents: 0, characters: 0, lengths: [] })

/** Counts a document of so many characters. */
export function addDocument(counts: DocumentCounts, characters: number): void {
  counts.documents++
  counts.characters += characters
  const bin = 31 - Math.clz32(Math.max(1, characters))
  while (counts.lengths.length <= bin) counts.lengths.push(0)
  counts.lengths[bin]!++
}

export function addCounts(total: DocumentCounts, more: DocumentCounts): void {
  total.documents += more.documents
  total.characters += more.characters
  while (total.lengths.length < more.lengths.length) total.lengths.push(0)
  for (const [bin, count] of more.lengths.entries()) total.lengths[bin]! += count
}

export const emptyStep = (name: CleaningStep): StepReport => ({
  name,
  documents: 0,
  characters: 0,
  changed: 0,
  charactersRemoved: 0,
  dropped: 0,
  charactersDropped: 0,
  reasons: {},
  found: {},
  samples: [],
})

/** Adds the counts of a step in a part of the documents; samples are drawn anew. */
export function addStep(total: StepReport, more: StepReport): void {
  total.documents += more.documents
  total.characters += more.characters
  total.changed += more.changed
  total.charactersRemoved += more.charactersRemoved
  total.dropped += more.dropped
  total.charactersDropped += more.charactersDropped
  addTally(total.reasons, more.reasons)
  addTally(total.found, more.found)
}
