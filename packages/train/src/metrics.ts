import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { writeFileAtomic } from '@modu/model'
import type { StageName } from './recipe.ts'

/** One step of training, as a line of metrics.jsonl. */
export interface StepMetrics {
  readonly kind: 'step'
  readonly stage: StageName
  /** Over all stages, from 1. */
  readonly step: number
  /** Mean loss in nats of the step's counted tokens (with the multi-token-prediction loss, where it is used). */
  readonly loss: number
  readonly learningRate: number
  /** Before clipping. */
  readonly gradientNorm: number
  /** Tokens that went through the model in this step, and of them those with a label. */
  readonly tokens: number
  readonly countedTokens: number
  readonly tokensPerSecond: number
  /** Largest load of an expert over the mean, in the step: the worst and the average layer. 1 is perfect balance. */
  readonly worstExpertLoad: number
  readonly meanExpertLoad: number
  /** Training time until now, over all sittings. */
  readonly seconds: number
}

/** What held-out data says, as a line of metrics.jsonl. */
export interface ValidationMetrics {
  readonly kind: 'validation'
  readonly stage: StageName
  readonly step: number
  readonly bitsPerByte: Readonly<Record<string, number>>
}

export type Metrics = StepMetrics | ValidationMetrics

/** The lines of metrics.jsonl; a last line that a crash cut short is left out. */
export function readMetrics(path: string): Metrics[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap(line => {
      try {
        return line === '' ? [] : [JSON.parse(line) as Metrics]
      } catch {
        return []
      }
    })
}

export const appendMetrics = (path: string, metrics: Metrics): void =>
  appendFileSync(path, `${JSON.stringify(metrics)}\n`)

/** Keeps only what was measured up to `step`: steps after the last checkpoint are done, and measured, again. */
export function rewindMetrics(path: string, step: number): Metrics[] {
  const kept = readMetrics(path).filter(metrics => metrics.step <= step)
  writeFileAtomic(path, kept.map(metrics => `${JSON.stringify(metrics)}\n`).join(''))
  return kept
}
