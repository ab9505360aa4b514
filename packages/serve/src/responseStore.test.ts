import { expect, test } from 'vitest'
import { ResponseStore } from './responseStore.ts'

const response = (text: string) => ({ body: {}, messages: [{ role: 'user' as const, content: text }] })

test('nobody reads or deletes another’s response', () => {
  const store = new ResponseStore(1000)
  store.put('a', 'r', response('비밀'))
  expect(store.get('b', 'r')).toBeUndefined()
  expect(store.delete('b', 'r')).toBe(false)
  expect(store.get('a', 'r')).toEqual(response('비밀'))
})

test('what was used longest ago makes room', () => {
  const size = JSON.stringify(response('가')).length
  const store = new ResponseStore(2 * size)
  store.put('a', '1', response('가'))
  store.put('a', '2', response('나'))
  store.get('a', '1')
  store.put('a', '3', response('다'))
  expect(['1', '2', '3'].map(id => store.get('a', id)?.messages[0]?.content)).toEqual(['가', undefined, '다'])
  expect(store.delete('a', '1')).toBe(true)
  store.put('a', '4', response('라'))
  expect(store.get('a', '3')).toBeDefined()
})

test('a response too large to keep is not kept', () => {
  const store = new ResponseStore(10)
  store.put('a', '1', response('가'))
  expect(store.get('a', '1')).toBeUndefined()
})
