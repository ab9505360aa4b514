import { expect, test } from 'vitest'
import { ExactDuplicates } from './exactDuplicates.ts'

test('the second of equal texts is a duplicate, whatever its spaces and letter case', () => {
  const duplicates = new ExactDuplicates()
  const texts = ['오늘은 Seoul에서', '오늘은  seoul에서\n', '오늘은 서울에서', '오늘은seoul에서', '']
  expect(texts.map(text => duplicates.isDuplicate(text))).toEqual([false, true, false, true, false])
})
