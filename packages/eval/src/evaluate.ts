import { basename } from 'node:path'
import type { Tools } from '@modu/data'
import type { ChatModel } from '@modu/model'
import { bitsPerByte, heldOutBitsPerByte } from './bitsPerByte.ts'
import { heldOutPrompts, toolChoice } from './conversations.ts'
import { exercises } from './exercises.ts'
import { type Answer, answer, builtInPrompts, form, question } from './generation.ts'
import type { HeldOut } from './heldOut.ts'
import { inference } from './inference.ts'
import { readLines } from './readRows.ts'
import { carePrompts, harmfulPrompts, refusals } from './refusals.ts'
import type { EvalOptions, Result } from './result.ts'
import { similarity } from './similarity.ts'

/** What is to be measured. */
export interface EvalPlan {
  /** Files of texts, for bits per byte. */
  readonly texts: readonly { readonly name: string; readonly path: string }[]
  /** Documents that training held out, for bits per byte by source. */
  readonly heldOut?: HeldOut
  /** Files of premise, hypothesis and label. */
  readonly nli: readonly string[]
  /** Files of two sentences and a score. */
  readonly sts: readonly string[]
  /** So many made exercises of each kind, in both modes; none if absent. */
  readonly exercises?: number
  /** Tools that exercises may offer. */
  readonly tools?: Tools
  /** At most so many beginnings of held-out conversations are answered, 0 for all; none if absent. */
  readonly conversations?: number
  /** A file of prompts, one a line; `built-in` for our own; none if absent. */
  readonly prompts?: string
  /** Whether to ask for what is to be refused or answered with care. */
  readonly refusals?: boolean
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
  const { heldOut } = plan
  const measurements = [
    ...(heldOut?.sources ?? [])
      .filter(({ format }) => format !== 'exercises')
      .map(source => heldOutBitsPerByte(source, heldOut!, options)),
    ...(await Promise.all([
      ...plan.texts.map(({ name, path }) => bitsPerByte(name, path, options)),
      ...plan.nli.map(path => inference(dataName(path), path, options)),
      ...plan.sts.map(path => similarity(dataName(path), path, options)),
    ])),
  ]
  const prompts = plan.prompts === undefined ? undefined : await promptsOf(plan.prompts)

  const results: Result[] = measurements.flatMap(measure => measure(chat))
  if (plan.exercises !== undefined)
    results.push(...(await exercises(chat, plan.exercises, plan.tools ?? new Map(), options)))
  const said = (source: string, texts: readonly string[]) => answer(chat, source, texts.map(question), options)

  const ordinary: Answer[] = []
  const answers: Answer[] = []
  if (prompts) {
    ordinary.push(...(await said(prompts.source, prompts.texts)))
    results.push(...form(prompts.source, ordinary, options))
  }
  if (heldOut && plan.conversations !== undefined) {
    const { chat: chats, tools } = heldOutPrompts(heldOut, plan.conversations, options.seed)
    const chatAnswers = await answer(chat, 'conversations', chats, options)
    results.push(...form('conversations', chatAnswers, options))
    ordinary.push(...chatAnswers)
    const toolAnswers = await answer(chat, 'tools', tools, options)
    results.push(...toolChoice('tools', tools, toolAnswers, options))
    answers.push(...toolAnswers)
  }
  if (plan.refusals) {
    const harmful = await said('harmful', harmfulPrompts)
    const care = await said('care', carePrompts)
    results.push(...refusals(harmful, care, ordinary, options))
    answers.push(...harmful, ...care)
  }
  return {
    model: chat.name,
    seed: options.seed,
    limit: options.limit,
    results,
    answers: [...ordinary, ...answers],
  }
}

const promptsOf = async (given: string): Promise<{ source: string; texts: readonly string[] }> =>
  given === 'built-in'
    ? { source: given, texts: builtInPrompts }
    : { source: dataName(given), texts: await readLines(given) }

/** A file's name without its folders and endings. */
const dataName = (path: string): string => basename(path).replace(/\.[^.]+(\.gz)?$/, '')
