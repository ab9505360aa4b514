import { splitOf } from '@modu/data'
import { expect, test } from 'vitest'
import { drawExercise } from './exercise.ts'

const draw = (split: 'train' | 'heldout', count: number) =>
  Array.from({ length: count }, (_, q) => drawExercise({ arithmetic: 3, particle: 1 }, split, 7, q))

test('kinds come as often as their shares say, questions of the wanted side only', () => {
  for (const split of ['train', 'heldout'] as const) {
    const exercises = draw(split, 400)
    const sums = exercises.filter(({ kind }) => kind === 'arithmetic').length
    expect(sums).toBeGreaterThan(270)
    expect(sums).toBeLessThan(330)
    for (const { task } of exercises) expect(splitOf(task.question)).toBe(split)
  }
})

test('the key alone says which', () => {
  const questions = () => draw('train', 20).map(({ task }) => task.question)
  expect(questions()).toEqual(questions())
  expect(new Set(questions()).size).toBeGreaterThan(18)
})
