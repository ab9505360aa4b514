import type { MakeTask } from './task.ts'
import { arithmetic } from './tasks/arithmetic.ts'
import { clock } from './tasks/clock.ts'

/** Every kind of task by name. */
export const kinds = {
  arithmetic,
  clock,
} satisfies Record<string, MakeTask>

export type TaskKind = keyof typeof kinds

export const taskKinds = Object.keys(kinds) as readonly TaskKind[]
