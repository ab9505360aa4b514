import { describe, expect, test } from 'vitest'
import { callsRightTools, isValidCall } from './toolCalls.ts'

const weather = {
  function: {
    name: 'weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, day: { enum: ['오늘', '내일'] }, hour: { type: 'integer' } },
      required: ['city'],
    },
  },
}
const now = { function: { name: 'now' } }
const offered = [weather, now]

describe('a call is valid', () => {
  test.each([
    ['weather', { city: '서울' }, true],
    ['weather', { city: '서울', day: '내일', hour: 3 }, true],
    ['weather', {}, false],
    ['weather', { city: 3 }, false],
    ['weather', { city: '서울', day: '어제' }, false],
    ['weather', { city: '서울', hour: 1.5 }, false],
    ['now', {}, true],
    ['clock', {}, false],
  ])('%s %j: %s', (name, given, valid) => {
    expect(isValidCall({ name, arguments: given }, offered)).toBe(valid)
  })
})

test('calls are right if they go to the tools expected, in any order, and no other', () => {
  const calls = [
    { name: 'now', arguments: {} },
    { name: 'weather', arguments: { city: '서울' } },
  ]
  expect(callsRightTools(calls, ['weather', 'now'], offered)).toBe(true)
  expect(callsRightTools(calls, ['weather'], offered)).toBe(false)
  expect(callsRightTools(calls.slice(1), ['weather', 'now'], offered)).toBe(false)
  expect(callsRightTools([], [], offered)).toBe(true)
  expect(callsRightTools([{ name: 'weather', arguments: {} }], ['weather'], offered)).toBe(false)
})
