import { expect, test } from 'vitest'
import { countLetters, repeatsItself } from './generation.ts'

test('an answer repeats itself if four words in a row come more than three times', () => {
  const phrase = '오늘은 날씨가 아주 좋아요. '
  expect(repeatsItself(phrase.repeat(3))).toBe(false)
  expect(repeatsItself(phrase.repeat(4))).toBe(true)
  expect(repeatsItself('네 '.repeat(6))).toBe(false)
  expect(repeatsItself('네 '.repeat(7))).toBe(true)
  expect(repeatsItself('')).toBe(false)
})

test('letters that are not Hangul are counted, digits and signs are not letters', () => {
  expect(countLetters('안녕, ㅎㅎ! 3 + 5 = 8')).toEqual({ all: 4, foreign: 0 })
  expect(countLetters('Modu는 模型')).toEqual({ all: 7, foreign: 6 })
})
