import type { Random } from '@modu/model'

/** A question that a program made and whose answer a program can check. */
export interface Task {
  readonly question: string
  /** Short worked reasoning for the thinking mode. */
  readonly reasoning: string
  /** The reply of the assistant; a call of a tool stands in it as `<tool_call>…</tool_call>`. */
  readonly answer: string
  /** A reply much like `answer`, but wrong: what `verify` must not let through. */
  readonly wrong: string
  /** How many sums the answer takes, one after another, where it is a matter of sums. */
  readonly steps?: number
  /** Names of the tools offered. */
  readonly tools?: readonly string[]
  /** Whether a reply in free words gives the right answer. What stands before `</think>` does not count. */
  verify(reply: string): boolean
}

/** Makes one task; everything about it comes from `random`. */
export type MakeTask = (random: Random) => Task
