import { describe, expect, test } from 'vitest'
import { languageStep } from './language.ts'
import { lettersByScript } from './letters.ts'

test('letters are counted by script', () => {
  expect(lettersByScript('한글 abcé 漢字 かナ・ Да ㅋ ไทย 12!')).toEqual({
    hangul: 2,
    latin: 4,
    han: 2,
    kana: 2,
    cyrillic: 2,
    other: 4,
  })
})

describe('at half Hangul', () => {
  const step = languageStep(0.5)

  test('Korean with some English stays, its letters counted', () => {
    const text = 'React는 화면을 만드는 도구예요.'
    expect(step(text)).toEqual({ text, found: { hangul: 11, latin: 5 } })
  })

  test('foreign lines go', () => {
    expect(step('안녕하세요 여러분\nThis line is English.\n반갑습니다')).toEqual({
      text: '안녕하세요 여러분\n반갑습니다',
      found: { hangul: 13, foreignLines: 1 },
    })
  })

  test.each([
    ['latin', 'This is an English text with 한글.'],
    ['han', '這是中文。'],
    ['kana', 'これはひらがなです。'],
    ['cyrillic', 'Это русский текст.'],
    ['other', 'ㅋㅋㅋ ㅠㅠㅠ'],
    ['noLetters', '123 456 !!!'],
  ])('%s is dropped', (script, text) => expect(step(text)).toEqual({ dropped: script }))
})

test('the share decides', () => {
  const text = '한국어 abcd'
  expect(languageStep(0.4)(text)).toMatchObject({ text })
  expect(languageStep(0.5)(text)).toEqual({ dropped: 'latin' })
})
