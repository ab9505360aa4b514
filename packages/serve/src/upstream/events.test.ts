import { expect, test } from 'vitest'
import { eventSplitter, withData } from './events.ts'

const stream = 'event: a\ndata: {"x": "가"}\n\n: ping\n\ndata: 1\r\ndata: 2\r\n\r\ndata:[DONE]\n\n'
const events = ['{"x": "가"}', '', '1\n2', '[DONE]']

test('events are cut the same wherever the pieces end', () => {
  for (let size = 1; size <= stream.length; size++) {
    const split = eventSplitter()
    const found = []
    for (let at = 0; at < stream.length; at += size) found.push(...split(stream.slice(at, at + size)))
    expect(found.map(({ data }) => data)).toEqual(events)
  }
})

test('an event leaves as soon as it is whole, and never before', () => {
  const split = eventSplitter()
  expect(split('data: 1\n')).toEqual([])
  expect(split('\ndata: 2')).toMatchObject([{ text: 'data: 1', data: '1' }])
  expect(split('\n\n')).toMatchObject([{ data: '2' }])
})

test('other data leaves the rest of an event as it is', () => {
  const [event] = eventSplitter()('event: a\ndata: 1\nid: 3\n\n')
  expect(withData(event!, '2')).toBe('event: a\nid: 3\ndata: 2')
})
