import { makeTask, mixSeed, splitOf, type Task, type TaskKind } from '@modu/data'
import { Random } from '@modu/model'

/** An exercise and its kind. */
export interface Exercise {
  readonly kind: TaskKind
  readonly task: Task
}

/** Exercises of `kinds`, each as often as its share says, and of one side of the split. `key` says which. */
export function drawExercise(
  kinds: Readonly<Partial<Record<TaskKind, number>>>,
  split: 'train' | 'heldout',
  ...key: readonly (number | string)[]
): Exercise {
  const random = new Random(mixSeed('exercise', split, ...key))
  const kind = drawKind(kinds, random)
  for (;;) {
    const task = makeTask(random.integer(2 ** 32), kind)
    if (splitOf(task.question) === split) return { kind, task }
  }
}

function drawKind(kinds: Readonly<Partial<Record<TaskKind, number>>>, random: Random): TaskKind {
  const entries = Object.entries(kinds) as [TaskKind, number][]
  const total = entries.reduce((sum, [, share]) => sum + share, 0)
  let rest = random.uniform() * total
  for (const [kind, share] of entries) {
    rest -= share
    if (rest < 0) return kind
  }
  return entries.at(-1)![0]
}
