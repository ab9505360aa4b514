import { isDeepStrictEqual } from 'node:util'
import type { Random } from '@modu/model'
import { between, pick, sample } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { spoken } from '../verify.ts'
import { people, things } from '../words.ts'

type Fields = Readonly<Record<string, string | number>>

interface Story {
  readonly text: string
  readonly fields: Fields
}

const cities = '서울 부산 대구 인천 광주 대전 울산 수원 전주 강릉 제주 춘천'.split(' ')
const jobs = '간호사 교사 요리사 기자 회사원 개발자 소방관 화가'.split(' ')
const events = '회의 면접 발표 모임 상담 수업'.split(' ')
const weekdays = '월요일 화요일 수요일 목요일 금요일 토요일 일요일'.split(' ')
const surnames = '김 이 박 최 정 강 조 윤'.split(' ')

const fullName = (random: Random): string => pick(random, surnames) + pick(random, people)

const stories: readonly ((random: Random) => Story)[] = [
  random => {
    const [이름, 나이, 도시, 직업] = [
      fullName(random),
      between(random, 19, 70),
      pick(random, cities),
      pick(random, jobs),
    ]
    const text = pick(random, [
      `안녕하세요. 저는 ${도시}에 사는 ${나이}살 ${직업} ${이름}입니다.`,
      `${이름} 씨는 ${나이}살이고 ${도시}에서 ${직업}으로/로 일해요.`,
      `올해 ${나이}살인 ${이름} 씨의 직업은 ${직업}이에요/예요. 사는 곳은 ${도시}이에요/예요.`,
    ])
    return { text, fields: { 이름, 나이, 도시, 직업 } }
  },
  random => {
    const [상품, counter] = pick(random, things)
    const [수량, 가격] = [between(random, 2, 30), between(random, 5, 300) * 100]
    const text = pick(random, [
      `${상품} ${수량}${counter}을/를 주문할게요. 가격은 모두 ${가격}원이죠?`,
      `주문 내역: ${상품} ${수량}${counter}, 합계 ${가격}원.`,
      `어제 ${상품}을/를 ${수량}${counter} 사고 ${가격}원을 냈어요.`,
    ])
    return { text, fields: { 상품, 수량, 가격 } }
  },
  random => {
    const [일정, 요일, 시각, 장소] = [
      pick(random, events),
      pick(random, weekdays),
      pick(random, [`오전 ${between(random, 9, 11)}시`, `오후 ${between(random, 1, 8)}시`]),
      pick(random, ['회의실', '도서관', '강당', '카페', '2층 교실', '본사', '시청']),
    ]
    const text = pick(random, [
      `${요일} ${시각}에 ${장소}에서 ${일정}이/가 있어요.`,
      `${일정} 안내: ${요일} ${시각}, 장소는 ${장소}입니다.`,
      `이번 ${일정}은/는 ${장소}에서 해요. ${요일} ${시각}까지 와 주세요.`,
    ])
    return { text, fields: { 일정, 요일, 시각, 장소 } }
  },
  random => {
    const [출발, 도착] = sample(random, cities, 2) as [string, string]
    const [인원, 교통편] = [between(random, 1, 9), pick(random, ['기차', '버스', '비행기'])]
    const text = pick(random, [
      `${출발}에서 ${도착}까지 ${교통편} 표 ${인원}장 부탁해요. 모두 ${인원}명이 가요.`,
      `${인원}명이 ${교통편}으로/로 ${출발}에서 ${도착}에 가려고 해요.`,
      `${출발} 출발, ${도착} 도착, ${교통편}, 승객 ${인원}명.`,
    ])
    return { text, fields: { 출발, 도착, 교통편, 인원 } }
  },
  random => {
    const [지역, 날씨, 최저, 최고] = [
      pick(random, cities),
      pick(random, ['맑음', '흐림', '비', '눈']),
      between(random, 1, 12),
      between(random, 13, 34),
    ]
    const text = pick(random, [
      `${지역}의 오늘 날씨는 ${날씨}, 최저 ${최저}도, 최고 ${최고}도입니다.`,
      `오늘 ${지역} 예보: ${날씨}. 기온은 ${최저}도에서 ${최고}도 사이예요.`,
    ])
    return { text, fields: { 지역, 날씨, 최저, 최고 } }
  },
]

/** The last JSON object in the reply, inside a code block or not. */
function objectIn(reply: string): unknown {
  const text = /\{[^{}]*\}(?![\s\S]*\{)/.exec(spoken(reply))?.[0]
  try {
    return text && JSON.parse(text)
  } catch {
    return undefined
  }
}

/** One line, with spaces as people write it. */
const toJson = (fields: Fields): string =>
  `{${Object.entries(fields)
    .map(([name, value]) => `"${name}": ${JSON.stringify(value)}`)
    .join(', ')}}`

/** Fields of a short text as JSON; numbers are numbers. */
export const extraction: MakeTask = random => {
  const { text, fields } = pick(random, stories)(random)
  const all = Object.keys(fields)
  const names = sample(random, all, between(random, 2, all.length))
  const wanted: Fields = Object.fromEntries(names.map(name => [name, fields[name]!]))
  const list = names.join(', ')
  const question = pick(random, [
    `다음 글에서 ${list}을/를 JSON으로 뽑아 주세요.\n${text}`,
    `"${text}" 여기에서 ${list}을/를 찾아 JSON으로 답해 줘. 수는 숫자만 써 줘.`,
    `${text}\n\n위 글의 ${list}을/를 JSON 객체로 정리해 주세요.`,
  ])
  const changed = names[0]!
  const value = wanted[changed]!
  const wrong = { ...wanted, [changed]: typeof value === 'number' ? value + 1 : `${value}들` }
  return {
    question: fitParticles(question),
    reasoning: fitParticles(`${names.map(name => `${name}은/는 ${wanted[name]}`).join(', ')}이다.`),
    answer: toJson(wanted),
    wrong: toJson(wrong),
    verify: reply => isDeepStrictEqual(objectIn(reply), wanted),
  }
}
