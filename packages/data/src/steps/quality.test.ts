import { Random } from '@modu/model'
import { describe, expect, test } from 'vitest'
import { qualityStep } from './quality.ts'
import { inventedWords } from './testTexts.ts'

const step = qualityStep(20)
const words = (count: number) => inventedWords(new Random(count), count).join(' ')

describe('dropped', () => {
  test.each([
    ['short', '너무 짧다'],
    ['symbols', '♥♥♡♡★★☆☆ 좋은 하루 ♬♪♩ ◆◇■□ 되세요 ▶▷'],
    ['jamo', '영화 ㅋㅋㅋ ㅎㅎㅎ ㅠㅠㅠ 진짜 ㅋㅋㅋ ㅋㅋ 웃김 ㅋㅋㅋ'],
    ['longWords', '가나다라마바사아자차카타파하가나다라마바사아자차카타파하 가나다라마바사'],
    ['longLine', `${words(1500)}`],
    [
      'repeatedLines',
      `${words(20)}\n광고 문의 주세요 지금 바로 연락\n`.concat('광고 문의 주세요 지금 바로 연락\n'.repeat(6)),
    ],
    ['repeatedWords', `${'싸게 팝니다 지금 '.repeat(12)}${words(10)}`],
  ])('%s', (reason, text) => expect(step(text)).toMatchObject({ dropped: reason }))

  test('the part that repeats is named', () => {
    expect(step('싸게 팝니다 지금 '.repeat(12))).toEqual({ dropped: 'repeatedWords', part: '싸게 팝니다' })
  })
})

test.each([
  ['a review', '정말 재미있게 봤어요 ㅋㅋㅋ 추천합니다!'],
  [
    'verse with a refrain',
    '산에는 꽃 피네\n꽃이 피네\n갈 봄 여름 없이\n꽃이 피네\n산에 산에 피는 꽃은\n저만치 혼자서 피어 있네',
  ],
  ['dialogue', '"갔니?"\n"아니."\n"왜?"\n"비가 왔어."\n"그래?"\n"응."\n"그럼 내일 가자."'],
  ['a list of figures', '2020년 12.5%, 2021년 13.1%, 2022년 14.0% (자료: 통계청)'],
  ['long prose', words(2000).replaceAll(/((?:\S+ ){10})/g, '$1. ')],
])('%s stays', (_, text) => expect(step(text)).toEqual({ text }))
