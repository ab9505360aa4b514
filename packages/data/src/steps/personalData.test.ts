import { Random } from '@modu/model'
import { describe, expect, test } from 'vitest'
import { type PersonalKind, personalKinds } from './personal/rule.ts'
import { maskPersonalData } from './personalData.ts'

const random = new Random(5)
const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)]!
const digits = (n: number): string => Array.from({ length: n }, () => random.integer(10)).join('')
const between = (from: number, to: number): number => from + random.integer(to - from + 1)
const padded = (n: number): string => String(n).padStart(2, '0')

function registrationNumber(gender: readonly number[], shift: number): string {
  const head = `${padded(between(0, 99))}${padded(between(1, 12))}${padded(between(1, 28))}${pick(gender)}${digits(5)}`
  const sum = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5].reduce((total, w, i) => total + w * Number(head[i]), 0)
  const whole = `${head}${(shift - (sum % 11)) % 10}`
  return `${whole.slice(0, 6)}${pick(['-', '-', '-', '', ' - '])}${whole.slice(6)}`
}

function cardNumber(): string {
  const head = `${pick(['4', '51', '53', '35', '94', '62'])}${digits(14)}`.slice(0, 15)
  const sum = [...head].reverse().reduce((total, char, i) => {
    const doubled = Number(char) * (i % 2 === 0 ? 2 : 1)
    return total + (doubled > 9 ? doubled - 9 : doubled)
  }, 0)
  return `${head}${(10 - (sum % 10)) % 10}`.replace(/(\d{4})(?=\d)/g, `$1${pick(['-', ' ', ''])}`)
}

function phoneNumber(): string {
  const gap = pick(['-', '-', '-', '.', ' '])
  const middle = String(between(2000, 9999))
  return pick([
    `010${gap}${middle}${gap}${digits(4)}`,
    `010${middle}${digits(4)}`,
    `${pick(['011', '016', '019'])}${gap}${between(200, 999)}${gap}${digits(4)}`,
    `${pick(['02', '031', '051', '062', '064', '070'])}${gap}${between(200, 9999)}${gap}${digits(4)}`,
    `${pick(['02', '032', '053'])})${between(200, 9999)}-${digits(4)}`,
    `(${pick(['02', '041'])}) ${between(200, 999)}-${digits(4)}`,
    `+82${pick(['-', ' '])}10${gap}${middle}${gap}${digits(4)}`,
    `+82 (0)10-${middle}-${digits(4)}`,
    `+82-2-${between(200, 9999)}-${digits(4)}`,
    `연락처: 02${digits(8)}`,
  ])
}

function account(): string {
  const number = pick([
    `${digits(3)}-${digits(3)}-${digits(6)}`,
    `${digits(6)}-${digits(2)}-${digits(6)}`,
    `3333-${digits(2)}-${digits(7)}`,
    `1${digits(11)}`,
  ])
  const bank = pick(['국민은행', '신한은행', '농협', '카카오뱅크', '우리은행', '하나은행', '새마을금고'])
  return pick([`${bank} ${number}`, `계좌번호: ${number}`, `${number} (${bank})`, `${bank} 계좌 ${number}`])
}

const town = () =>
  pick([
    '서울 강남구',
    '서울특별시 종로구',
    '부산광역시 해운대구',
    '경기도 수원시 영통구',
    '전주시 완산구',
    '제주시',
    '강원도 춘천시',
    '대구 수성구',
  ])

function address(): string {
  return pick([
    `${town()} ${pick(['테헤란로', '세종대로', '중앙로', '해맞이길', '월드컵북로'])} ${between(1, 400)}`,
    `${town()} 봉은사로${between(2, 60)}길 ${between(1, 99)}-${between(1, 30)}`,
    `${town()} 광교로 ${between(1, 300)} ${between(101, 120)}동 ${between(101, 2500)}호`,
    `${town()} ${pick(['역삼동', '효자동', '우동', '신성리'])} ${between(1, 900)}-${between(1, 60)}`,
    `${town()} 남면 상수리 ${between(1, 900)}번지`,
  ])
}

const letters = 'abcdefghijklmnopqrstuvwxyz'
const name = () => Array.from({ length: between(3, 9) }, () => pick([...letters])).join('')

const make: Readonly<Record<PersonalKind, () => string>> = {
  주민등록번호: () => registrationNumber([1, 2, 3, 4], 11),
  외국인등록번호: () => registrationNumber([5, 6, 7, 8], 13),
  카드번호: cardNumber,
  계좌번호: account,
  전화번호: phoneNumber,
  여권번호: () =>
    pick([`M${digits(3)}${pick([...'ABCDEFGH'])}${digits(4)}`, `여권번호는 M${digits(8)}`, `여권 JR${digits(7)}`]),
  이메일: () =>
    `${name()}${pick(['', '.', '_', '+'])}${name()}${digits(2)}@${name()}.${pick(['com', 'co.kr', 'net', 'go.kr'])}`,
  주소: address,
}

const around: readonly (readonly [string, string])[] = [
  ['', ''],
  ['저는 ', '입니다.'],
  ['문의는 ', '로 주세요.'],
  ['어제 받은 내용은 (', ')라고 적혀 있었다.'],
  ['비고: ', ', 확인 바랍니다'],
  ['1. ', '\n2. 끝'],
]

/** Lines full of numbers that are nobody's. */
const clean: readonly (() => string)[] = [
  () => `${between(1900, 2026)}-${padded(between(1, 12))}-${padded(between(1, 28))}에 나온 기사`,
  () => `${between(1990, 2026)}.${between(1, 12)}.${between(1, 28)}. ${between(1, 23)}:${padded(between(0, 59))} 입력`,
  () => `전쟁은 ${between(1500, 1999)}-${between(1500, 1999)}년에 일어났다`,
  () => `값은 ${between(1, 999)},${digits(3)},${digits(3)}원이고 배송비는 ${between(2, 9)},000원`,
  () => `예산 ${between(1000, 9999)}${digits(8)}원`,
  () => `ISBN 978-89-${digits(4)}-${digits(3)}-${digits(1)} (${between(100, 900)}쪽)`,
  () => `ISBN 97889${digits(8)}`,
  () => `버전 ${between(0, 20)}.${between(0, 99)}.${between(0, 9999)}으로 올렸다`,
  () => `서버 주소는 192.168.${between(0, 255)}.${between(0, 255)}이다`,
  () => `주문번호 ${between(2020, 2026)}${padded(between(1, 12))}${padded(between(1, 28))}-${digits(7)}`,
  () => `송장번호 ${between(1, 9)}${digits(11)}`,
  () => `법률 제${between(1000, 20000)}호 제${between(1, 200)}조 제${between(1, 9)}항`,
  () =>
    `대법원 ${between(1990, 2025)}. ${between(1, 12)}. ${between(1, 28)}. 선고 ${between(1990, 2025)}다${digits(5)} 판결`,
  () => `사업자등록번호 ${digits(3)}-${digits(2)}-${digits(5)}`,
  () => `원주율은 3.${digits(15)}…이다`,
  () => `경기는 ${between(0, 9)}-${between(0, 9)}으로 끝났고 관중은 ${between(1000, 60000)}명`,
  () => `앞으로 ${between(1, 99)}명, 실제로 ${between(1, 99)}번, 최대로 ${between(1, 99)}개까지`,
  () => `서울 강남구에서 새로 ${between(2, 40)}곳이 문을 열었다`,
  () => `서울 종로구 인구는 ${between(100000, 200000)}명으로 ${between(1, 9)}.${between(1, 9)}% 줄었다`,
  () => `부산 해운대구는 앞으로 ${between(2, 20)}년 동안 ${between(100, 900)}억 원을 쓴다`,
  () => `경기 수원시 팔달구 인계동 ${between(2, 30)}개 점포`,
  () => `해시 ${between(1, 9)}a${digits(6)}f${digits(10)}, 시각 17${digits(11)}`,
  () =>
    `국민은행은 ${between(2001, 2024)}-${padded(between(1, 12))}-${padded(between(1, 28))}에 지점 ${between(10, 900)}곳을 닫았다`,
  () => `좌표 37.${digits(6)}, 127.${digits(6)}`,
  () => `1588-${digits(4)}로 전화하면 대표 상담원이 받는다`,
  () => `@모두 ${between(1, 99)}번 글과 #${between(1, 9999)} 참고, react@${between(15, 19)}.${between(0, 9)}.0`,
  () => `git clone git@github.com:modu/modu.git, 예: ${name()}@example.com`,
  () => `모델명 SM-G${digits(3)}N, 규격 ${between(100, 900)}x${between(100, 900)}x${between(10, 90)}mm`,
]

describe('personal data of a generated set', () => {
  test.each(personalKinds)('%s: at least 98% is masked', kind => {
    const missed: string[] = []
    for (let i = 0; i < 1000; i++) {
      const [before, behind] = pick(around)
      const text = `${before}${make[kind]()}${behind}`
      const { counts } = maskPersonalData(text)
      if (counts[kind] !== 1) missed.push(text)
    }
    expect(missed.length, missed.slice(0, 8).join('\n')).toBeLessThanOrEqual(20)
  })

  test('fewer than 1% of clean lines are touched', () => {
    const touched: string[] = []
    const lines = 10_000
    for (let i = 0; i < lines; i++) {
      const text = pick(clean)()
      const masked = maskPersonalData(text).text
      if (masked !== text) touched.push(`${text} → ${masked}`)
    }
    expect(touched.length, touched.slice(0, 20).join('\n')).toBeLessThan(lines / 100)
  })
})

describe('masking', () => {
  test('says what stood there, leaves the rest, counts by kind', () => {
    expect(maskPersonalData('김모두(010-1234-5678, modu.kim@naver.com)에게 02-123-4567로')).toEqual({
      text: '김모두([전화번호], [이메일])에게 [전화번호]로',
      counts: { 이메일: 1, 전화번호: 2 },
    })
    expect(maskPersonalData('서울특별시 종로구 세종대로 110 3층에서 만나요').text).toBe('[주소]에서 만나요')
    expect(maskPersonalData('국민은행 123456-01-123456 예금주')).toEqual({
      text: '국민은행 [계좌번호] 예금주',
      counts: { 계좌번호: 1 },
    })
  })

  test.each([
    ['TEL.031.123.4567', 'TEL.[전화번호]'],
    ['010 - 1234 - 5678', '[전화번호]'],
    ['010)1234-5678', '[전화번호]'],
    ['제주 064-123-4567', '제주 [전화번호]'],
    ['광주 동구 5·18민주로 518에서', '[주소]에서'],
    ['서울 강남구 역삼동 736-1 한빛빌딩 3층 301호', '[주소]'],
    ['서울 종로 3가에서', '서울 종로 3가에서'],
    ['부산 해운대구 바닷길 12km', '부산 해운대구 바닷길 12km'],
    ['누구 앞으로 3통, 다시 새로 3번', '누구 앞으로 3통, 다시 새로 3번'],
    ['법인등록번호 110111-1234567', '법인등록번호 110111-1234567'],
  ])('%s', (text, masked) => expect(maskPersonalData(text).text).toBe(masked))

  test('a registration number needs its check digit, or a word that says what it is', () => {
    expect(maskPersonalData('900101-1234568').text).toBe('[주민등록번호]')
    expect(maskPersonalData('900101-1234567').text).toBe('900101-1234567')
    expect(maskPersonalData('주민등록번호: 210301-3234567').text).toBe('주민등록번호: [주민등록번호]')
    expect(maskPersonalData('주민등록번호: 901301-1234567').text).toBe('주민등록번호: 901301-1234567')
  })

  test('a card number needs its check digit', () => {
    expect(maskPersonalData('4111-1111-1111-1111').text).toBe('[카드번호]')
    expect(maskPersonalData('4111-1111-1111-1112').text).toBe('4111-1111-1111-1112')
  })

  test('long runs of digits and letters take no time to speak of', () => {
    for (const text of ['a'.repeat(200_000), '1'.repeat(200_000), '1-'.repeat(100_000), '가로 '.repeat(60_000)]) {
      expect(maskPersonalData(`${text} 1@`).counts).toEqual({})
    }
  })
})
