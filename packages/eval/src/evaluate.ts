import { basename } from 'node:path'
import type { ChatModel } from '@modu/model'
import { bitsPerByte } from './bitsPerByte.ts'
import { exercises } from './exercises.ts'
import { type Answer, builtInPrompts, generation } from './generation.ts'
import { inference } from './inference.ts'
import { readLines } from './readRows.ts'
import type { EvalOptions, Result } from './result.ts'
import { similarity } from './similarity.ts'

/** What is to be measured. */
export interface EvalPlan {
  /** Files of texts, for bits per byte. */
  readonly texts: readonly { readonly name: string; readonly path: string }[]
  /** Files of premise, hypothesis and label. */
  readonly nli: readonly string[]
  /** Files of two sentences and a score. */
  readonly sts: readonly string[]
  /** So many made exercises of each kind, in both modes; none if absent. */
  readonly exercises?: number
  /** A file of prompts, one a line; `built-in` for our own; nothing is generated if absent. */
  readonly prompts?: string
}

/** All figures about one model, as `--json` prints them. */
export interface EvalReport {
  readonly model: string
  readonly seed: number
  readonly limit: number
  readonly results: readonly Result[]
  /** What the model answered to the prompts. */
  readonly answers: readonly Answer[]
}

/**
 * Measures a model. The same seed gives the same report on the same device. All files are read before anything is
 * measured. Errors: those of `readRows`.
 */
export async function evaluate(chat: ChatModel, plan: EvalPlan, options: EvalOptions): Promise<EvalReport> {
  const measurements = await Promise.all([
    ...plan.texts.map(({ name, path }) => bitsPerByte(name, path, options)),
    ...plan.nli.map(path => inference(dataName(path), path, options)),
    ...plan.sts.map(path => similarity(dataName(path), path, options)),
  ])
  const prompts = plan.prompts === undefined ? undefined : await promptsOf(plan.prompts)

  const results: Result[] = measurements.flatMap(measure => measure(chat))
  if (plan.exercises !== undefined) results.push(...(await exercises(chat, plan.exercises, options)))
  const generated = prompts && (await generation(chat, prompts.source, prompts.texts, options))
  if (generated) results.push(...generated.results)
  const answers = generated?.answers ?? []
  return { model: chat.name, seed: options.seed, limit: options.limit, results, answers }
}

const promptsOf = async (given: string): Promise<{ source: string; texts: readonly string[] }> =>
  given === 'built-in'
    ? { source: given, texts: builtInPrompts }
    : { source: dataName(given), texts: await readLines(given) }

/** A file's name without its folders and endings. */
const dataName = (path: string): string => basename(path).replace(/\.[^.]+(\.gz)?$/, '')
