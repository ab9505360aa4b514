import { expect, test } from 'vitest'
import { fingerprint, lettersOf } from './exactDuplicates.ts'

test('texts are the same up to letter case and spaces', () => {
  const of = (text: string) => fingerprint(lettersOf(text))
  expect(of('모두의 AI')).toEqual(of('모두의  ai\n'))
  expect(of('모두의 AI')).not.toEqual(of('모두의 AI!'))
})
