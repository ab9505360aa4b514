import { isDeepStrictEqual } from 'node:util'
import type { Random } from '@modu/model'
import { between, pick, sample } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { spoken } from '../verify.ts'
import { people } from '../words.ts'

interface Call {
  readonly name: string
  readonly arguments: Readonly<Record<string, string | number>>
}

/** A request, the call that answers it, and why. */
interface Request {
  readonly text: string
  readonly call: Call
  readonly reason: string
}

const cities = '서울 부산 대구 인천 광주 대전 울산 수원 전주 강릉 제주 춘천 속초 여수 목포 청주'.split(' ')
const days = '오늘 내일 모레 주말'.split(' ')
const dates = (random: Random): string =>
  pick(random, [
    '내일',
    '모레',
    '월요일',
    '화요일',
    '수요일',
    '금요일',
    `${between(random, 1, 12)}월 ${between(random, 1, 28)}일`,
  ])
const times = (random: Random): string =>
  pick(random, [`오전 ${between(random, 6, 11)}시`, `오후 ${between(random, 1, 11)}시`]) +
  pick(random, ['', '', ' 30분'])
const contacts = [...people, '엄마', '아빠', '할머니', '김 과장님', '박 대리님', '선생님', '팀장님']
const phrases =
  '안녕하세요|만나서 반가워요|화장실이 어디예요?|이거 얼마예요?|생일 축하해요|길을 잃었어요|조금 늦을 것 같아요|정말 고마워요|물 한 잔 주세요|내일 다시 올게요|도와주세요|오늘 날씨가 좋네요'.split(
    '|',
  )
const titles =
  '치과 예약|팀 회의|가족 모임|헬스장|면접|동창회|자동차 점검|영어 수업|병원 진료|도서관 가기|점심 약속|이사 준비'.split(
    '|',
  )
const reminders =
  '약 먹기|빨래 널기|가스불 끄기|물 마시기|화분에 물 주기|쓰레기 버리기|전화하기|스트레칭하기|세탁물 찾기|창문 닫기'.split(
    '|',
  )
const devices = '거실 불|침실 불|에어컨|선풍기|공기청정기|텔레비전|보일러|주방 불|가습기|로봇 청소기'.split('|')

const requests: readonly ((random: Random) => Request)[] = [
  random => {
    const [city, date] = [pick(random, cities), pick(random, days)]
    const text = pick(random, [
      `${date} ${city} 날씨 알려 줘.`,
      `${city}은/는 ${date} 날씨가 어때요?`,
      `${date} ${city}에 비가 올까?`,
      `${date} ${city}에 가는데 우산이 필요할까요?`,
    ])
    return {
      text,
      call: { name: 'get_weather', arguments: { city, date } },
      reason: `${date} ${city}의 날씨를 봐야 한다.`,
    }
  },
  random => {
    const [title, date, time] = [pick(random, titles), dates(random), times(random)]
    const text = pick(random, [
      `${date} ${time}에 ${title} 일정 넣어 줘.`,
      `${title} 일정을 ${date} ${time}으로/로 추가해 주세요.`,
      `캘린더에 ${date} ${time} ${title} 적어 줄래?`,
    ])
    return {
      text,
      call: { name: 'add_event', arguments: { title, date, time } },
      reason: `${date} ${time}에 ${title} 일정을 넣어야 한다.`,
    }
  },
  random => {
    const date = dates(random)
    const text = pick(random, [
      `${date} 일정 알려 줘.`,
      `${date} 무슨 일정이 있어요?`,
      `${date} 내 스케줄 좀 확인해 줘.`,
    ])
    return { text, call: { name: 'list_events', arguments: { date } }, reason: `${date}의 일정을 찾아봐야 한다.` }
  },
  random => {
    const reminder = pick(random, reminders)
    const time = pick(random, [times(random), `${between(random, 1, 12) * 5}분 뒤`])
    const request = pick(random, [
      `${time}에 '${reminder}' 알림 맞춰 줘.`,
      `'${reminder}' 알림을 ${time}으로/로 설정해 주세요.`,
      `${time}에 '${reminder}'라고 알려 줄래?`,
    ])
    return {
      text: request,
      call: { name: 'set_reminder', arguments: { text: reminder, time } },
      reason: `${time}에 알림을 맞춰야 한다. 내용은 ${reminder}이다.`,
    }
  },
  random => {
    const [a, b] = [between(random, 12, 9999), between(random, 2, 99)]
    const [word, sign] = pick(random, [
      ['더하기', '+'],
      ['빼기', '-'],
      ['곱하기', '*'],
      ['나누기', '/'],
    ] as const)
    const text = pick(random, [
      `계산기로 ${a} ${word} ${b}을/를 계산해 줘.`,
      `${a} ${word} ${b}, 계산기로 확인해 주세요.`,
      `계산기 써서 알려 줘. ${a} ${word} ${b}은/는?`,
    ])
    const expression = `${a}${sign}${b}`
    return { text, call: { name: 'calculate', arguments: { expression } }, reason: `${expression}을/를 계산해야 한다.` }
  },
  random => {
    const [text, to] = [pick(random, phrases), pick(random, ['영어', '일본어', '중국어', '프랑스어', '스페인어'])]
    const request = pick(random, [
      `"${text}"을/를 ${to}로 번역해 줘.`,
      `${to}로 "${text}"을/를 뭐라고 해요?`,
      `이 말을 ${to}로 옮겨 주세요: "${text}"`,
    ])
    return {
      text: request,
      call: { name: 'translate', arguments: { text, to } },
      reason: `"${text}"을/를 ${to}로 번역해야 한다.`,
    }
  },
  random => {
    const to = pick(random, contacts)
    const text = pick(random, [`${to}에게 전화 걸어 줘.`, `${to}한테 전화해 주세요.`, `${to}에게 전화 좀 연결해 줄래?`])
    return { text, call: { name: 'make_call', arguments: { to } }, reason: `${to}에게 전화를 걸어야 한다.` }
  },
  random => {
    const [to, text] = [pick(random, contacts), pick(random, phrases)]
    const request = pick(random, [
      `${to}에게 "${text}"라고 문자 보내 줘.`,
      `"${text}"라고 ${to}한테 문자 좀 보내 주세요.`,
      `${to}에게 문자 부탁해. 내용은 "${text}"`,
    ])
    return {
      text: request,
      call: { name: 'send_sms', arguments: { to, text } },
      reason: `${to}에게 문자를 보내야 한다. 내용은 "${text}"이다.`,
    }
  },
  random => {
    const device = pick(random, devices)
    const action = pick(random, ['켜기', '끄기'])
    const [plain, polite] = action === '켜기' ? ['켜 줘', '켜 주세요'] : ['꺼 줘', '꺼 주세요']
    const text = pick(random, [`${device} ${plain}.`, `${device} 좀 ${polite}.`, `지금 ${device}을/를 ${plain}.`])
    return {
      text,
      call: { name: 'control_device', arguments: { device, action } },
      reason: `${device}의 동작은 ${action}이다.`,
    }
  },
  random => {
    const [device, value] = [pick(random, ['에어컨', '보일러']), between(random, 18, 28)]
    const text = pick(random, [`${device} ${value}도로 맞춰 줘.`, `${device} 온도를 ${value}도로 설정해 주세요.`])
    return {
      text,
      call: { name: 'control_device', arguments: { device, action: '설정', value } },
      reason: `${device}을/를 ${value}도로 설정해야 한다.`,
    }
  },
]

/** Tools of the requests above, defined with the conversations of the recipes (`tools.json`). */
const toolNames =
  'get_weather add_event list_events set_reminder calculate translate make_call send_sms control_device'.split(' ')

const written = (call: Call): string => `<tool_call>${JSON.stringify(call)}</tool_call>`

/** The calls in the reply; one that is not JSON is undefined. */
function callsIn(reply: string): unknown[] {
  return [...spoken(reply).matchAll(/<tool_call>(.*?)<\/tool_call>/gs)].map(([, call]) => {
    try {
      return JSON.parse(call!)
    } catch {
      return undefined
    }
  })
}

/** A request for which one of the offered tools must be called, with these arguments and no others. */
export const tool: MakeTask = random => {
  const { text, call, reason } = pick(random, requests)(random)
  const others = sample(
    random,
    toolNames.filter(name => name !== call.name),
    between(random, 1, 4),
  )
  const wrong = pick(random, [
    { ...call, name: others[0]! },
    { ...call, arguments: { ...call.arguments, [Object.keys(call.arguments)[0]!]: '다른 것' } },
  ])
  return {
    question: fitParticles(text),
    reasoning: fitParticles(`${reason} ${call.name}을/를 부른다.`),
    answer: written(call),
    wrong: written(wrong),
    tools: sample(random, [call.name, ...others], others.length + 1),
    verify: reply => isDeepStrictEqual(callsIn(reply), [call]),
  }
}
