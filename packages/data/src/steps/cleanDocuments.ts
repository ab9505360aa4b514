import { statSync } from 'node:fs'
import { normalise, squeezeRepeats, squeezeSpaces } from '../clean.ts'
import { DataError } from '../errors.ts'
import { dataFiles, records } from '../read/records.ts'
import { Contamination } from './contamination.ts'
import { evaluationTexts } from './evaluationTexts.ts'
import { ExactDuplicates } from './exactDuplicates.ts'
import { LineFile } from './lineFile.ts'
import { NearDuplicates } from './nearDuplicates.ts'
import { type PersonalKind, personalKinds } from './personal/rule.ts'
import { maskPersonalData } from './personalData.ts'

/** The steps in their order: cheap ones first, and duplicates found after masking, which makes form letters alike. */
export const cleaningSteps = ['form', 'personalData', 'exactDuplicates', 'nearDuplicates', 'contamination'] as const
export type CleaningStep = (typeof cleaningSteps)[number]

/** A document that a step changed or dropped: where it stands and the part that says why. */
export interface CleaningSample {
  readonly place: string
  readonly text: string
}

export interface StepReport {
  changed: number
  dropped: number
  /** The first few documents that the step touched. Personal data is masked in them, whatever the step. */
  readonly samples: CleaningSample[]
}

/** What became of the documents; bytes are those of their texts in UTF-8. */
interface EarlierReport {
  read: number
  kept: number
  bytesRead: number
  bytesKept: number
  /** Records without a field `text` that is a string, and where the first of them stand. */
  withoutText: number
  readonly withoutTextPlaces: string[]
  readonly steps: Readonly<Record<CleaningStep, StepReport>>
  readonly personalData: Partial<Record<PersonalKind, number>>
}

export interface CleaningOptions {
  /** Data files or folders, read in order; of duplicates the first stays. */
  readonly inputs: readonly string[]
  /** The `.jsonl` file of documents kept. */
  readonly out: string
  /** Evaluation files of which nothing may remain in the documents. */
  readonly against: readonly string[]
  /** How far the inputs have been read, in bytes as they lie on the disk. */
  onProgress?(bytes: number, totalBytes: number): void
}

const samplesKept = 5
const sampleLength = 160

/** A document after a step: its text, or the part of it for which it goes (all of it, if nothing else is to blame). */
type Outcome = { readonly text: string } | { readonly dropped: string }
type Step = (text: string) => Outcome

function steps(personalData: EarlierReport['personalData'], contamination: Contamination): Record<CleaningStep, Step> {
  const exact = new ExactDuplicates()
  const near = new NearDuplicates()
  return {
    form(text) {
      const formed = squeezeSpaces(squeezeRepeats(normalise(text)))
      return formed === '' ? { dropped: text } : { text: formed }
    },
    personalData(text) {
      const masked = maskPersonalData(text)
      for (const kind of personalKinds) {
        const count = masked.counts[kind]
        if (count) personalData[kind] = (personalData[kind] ?? 0) + count
      }
      return masked
    },
    exactDuplicates: text => (exact.isDuplicate(text) ? { dropped: text } : { text }),
    nearDuplicates: text => (near.isDuplicate(text) ? { dropped: text } : { text }),
    contamination(text) {
      const found = contamination.find(text)
      return found === undefined ? { text } : { dropped: found }
    },
  }
}

/** What of a touched text shows best why: the surroundings of its first mask, else its beginning. */
function excerpt(text: string): string {
  const masked = maskPersonalData(text).text
  const mask = masked.search(maskPattern)
  const from = Math.max(0, mask - sampleLength / 2)
  const part = masked.slice(from, from + sampleLength).replaceAll('\n', ' ')
  return `${from > 0 ? '…' : ''}${part}${from + sampleLength < masked.length ? '…' : ''}`
}

const maskPattern = new RegExp(`\\[(?:${personalKinds.join('|')})\\]`)

function emptyReport(): EarlierReport {
  const steps = Object.fromEntries(cleaningSteps.map(step => [step, { changed: 0, dropped: 0, samples: [] }]))
  return {
    read: 0,
    kept: 0,
    bytesRead: 0,
    bytesKept: 0,
    withoutText: 0,
    withoutTextPlaces: [],
    steps: steps as unknown as EarlierReport['steps'],
    personalData: {},
  }
}

/**
 * Takes documents (records with a `text`) through all steps, one at a time, and writes those that are left to
 * `options.out` with their other fields as they were. Memory grows with the number of documents, by some 450 bytes
 * each, not with their length. Errors: those of `records`, for inputs and evaluation files; `empty` if no record has a
 * text.
 */
export async function cleanDocuments(options: CleaningOptions): Promise<EarlierReport> {
  const report = emptyReport()
  const contamination = new Contamination()
  for (const path of options.against) for await (const text of evaluationTexts(path)) contamination.add(text)
  const apply = steps(report.personalData, contamination)

  /** The text after all steps, or undefined if one drops it. */
  const clean = (text: string, place: string): string | undefined => {
    let now = text
    for (const name of cleaningSteps) {
      const step = report.steps[name]
      const outcome = apply[name](now)
      const dropped = 'dropped' in outcome
      if (!dropped && outcome.text === now) continue
      if (step.samples.length < samplesKept) {
        step.samples.push({ place, text: excerpt(dropped ? outcome.dropped : outcome.text) })
      }
      if (dropped) {
        step.dropped++
        return undefined
      }
      step.changed++
      now = outcome.text
    }
    return now
  }

  const files = options.inputs.flatMap(input => [...dataFiles(input)])
  const totalBytes = files.reduce((sum, file) => sum + statSync(file).size, 0)
  let bytes = 0
  const onBytes = (more: number) => {
    bytes += more
    options.onProgress?.(bytes, totalBytes)
  }
  const out = new LineFile(options.out)
  try {
    for (const input of options.inputs) {
      for await (const { place, record } of records(input, onBytes)) {
        report.read++
        if (typeof record?.text !== 'string') {
          report.withoutText++
          if (report.withoutTextPlaces.length < samplesKept) report.withoutTextPlaces.push(place)
          continue
        }
        report.bytesRead += Buffer.byteLength(record.text)
        const text = clean(record.text, place)
        if (text !== undefined) {
          report.kept++
          report.bytesKept += Buffer.byteLength(text)
          out.add(JSON.stringify({ ...record, text }))
        }
      }
    }
    if (report.withoutText === report.read) {
      throw new DataError(
        'empty',
        `none of the ${report.read} records of ${options.inputs.join(', ')} has a field "text" of text: name other files, or rename the field`,
      )
    }
    out.finish()
  } catch (error) {
    out.abandon()
    throw error
  }
  return report
}
