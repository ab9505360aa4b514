import { describe, expect, test } from 'vitest'
import { wordsStep } from './words.ts'

describe('a short text with such a word is dropped, by class', () => {
  test.each([
    ['insult', '이런 개새끼가 다 있나 싶었다'],
    ['insult', 'ㅅㅂ 진짜 짜증나네'],
    ['hate', '저런 틀딱들은 왜 나오나'],
    ['adult', '무료 야동 보는 곳'],
    ['adult', '성인 동영상 모음'],
    ['spam', '안전한 카지노 사이트, 바카라 이벤트'],
  ])('%s: %s', (reason, text) => {
    expect(wordsStep(text)).toMatchObject({ dropped: reason, found: { [reason]: expect.any(Number) } })
  })
})

test('the class of most words is the reason, and a word of it the part', () => {
  expect(wordsStep('존나 바카라 카지노추천')).toEqual({
    dropped: 'spam',
    part: '바카라',
    found: { insult: 1, spam: 2 },
  })
})

test('one in a long text is counted and stays', () => {
  const text = `${'긴 글이 이어진다. '.repeat(40)}그는 "병신"이라는 말을 들었다고 했다.`
  expect(wordsStep(text)).toEqual({ text, found: { insult: 1 } })
})

test.each([
  '그날이 사건의 시발점이 되었다.',
  '신도시발표와 동시발생, 즉시발급',
  '2016년은 병신년이다.',
  '애널리스트의 보고서와 아날로그 시계',
  '이 새끼 고양이는 새끼손가락만 하다.',
  '자위대와 자위권, 보지 않고 자지 않는 밤',
  '허리띠를 졸라매고 엄마를 졸라서 샀다.',
  '에밀 졸라의 소설',
  '날씨발표와 아저씨발',
  '토토와 도로시, 카지노에서 찍은 영화',
  '등신대 크기의 조각',
  '개발자 키트와 개새로운 기능',
])('%s stays', text => expect(wordsStep(text)).toEqual({ text, found: {} }))
