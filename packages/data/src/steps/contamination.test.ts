import { Random } from '@modu/model'
import { describe, expect, test } from 'vitest'
import { Contamination, units } from './contamination.ts'
import { inventedWords } from './testTexts.ts'

const random = new Random(3)
const words = (n: number): string => inventedWords(random, n).join(' ')

describe('contamination', () => {
  test('thirteen words in a row are found, twelve are not', () => {
    const contamination = new Contamination()
    const list = inventedWords(random, 40)
    expect(contamination.add(list.join(' '))).toBe(true)
    const copy = list.slice(20, 33)
    expect(contamination.find(`${words(30)} ${copy.join(', ')}. ${words(9)}`)).toBe(copy.join(' '))
    expect(contamination.find(`${words(30)} ${copy.slice(1).join(' ')} ${words(9)}`)).toBeUndefined()
  })

  test('a sentence of 6 to 12 words counts as a whole, a shorter one not at all', () => {
    const contamination = new Contamination()
    expect(contamination.add('흡연자분들은 발코니가 있는 방이면 발코니에서 흡연이 가능합니다.')).toBe(true)
    expect(contamination.add('네, 정말 그렇습니다.')).toBe(false)
    expect(contamination.find('참고: 흡연자분들은 발코니가 있는 방이면, 발코니에서 흡연이 가능합니다!')).toBe(
      '흡연자분들은 발코니가 있는 방이면 발코니에서 흡연이 가능합니다',
    )
    expect(contamination.find('네, 정말 그렇습니다.')).toBeUndefined()
  })

  test('texts without spaces are compared by characters', () => {
    expect(units('띄어쓰기가전혀없는문장입니다')).toHaveLength(14)
    expect(units('띄어쓰기가 있는 문장입니다')).toEqual(['띄어쓰기가', '있는', '문장입니다'])
    const contamination = new Contamination()
    contamination.add('東京都渋谷区で開かれた会議には多くの人が集まった')
    expect(contamination.find('昨日東京都渋谷区で開かれた会議には誰も来なかった')).toBe(
      '東 京 都 渋 谷 区 で 開 か れ た 会 議',
    )
    expect(contamination.find('昨日東京都渋谷区で開かれた')).toBeUndefined()
  })

  test('without evaluation sets nothing is found', () => {
    expect(new Contamination().find(words(50))).toBeUndefined()
    expect(new Contamination().find('')).toBeUndefined()
  })
})
