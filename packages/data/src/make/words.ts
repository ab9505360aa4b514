import type { Random } from '@modu/model'
import { between, pick } from './choose.ts'
import type { Operator } from './working.ts'

/* Words that tasks are made of. */

export const people = '민수 지훈 서연 하늘 유진 도윤 수아 준호 은비 태현 소희 재민 나래 동욱 미나 현우'.split(' ')

/** How an operation is told: 12에 3을 더하고, 12에서 3을 빼면. */
export const tellings: Readonly<Record<Operator, { start: string; object: string; going: string; last: string }>> = {
  '+': { start: '에', object: '을/를', going: '더하고', last: '더하면' },
  '-': { start: '에서', object: '을/를', going: '빼고', last: '빼면' },
  '×': { start: '에', object: '을/를', going: '곱하고', last: '곱하면' },
  '÷': { start: '을/를', object: '으로/로', going: '나누고', last: '나누면' },
}

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
  ['달걀', '개'],
  ['감자', '개'],
  ['고구마', '개'],
  ['만두', '개'],
  ['초콜릿', '개'],
  ['풍선', '개'],
  ['단추', '개'],
  ['블록', '개'],
  ['동전', '개'],
  ['수첩', '권'],
  ['카드', '장'],
  ['딱지', '장'],
  ['사진', '장'],
  ['엽서', '장'],
  ['꽃', '송이'],
  ['양말', '켤레'],
  ['우유', '병'],
  ['주스', '병'],
]

const everyday =
  '학교 병원 도서관 시장 공원 바다 강 산 나무 꽃 구름 별 물 우유 커피 밥 김치 라면 떡 기차 버스 자전거 길 교실 칠판 의자 책상 컴퓨터 전화 동생 강아지 고양이 노래 그림 운동 축구 수영 모자 장갑 양말 신발 우산 가방 지갑 열쇠 시계 안경 거울 수건 비누 칫솔 냄비 접시 숟가락 젓가락 냉장고 세탁기 창문 계단 지붕 마당 울타리 다리 배 비행기 편지 엽서 달력 지도 사진 공책 연필 지우개 가위 풀 종이 상자 리본 풍선 인형 블록 북 피리 감자 고구마 당근 오이 호박 배추 두부 달걀 국수 만두 사과 포도 수박 참외 딸기 복숭아 토끼 여우 사슴 거북 오리 참새 나비 개미 고래'.split(
    ' ',
  )

const syllables =
  '고 구 기 나 노 누 니 다 도 두 디 라 루 리 마 모 무 미 바 보 부 비 사 소 수 시 아 오 우 자 조 주 지 차 초 추 치 카 코 타 토 파 포 하 호 후 희 강 공 남 동 만 봉 산 송 안 영 장 정 천 한'.split(
    ' ',
  )

/** So many different words: of everyday, or coined ones, which nobody can know but from the text they stand in. None ends like a particle. */
export function someWords(random: Random, count: number): string[] {
  const found = new Set<string>()
  const isCoined = random.integer(3) === 0
  while (found.size < count) {
    const coined = () => Array.from({ length: between(random, 2, 3) }, () => pick(random, syllables)).join('')
    found.add(isCoined ? coined() : pick(random, everyday))
  }
  return [...found]
}
