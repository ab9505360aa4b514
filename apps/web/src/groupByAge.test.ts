import { expect, test } from 'vitest'
import type { Conversation } from './conversation.ts'
import { groupByAge } from './groupByAge.ts'

const at = (...date: [number, number, number, number?, number?]): Conversation => {
  const updatedAt = new Date(...date).getTime()
  return { id: new Date(updatedAt).toISOString(), title: '', createdAt: updatedAt, updatedAt, messages: [] }
}

test('conversations are grouped by calendar days, across the turn of a month', () => {
  const now = new Date(2026, 2, 1, 0, 30).getTime()
  const conversations = [
    at(2026, 2, 1, 0, 1),
    at(2026, 1, 28, 23, 59),
    at(2026, 1, 28),
    at(2026, 1, 22),
    at(2026, 1, 21),
  ]
  const groups = groupByAge(conversations, now)
  expect(groups.map(({ group, members }) => [group, members.length])).toEqual([
    ['today', 1],
    ['yesterday', 2],
    ['lastWeek', 1],
    ['earlier', 1],
  ])
  expect(groupByAge([], now)).toEqual([])
})
