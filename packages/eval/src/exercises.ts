import { makeTask, splitOf, type Task, type TaskKind, type Tools, taskKinds } from '@modu/data'
import type { ChatModel, ToolDefinition } from '@modu/model'
import { ask, type Reply, saidText } from './answer.ts'
import type { EvalOptions, Metric, Result } from './result.ts'
import { mean, share } from './share.ts'
import { callsRightTools } from './toolCalls.ts'

/** Reasoning and answer together; three quarters of it are the most that reasoning may take. */
const maxTokens = 400

/** Exercises of different seeds lie this far apart. */
const seedsPerRun = 2 ** 20

/** Subsets of the exercises that are told apart, beside the kinds: sums in any clothing, those of several steps, and all. */
const subsets: Readonly<Record<string, (exercise: Exercise) => boolean>> = {
  calculation: ({ kind }) => ['arithmetic', 'steps', 'word'].includes(kind),
  'multi-step': ({ task }) => (task.steps ?? 0) > 1,
  exercises: () => true,
}

interface Exercise {
  readonly kind: TaskKind
  readonly task: Task
  readonly tools?: readonly ToolDefinition[]
}

/** An exercise with the replies in both modes. */
interface Done extends Exercise {
  readonly direct: Reply
  readonly thinking: Reply
}

/**
 * Made exercises that a program checks, `count` of each kind, whose questions training never sees, by kind and in
 * `subsets`: share of right answers given directly and after thinking, what thinking gains (paired), tools chosen rightly
 * with arguments that their schemas allow, replies that are JSON where JSON was asked for, and replies that kept to the
 * mode (reasoning only where asked for, and an answer after it). The likeliest token is taken always. Kinds whose tools are
 * not among `tools` are left out.
 */
export async function exercises(chat: ChatModel, count: number, tools: Tools, options: EvalOptions): Promise<Result[]> {
  const done: Done[] = []
  for (const kind of taskKinds) {
    const chosen = heldOutExercises(kind, count, tools, options.seed)
    for (const [i, exercise] of chosen.entries()) {
      const reply = (thinking: boolean) =>
        ask(chat, [{ role: 'user', content: exercise.task.question }], {
          thinking,
          maxTokens,
          tools: exercise.tools,
          seed: 0,
          sampling: { temperature: 0 },
        })
      done.push({ ...exercise, direct: await reply(false), thinking: await reply(true) })
      options.onProgress?.({ source: kind, done: i + 1, total: chosen.length })
    }
  }

  const kinds = taskKinds.filter(kind => done.some(each => each.kind === kind))
  const byKind = kinds.map(kind => [kind, done.filter(each => each.kind === kind)] as const)
  const bySubset = Object.entries(subsets).map(([name, belongs]) => [name, done.filter(belongs)] as const)
  const isRight = (mode: 'direct' | 'thinking') => (each: Done) => each.task.verify(saidText(each[mode]))
  const rightIn = (metric: Metric, mode: 'direct' | 'thinking'): Result[] => [
    ...byKind.flatMap(([kind, all]) =>
      share(metric, kind, all.map(isRight(mode)), options).map(result => ({
        ...result,
        baselines: [{ name: 'majority', value: constantAnswer(all) }],
      })),
    ),
    ...bySubset.flatMap(([name, all]) => share(metric, name, all.map(isRight(mode)), options)),
  ]
  const gain = (each: Done) => Number(isRight('thinking')(each)) - Number(isRight('direct')(each))
  const inBoth = (all: readonly Done[], judge: (reply: Reply, each: Done, thinking: boolean) => boolean) =>
    all.flatMap(each => [judge(each.direct, each, false), judge(each.thinking, each, true)])
  const withTools = done.filter(each => each.tools)
  const extractions = done.filter(each => each.kind === 'extraction')
  const isJson = inBoth(extractions, ({ answer }) => isJsonObject(answer))
  const obeyed = inBoth(done, (reply, _, thinking) => obeys(reply, thinking))
  return [
    ...rightIn('exercisesDirect', 'direct'),
    ...rightIn('exercisesThinking', 'thinking'),
    ...bySubset.flatMap(([name, all]) => mean('thinkingGain', name, all.map(gain), options.seed)),
    ...share('toolRight', 'tool', inBoth(withTools, choosesRightly), options),
    ...share('jsonValid', 'extraction', isJson, options),
    ...share('modeObeyed', 'exercises', obeyed, options),
  ]
}

/** Held-out exercises of a kind, no question twice; fewer than `count` if the kind has no more. */
function heldOutExercises(kind: TaskKind, count: number, tools: Tools, evalSeed: number): Exercise[] {
  const first = (evalSeed % 2 ** 32) * seedsPerRun
  const found = new Map<string, Exercise>()
  for (let seed = first; found.size < count && seed < first + seedsPerRun; seed++) {
    const task = makeTask(seed, kind)
    if (task.tools?.some(name => !tools.has(name))) return []
    if (splitOf(task.question) !== 'heldout') continue
    found.set(task.question, { kind, task, ...(task.tools && { tools: task.tools.map(name => tools.get(name)!) }) })
  }
  return [...found.values()]
}

function choosesRightly({ calls }: Reply, { task, tools = [] }: Exercise): boolean {
  const [, call] = /<tool_call>(.*?)<\/tool_call>/s.exec(task.answer) ?? []
  return callsRightTools(calls, [JSON.parse(call!).name], tools)
}

/** Reasoning if and only if it was asked for, and an answer or a call; no bytes that are not UTF-8. */
const obeys = ({ reasoning, answer, calls }: Reply, thinking: boolean): boolean =>
  (reasoning.trim() !== '') === thinking &&
  (answer.trim() !== '' || calls.length > 0) &&
  !(reasoning + answer).includes('\ufffd')

/** How many of the exercises whoever always gives the same answer gets right, at best. */
function constantAnswer(exercises: readonly Exercise[]): number {
  const rightBy = exercises.map(({ task }) => exercises.filter(other => other.task.verify(task.answer)).length)
  return Math.max(...rightBy) / exercises.length
}

/** Whether a reply is one JSON object, bare or in a block of code, and nothing else. */
export function isJsonObject(reply: string): boolean {
  const [, inBlock] = /^```(?:json)?\n([\s\S]*)\n```$/.exec(reply.trim()) ?? []
  try {
    const value: unknown = JSON.parse(inBlock ?? reply)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}
