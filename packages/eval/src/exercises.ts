import { makeTask, splitOf, type Task, type TaskKind, taskKinds } from '@modu/data'
import type { ChatModel } from '@modu/model'
import { ask } from './answer.ts'
import { bootstrap, meanAt } from './bootstrap.ts'
import type { EvalOptions, Result } from './result.ts'

/** Reasoning and answer together. */
const maxTokens = 400

/** Exercises of different seeds lie this far apart. */
const seedsPerRun = 2 ** 20

/**
 * Made exercises that a program checks, `count` of each kind and all together, whose questions training never sees:
 * share of right answers given directly and after thinking, and of replies that kept to the mode (reasoning only where
 * asked for, and an answer after it). The likeliest token is taken always. Kinds that offer tools are left out.
 */
export async function exercises(chat: ChatModel, count: number, options: EvalOptions): Promise<Result[]> {
  const first = (options.seed % 2 ** 32) * seedsPerRun
  const kinds = taskKinds.filter(kind => makeTask(first, kind).tools === undefined)
  const result = (metric: Result['metric'], source: string, values: readonly number[]): Result => ({
    metric,
    source,
    ...bootstrap(values.length, items => meanAt(values, items), options.seed),
    items: values.length,
    baselines: [],
  })
  const results: Result[] = []
  const obeyed: number[] = []
  for (const thinking of [false, true]) {
    const metric = thinking ? 'exercisesThinking' : 'exercisesDirect'
    const all: number[] = []
    for (const kind of kinds) {
      const right: number[] = []
      for (const task of heldOutTasks(kind, count, first)) {
        const reply = await ask(chat, task.question, { thinking, maxTokens, seed: 0, sampling: { temperature: 0 } })
        right.push(Number(task.verify(reply.answer)))
        obeyed.push(Number((reply.reasoning.trim() !== '') === thinking && reply.answer.trim() !== ''))
        options.onProgress?.({ source: kind, done: right.length, total: count })
      }
      results.push(result(metric, kind, right))
      all.push(...right)
    }
    results.push(result(metric, 'exercises', all))
  }
  return [...results, result('modeObeyed', 'exercises', obeyed)]
}

function* heldOutTasks(kind: TaskKind, count: number, first: number): Generator<Task> {
  for (let seed = first, made = 0; made < count; seed++) {
    const task = makeTask(seed, kind)
    if (splitOf(task.question) !== 'heldout') continue
    made++
    yield task
  }
}
