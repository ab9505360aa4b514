import { expect, test } from 'vitest'
import { answerBatches } from './answerBatches.ts'

const answers = [
  { prompt: [1, 2, 3], ids: [10, 11], advantage: 1 },
  { prompt: [4], ids: [12, 13, 14], advantage: -1 },
  { prompt: [5, 6], ids: [15], advantage: 0.5 },
]

test('each reply is predicted from its prompt on; nothing runs over', () => {
  const [first, second] = answerBatches(answers, 7)
  expect([...first!.ids]).toEqual([1, 2, 3, 10, 4, 12, 13])
  expect([...first!.labels]).toEqual([-100, -100, 10, 11, 12, 13, 14])
  expect([...first!.starts]).toEqual([0, 4, 7])
  expect([...first!.advantages]).toEqual([1, 1, 1, 1, -1, -1, -1])
  expect(first!.counted).toBe(5)
  expect([...second!.ids]).toEqual([5, 6])
  expect([...second!.labels]).toEqual([-100, 15])
})

test('an answer longer than a batch stands alone', () => {
  expect(answerBatches(answers, 1).map(({ counted }) => counted)).toEqual([2, 3, 1])
})
