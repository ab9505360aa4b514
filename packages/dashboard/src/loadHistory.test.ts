import { expect, test } from 'vitest'
import { LoadHistory } from './loadHistory.ts'

test('loads are told as parts of the mean of their layer', () => {
  const history = new LoadHistory()
  expect(history.map()).toBeUndefined()
  history.add(7, [
    [10, 30],
    [0, 8],
  ])
  expect(history.map()).toEqual({ step: [7], layers: 2, experts: 2, loads: [[0.5, 1.5, 0, 2]] })
})

test('however many come, columns stay few, and each is the mean of equally many', () => {
  const history = new LoadHistory()
  for (let step = 1; step <= 10_000; step++) history.add(step, [step % 2 === 1 ? [4, 0] : [0, 4]])
  const { step, loads } = history.map()!
  expect(step.length).toBeGreaterThan(100)
  expect(step.length).toBeLessThan(321)
  const size = step[0]!
  step.forEach((last, i) => {
    expect(last).toBe(size * (i + 1))
  })
  for (const column of loads) expect(column).toEqual([1, 1])
})

test('of very many experts columns are fewer', () => {
  const history = new LoadHistory()
  const layer = new Array<number>(200).fill(1)
  for (let step = 1; step <= 1000; step++) history.add(step, new Array(50).fill(layer))
  expect(history.map()!.step.length).toBeLessThan(17)
  expect(history.map()!.loads.at(-1)).toHaveLength(10_000)
})

test('a layer in which no expert got a token is all zero', () => {
  const history = new LoadHistory()
  history.add(1, [[0, 0]])
  expect(history.map()!.loads).toEqual([[0, 0]])
})
