import { Random } from '@modu/model'
import { isHeldOut, mixSeed } from '../order.ts'
import type { CorpusDocument, CorpusMessage } from '../source.ts'
import { kinds, type TaskKind } from './kinds.ts'
import type { Task } from './task.ts'

export type Conversation = Extract<CorpusDocument, { id: string }>
export type Split = 'train' | 'heldout'

/** One question in so many is held out. */
const heldOutEvery = 10

/** The task of `kind` that belongs to `seed`. */
export const makeTask = (seed: number, kind: TaskKind): Task => kinds[kind](new Random(mixSeed(kind, seed)))

/**
 * Where a question belongs. Only its letters and digits decide, so that no seed brings a held-out question into
 * training, nor one that differs in spaces, commas or quotes alone.
 */
export const splitOf = (question: string): Split =>
  isHeldOut(question.replace(/[\s\p{P}]/gu, ''), heldOutEvery) ? 'heldout' : 'train'

/** The task of `kind` and `seed` as a conversation, with its reasoning if `thinking`. Its id names both. */
export const makeConversation = (seed: number, kind: TaskKind, thinking: boolean): Conversation =>
  asConversation(`${kind}-${seed}`, makeTask(seed, kind), thinking)

function asConversation(id: string, { question, reasoning, answer, tools }: Task, thinking: boolean): Conversation {
  const reply: CorpusMessage = { role: 'assistant', ...splitCalls(answer) }
  const messages: CorpusMessage[] = [
    { role: 'user', content: question },
    thinking ? { ...reply, reasoning_content: reasoning } : reply,
  ]
  return { id, messages, ...(tools && { tools }) }
}

/** A reply as text and calls: what stands in `<tool_call>` becomes `tool_calls`. */
function splitCalls(answer: string): Pick<CorpusMessage, 'content' | 'tool_calls'> {
  const calls = [...answer.matchAll(/<tool_call>(.*?)<\/tool_call>/gs)].map(([, call]) => ({
    type: 'function' as const,
    function: JSON.parse(call!),
  }))
  return calls.length > 0
    ? { content: answer.slice(0, answer.indexOf('<tool_call>')), tool_calls: calls }
    : { content: answer }
}

export interface MakeOptions {
  readonly kinds: readonly TaskKind[]
  /** Conversations in all; the kinds take turns. */
  readonly count: number
  readonly seed: number
  readonly split: Split
  /** `both`: every second conversation of a kind reasons. */
  readonly thinking: 'on' | 'off' | 'both'
}

/** Seeds of one run lie next to each other; those of different `seed`s lie this far apart. */
const seedsPerRun = 2 ** 20

/** Conversations one after another, as many as wanted; the same options give the same ones. */
export function* makeConversations(options: MakeOptions): Generator<{ kind: TaskKind; conversation: Conversation }> {
  const first = (options.seed % 2 ** 32) * seedsPerRun
  const tried = options.kinds.map(() => 0)
  for (let made = 0; made < options.count; made++) {
    const turn = made % options.kinds.length
    const kind = options.kinds[turn]!
    const round = Math.floor(made / options.kinds.length)
    const thinks = options.thinking === 'both' ? round % 2 === 0 : options.thinking === 'on'
    let seed: number
    let task: Task
    do {
      seed = first + tried[turn]!++
      task = makeTask(seed, kind)
    } while (splitOf(task.question) !== options.split)
    yield { kind, conversation: asConversation(`${kind}-${seed}`, task, thinks) }
  }
}
