import { expect, test } from 'vitest'
import { fingerprint } from './exactDuplicates.ts'

test('texts are the same up to letter case and spaces', () => {
  expect(fingerprint('모두의 AI')).toEqual(fingerprint('모두의  ai\n'))
  expect(fingerprint('모두의 AI')).not.toEqual(fingerprint('모두의 AI!'))
})
