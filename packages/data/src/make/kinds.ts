import type { MakeTask } from './task.ts'
import { arithmetic } from './tasks/arithmetic.ts'
import { calendar } from './tasks/calendar.ts'
import { clock } from './tasks/clock.ts'
import { comparison } from './tasks/comparison.ts'
import { copying } from './tasks/copying.ts'
import { counting } from './tasks/counting.ts'
import { extraction } from './tasks/extraction.ts'
import { logic } from './tasks/logic.ts'
import { ordering } from './tasks/ordering.ts'
import { particle } from './tasks/particle.ts'
import { reading } from './tasks/reading.ts'
import { recall } from './tasks/recall.ts'
import { sequence } from './tasks/sequence.ts'
import { steps } from './tasks/steps.ts'
import { tool } from './tasks/tool.ts'
import { units } from './tasks/units.ts'
import { word } from './tasks/word.ts'

/** Every kind of task by name. */
export const kinds = {
  arithmetic,
  steps,
  word,
  comparison,
  ordering,
  calendar,
  clock,
  units,
  counting,
  sequence,
  logic,
  particle,
  reading,
  copying,
  recall,
  extraction,
  tool,
} satisfies Record<string, MakeTask>

export type TaskKind = keyof typeof kinds

export const taskKinds = Object.keys(kinds) as readonly TaskKind[]
