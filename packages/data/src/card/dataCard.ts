import type { DataReport } from '../report/dataReport.ts'
import type { Field } from './shape.ts'

/** What is known of where a source comes from. */
export interface Origin {
  /** An SPDX identifier or expression where there is one. */
  readonly license: string
  readonly creator?: string
  readonly url?: string
  readonly description?: string
  /** The files it was made from, as a recipe names them. */
  readonly madeFrom?: readonly string[]
  /** Whether it was made by rules rather than written by people. */
  readonly synthetic?: boolean
}

export interface CardFile {
  /** Relative to the folder of the card. */
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

/** Files of the same kind and fields. */
export interface CardSource {
  readonly name: string
  readonly origin: Origin
  readonly files: readonly CardFile[]
  readonly records: number
  readonly characters: number
  /** The part of the letters that are Hangul, 0 to 1. */
  readonly hangul: number
  /** Entry k counts the records of 2ᵏ to 2ᵏ⁺¹ − 1 characters. */
  readonly lengths: readonly number[]
  readonly fields: readonly Field[]
}

/** All that a data card says. */
export interface DataCard {
  readonly name: string
  readonly description?: string
  readonly creators: readonly string[]
  readonly url?: string
  readonly date: Date
  readonly sources: readonly CardSource[]
  /** What cleaning did, where that is known, and by which command it was done. */
  readonly cleaning?: { readonly report: DataReport; readonly command: 'modu data clean' | 'modu train' }
}
