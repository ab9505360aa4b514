import type { ChatModel } from '@modu/model'
import type { Estimate } from './bootstrap.ts'

/** What is measured; the texts that people read are in `words.ts`. */
export type Metric =
  | 'bitsPerByte'
  | 'nliAccuracy'
  | 'nliCalibrated'
  | 'stsPearson'
  | 'stsSpearman'
  | 'repetition'
  | 'foreignLetters'
  | 'ended'
  | 'exercisesDirect'
  | 'exercisesThinking'
  | 'thinkingGain'
  | 'toolRight'
  | 'jsonValid'
  | 'modeObeyed'
  | 'refused'
  | 'careful'
  | 'refusedOrdinary'

/** What a reader must know of how a figure came about. */
export type Note = 'joinedReviews' | 'assistantOnly'

/** What a figure is held against: one of those named in `words.ts`, or another model by its name. */
export interface Baseline {
  readonly name: string
  readonly value: number
}

/** One figure of the report, with its 95 % bootstrap interval over the items. */
export interface Result extends Estimate {
  readonly metric: Metric
  /** The name of the data. */
  readonly source: string
  /** Documents, rows or answers that were measured. */
  readonly items: number
  readonly baselines: readonly Baseline[]
  readonly note?: Note
}

/** A measurement whose data has been read and found in order. */
export type Measurement = (chat: ChatModel) => readonly Result[]

/** Told after each item. */
export interface EvalProgress {
  readonly source: string
  readonly done: number
  readonly total: number
}

/** What every measurement is given. */
export interface EvalOptions {
  /** At most so many items of each file, chosen evenly by the seed; 0 for all. */
  readonly limit: number
  readonly seed: number
  readonly onProgress?: (progress: EvalProgress) => void
}

/** Runs `measure` on each item, telling of the progress in between. */
export function measureEach<T, R>(
  source: string,
  items: readonly T[],
  { onProgress }: EvalOptions,
  measure: (item: T) => R,
): R[] {
  return items.map((item, i) => {
    const result = measure(item)
    onProgress?.({ source, done: i + 1, total: items.length })
    return result
  })
}
