import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { writeFileAtomic } from '@modu/model'
import type { StageName } from './recipe.ts'
import type { StageValidation } from './stage.ts'

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
  /** Entropy in nats of a router's scores for a token, a mean over tokens and layers: ln(experts) where it is undecided. Absent without experts. */
  readonly routerEntropy?: number
  /** Experts without a token in this step, over all layers. Absent without experts. */
  readonly deadExperts?: number
  /** Tokens of each expert of each layer; in every tenth step. */
  readonly loads?: readonly (readonly number[])[]
  /** Training time until now, over all sittings. */
  readonly seconds: number
  /** What only this stage measures, by name, such as the mean reward of reinforcement. */
  readonly measures?: Readonly<Record<string, number>>
}

/** What held-out data says, as a line of metrics.jsonl. */
export interface ValidationMetrics extends StageValidation {
  readonly kind: 'validation'
  readonly stage: StageName
  readonly step: number
}

export type Metrics = StepMetrics | ValidationMetrics

/** The lines of a JSON-lines file; a last line that a crash cut short is left out. */
function readLines<T>(path: string): T[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap(line => {
      try {
        return line === '' ? [] : [JSON.parse(line) as T]
      } catch {
        return []
      }
    })
}

export const readMetrics = (path: string): Metrics[] => readLines(path)

export const appendLine = (path: string, value: object): void => appendFileSync(path, `${JSON.stringify(value)}\n`)

/** Keeps only the lines up to `step`, and returns them: what came after the last checkpoint is done, and written, again. */
export function rewindLines<T extends { readonly step: number }>(path: string, step: number): T[] {
  const kept = readLines<T>(path).filter(line => line.step <= step)
  writeFileAtomic(path, kept.map(line => `${JSON.stringify(line)}\n`).join(''))
  return kept
}
