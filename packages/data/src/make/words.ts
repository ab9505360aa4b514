/* Words that tasks are made of. */

export const people = '민수 지훈 서연 하늘 유진 도윤 수아 준호 은비 태현 소희 재민 나래 동욱 미나 현우'.split(' ')

/** Things that are counted, with their counters. */
export const things: readonly (readonly [noun: string, counter: string])[] = [
  ['사과', '개'],
  ['귤', '개'],
  ['사탕', '개'],
  ['구슬', '개'],
  ['빵', '개'],
  ['쿠키', '개'],
  ['연필', '자루'],
  ['볼펜', '자루'],
  ['공책', '권'],
  ['책', '권'],
  ['색종이', '장'],
  ['우표', '장'],
  ['스티커', '장'],
  ['장미', '송이'],
  ['인형', '개'],
]
