import type { MakeTask } from './task.ts'
import { arithmetic } from './tasks/arithmetic.ts'
import { calendar } from './tasks/calendar.ts'
import { clock } from './tasks/clock.ts'
import { comparison } from './tasks/comparison.ts'
import { counting } from './tasks/counting.ts'
import { logic } from './tasks/logic.ts'
import { ordering } from './tasks/ordering.ts'
import { sequence } from './tasks/sequence.ts'
import { steps } from './tasks/steps.ts'
import { units } from './tasks/units.ts'

/** Every kind of task by name. */
export const kinds = {
  arithmetic,
  steps,
  comparison,
  ordering,
  calendar,
  clock,
  units,
  counting,
  sequence,
  logic,
} satisfies Record<string, MakeTask>

export type TaskKind = keyof typeof kinds

export const taskKinds = Object.keys(kinds) as readonly TaskKind[]
