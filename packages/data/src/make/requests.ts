import type { Random } from '@modu/model'
import { between, pick } from './choose.ts'
import { withCommas } from './korean.ts'
import {
  adjustable,
  chore,
  city,
  contact,
  day,
  device,
  documentTopic,
  event,
  machine,
  message,
  nearDay,
  object,
  sentence,
  time,
  webTopic,
} from './requestWords.ts'

export interface Call {
  readonly name: string
  readonly arguments: Readonly<Record<string, string | number>>
}

/** A request, the call that answers it, and why. */
export interface Request {
  readonly text: string
  readonly call: Call
  readonly reason: string
}

type MakeRequest = (random: Random) => Request

const request = (text: string, name: string, args: Call['arguments'], reason: string): Request => ({
  text,
  call: { name, arguments: args },
  reason,
})

/** How a wish ends: "날씨 알려 줘", "날씨 좀 알려 주세요". */
const ask = (random: Random, verb: string): string =>
  pick(random, [
    `${verb} 줘`,
    `${verb} 줘.`,
    `${verb} 주세요`,
    `${verb} 주세요.`,
    `${verb} 줄래?`,
    `${verb} 줄 수 있어요?`,
    `${verb}줘`,
  ])

const getWeather: MakeRequest = random => {
  const [where, when] = [city(random), nearDay(random)]
  const text = pick(random, [
    `${when} ${where} 날씨 ${ask(random, '알려')}`,
    `${where} ${when} 날씨 어때`,
    `${where}은/는 ${when} 날씨가 어때요?`,
    `${when} ${where}에 비가 올까?`,
    `${when} ${where} 가는데 우산 필요할까요?`,
    `${when} ${where} 추울까?`,
    `${where} ${when} 미세먼지 어때`,
    `나 ${where} 사는데 ${when} 빨래 널어도 될까`,
    `${when} ${where}에서 ${pick(random, ['캠핑', '등산', '낚시', '산책'])}하려는데 날씨 괜찮아?`,
    `${where} ${when} 몇 도야?`,
  ])
  return request(text, 'get_weather', { city: where, date: when }, `${when} ${where}의 날씨를 봐야 한다.`)
}

const addEvent: MakeRequest = random => {
  const [title, date, at] = [event(random), day(random), time(random)]
  const text = pick(random, [
    `${date} ${at}에 ${title} 일정 ${ask(random, '넣어')}`,
    `${title} 일정을 ${date} ${at}으로/로 ${ask(random, '추가해')}`,
    `캘린더에 ${date} ${at} ${title} ${ask(random, '적어')}`,
    `${date} ${at} ${title} 등록 부탁해`,
    `${date} ${at}에 ${title} 있어. 달력에 ${ask(random, '올려')}`,
    `${title} ${date} ${at}이야. 일정에 ${ask(random, '저장해')}`,
  ])
  const reason = `${date} ${at}에 ${title} 일정을 넣어야 한다.`
  return request(text, 'add_event', { title, date, time: at }, reason)
}

const addEventOfDay: MakeRequest = random => {
  const [title, date] = [event(random), day(random)]
  const text = pick(random, [
    `${date} ${title} ${ask(random, '넣어')}`,
    `${date} ${title} 일정 ${ask(random, '추가해')}`,
    `${title} ${date}이래. 캘린더에 ${ask(random, '적어')}`,
  ])
  return request(text, 'add_event', { title, date }, `${date}에 ${title} 일정을 넣어야 한다.`)
}

const listEvents: MakeRequest = random => {
  const date = day(random)
  const text = pick(random, [
    `${date} 일정 ${ask(random, '알려')}`,
    `${date} 무슨 일정이 있어요?`,
    `${date} 내 스케줄 좀 ${ask(random, '확인해')}`,
    `${date} 뭐 잡혀 있어?`,
    `${date} 비어 있는지 ${ask(random, '봐')}`,
    `${date} 약속 있나?`,
    `${date} 회의가 몇 시더라`,
    `${date} 일정 조회`,
  ])
  return request(text, 'list_events', { date }, `${date}의 일정을 찾아봐야 한다.`)
}

const setReminder: MakeRequest = random => {
  const { note, told } = chore(random)
  const at = pick(random, [
    () => time(random),
    () => `${day(random)} ${time(random)}`,
    () => `${between(random, 1, 12) * 5}분 뒤`,
    () => `${between(random, 2, 8)}시간 뒤`,
  ])()
  const text = pick(random, [
    `${at}에 ${told} ${ask(random, '알려')}`,
    `${at}에 '${note}' 알림 ${ask(random, '맞춰')}`,
    `'${note}' 알림을 ${at}으로/로 설정해 주세요.`,
    `${at}에 ${told} 말해 줘`,
    `${note} 자꾸 까먹어. ${at}에 ${ask(random, '알려')}`,
    `${at} ${note} 알람`,
  ])
  return request(text, 'set_reminder', { text: note, time: at }, `${at}에 알림을 맞춰야 한다. 내용은 ${note}이다.`)
}

const calculate: MakeRequest = random => {
  const [a, b] = [between(random, 12, 9999), between(random, 2, 99)]
  const [price, count] = [between(random, 5, 500) * 100, between(random, 2, 40)]
  const [text, expression] = pick(random, [
    [`${a} 더하기 ${b}을/를 ${ask(random, '계산해')}`, `${a}+${b}`],
    [`${a}에서 ${b} 빼면?`, `${a}-${b}`],
    [`${a} 곱하기 ${b}은/는? 계산기로 ${ask(random, '알려')}`, `${a}*${b}`],
    [`${a} 나누기 ${b} ${ask(random, '계산해')}`, `${a}/${b}`],
    [`${price}원짜리 ${object(random)} ${count}개면 모두 얼마야?`, `${price}*${count}`],
    [`한 사람에 ${withCommas(price)}원씩 ${count}명이면 총액은?`, `${price}*${count}`],
    [`${price * count}원을 ${count}명이 나누면 한 사람에 얼마씩이야?`, `${price * count}/${count}`],
    [`${price * 10}원의 ${b}퍼센트는 얼마예요?`, `${price * 10}*${b}/100`],
    [`${object(random)} ${price}원, ${object(random)} ${a}원 더하면 얼마?`, `${price}+${a}`],
    [`${a}×${b} 얼마인지 ${ask(random, '계산해')}`, `${a}*${b}`],
  ])
  return request(text, 'calculate', { expression }, `${expression}을/를 계산해야 한다.`)
}

const languages = ['영어', '일본어', '중국어', '프랑스어', '스페인어', '독일어', '베트남어', '태국어', '러시아어']

const translate: MakeRequest = random => {
  const [text, to] = [sentence(random), pick(random, languages)]
  const asked = pick(random, [
    `"${text}"을/를 ${to}로 ${ask(random, '번역해')}`,
    `${to}로 "${text}"을/를 뭐라고 해요?`,
    `이 말을 ${to}로 옮겨 주세요: "${text}"`,
    `"${text}" ${to}로 어떻게 말해?`,
    `외국인 손님한테 보여 주게 "${text}" ${to}로`,
    `${to}로 '${text}' ${ask(random, '바꿔')}`,
  ])
  return request(asked, 'translate', { text, to }, `"${text}"을/를 ${to}로 번역해야 한다.`)
}

const makeCall: MakeRequest = random => {
  const to = contact(random)
  const text = pick(random, [
    `${to}에게 전화 ${ask(random, '걸어')}`,
    `${to}한테 전화해 주세요.`,
    `${to}에 전화 좀 ${ask(random, '연결해')}`,
    `${to} 통화 연결 부탁드려요`,
    `${to}한테 전화`,
    `${to}와/과 통화하고 싶어`,
  ])
  return request(text, 'make_call', { to }, `${to}에게 전화를 걸어야 한다.`)
}

const sendSms: MakeRequest = random => {
  const to = contact(random)
  const { told, text } = message(random)
  const quoted = sentence(random)
  const [asked, body] = pick(random, [
    [`${to}한테 ${told} 문자 ${ask(random, '보내')}`, text],
    [`${to}에게 ${told} 문자 좀 ${ask(random, '넣어')}`, text],
    [`${told} ${to}한테 문자로 ${ask(random, '전해')}`, text],
    [`${to}한테 문자 보내 ${told}`, text],
    [`${to}에게 "${quoted}"라고 문자 ${ask(random, '보내')}`, quoted],
    [`"${quoted}"라고 ${to}한테 문자 좀 보내 주세요.`, quoted],
    [`${to}에게 문자 부탁해. 내용은 "${quoted}"`, quoted],
  ])
  const reason = `${to}에게 문자를 보내야 한다. 내용은 "${body}"이다.`
  return request(asked, 'send_sms', { to, text: body }, reason)
}

const sendEmail: MakeRequest = random => {
  const to = contact(random)
  const [thing, what] = [object(random), event(random)]
  const [told, subject, body] = pick(random, [
    [`${thing} 다시 보내 달라고`, `${thing} 재요청`, `${thing}을/를 다시 보내 주시면 감사하겠습니다.`],
    [`${thing} 확인해 달라고`, `${thing} 확인 요청`, `${thing}을/를 확인해 주시기 바랍니다.`],
    [`${what} 미루자고`, `${what} 연기 요청`, `${what}을/를 미룰 수 있는지 여쭙니다.`],
    [`${what} 시간이 바뀌었다고`, `${what} 시간 변경 안내`, `${what} 시간이 바뀌었습니다. 참고해 주세요.`],
    [`${what} 초대한다고`, `${what} 초대`, `${what}에 초대합니다. 꼭 와 주세요.`],
  ] as const)
  const text = pick(random, [
    `${to}에게 ${told} 메일 ${ask(random, '보내')}`,
    `${to}한테 ${told} 이메일 ${ask(random, '써')}`,
    `${told} ${to}에게 메일 한 통 부탁해요`,
    `메일로 ${to}한테 ${told} 정중히 ${ask(random, '알려')}`,
  ])
  const args = { to, subject, body: `안녕하세요, ${to}. ${body}` }
  return request(text, 'send_email', args, `${to}에게 메일을 보내야 한다. 제목은 ${subject}이다.`)
}

const switchDevice: MakeRequest = random => {
  const what = device(random)
  const [action, verb, plain] = pick(random, [
    ['켜기', '켜', '켜'],
    ['끄기', '꺼', '꺼'],
  ] as const)
  const text = pick(random, [
    `${what} ${ask(random, verb)}`,
    `${what} 좀 ${ask(random, verb)}`,
    `지금 ${what}을/를 ${ask(random, verb)}`,
    `${what} ${plain}`,
    action === '켜기' ? `어두워. ${what} 좀 켜` : `나 나간다. ${what} 꺼`,
  ])
  return request(text, 'control_device', { device: what, action }, `${what}의 동작은 ${action}이다.`)
}

const turnDevice: MakeRequest = random => {
  const what = adjustable(random)
  const [action, verb] = pick(random, [
    ['올리기', '올려'],
    ['올리기', '키워'],
    ['내리기', '내려'],
    ['내리기', '줄여'],
  ] as const)
  const text = pick(random, [
    `${what} 좀 ${ask(random, verb)}`,
    `${what} 조금만 ${ask(random, verb)}`,
    `${what} ${verb}`,
  ])
  return request(text, 'control_device', { device: what, action }, `${what}의 동작은 ${action}이다.`)
}

const setDevice: MakeRequest = random => {
  const what = pick(random, [
    '에어컨',
    '보일러',
    '전기장판',
    '온수 매트',
    '거실 에어컨',
    '안방 보일러',
    '냉장고',
    '오븐',
  ])
  const value = between(random, 2, 40)
  const text = pick(random, [
    `${what} ${value}도로 ${ask(random, '맞춰')}`,
    `${what} 온도를 ${value}도로 설정해 주세요.`,
    `${what} ${value}도로 해`,
    `${what} ${value}도 부탁`,
  ])
  const args = { device: what, action: '설정', value }
  return request(text, 'control_device', args, `${what}을/를 ${value}도로 설정해야 한다.`)
}

const webSearch: MakeRequest = random => {
  const query = webTopic(random)
  const text = pick(random, [
    `${query} ${ask(random, '검색해')}`,
    `인터넷에서 ${query} ${ask(random, '찾아')}`,
    `${query} 웹에서 좀 찾아봐`,
    `${query} 좀 ${ask(random, '알아봐')}`,
    `${query} 검색 부탁해요`,
  ])
  return request(text, 'web_search', { query }, `${query}을/를 인터넷에서 찾아야 한다.`)
}

const searchDocs: MakeRequest = random => {
  const query = documentTopic(random)
  const text = pick(random, [
    `회사 문서에서 ${query} ${ask(random, '찾아')}`,
    `사내 규정에 ${query}이/가 있는지 ${ask(random, '확인해')}`,
    `${query} 사내 문서에서 찾아봐`,
    `우리 회사 ${query} 어디 나와 있어?`,
    `${query} 공지 ${ask(random, '찾아')}`,
  ])
  return request(text, 'search_docs', { query }, `${query}을/를 회사 문서에서 찾아야 한다.`)
}

const readSensor: MakeRequest = random => {
  const what = machine(random)
  const sensor = pick(random, ['온도', '압력', '습도', '진동', '전류', '회전 속도', '수위', '유량', '연료량', '소음'])
  const text = pick(random, [
    `${what} ${sensor} ${ask(random, '확인해')}`,
    `${what} ${sensor} 값 읽어 봐`,
    `${what} ${sensor}이/가 얼마예요?`,
    `지금 ${what} ${sensor} 좀 봐 줘`,
  ])
  return request(text, 'read_sensor', { machine: what, sensor }, `${what}의 ${sensor}을/를 읽어야 한다.`)
}

const stopMachine: MakeRequest = random => {
  const what = machine(random)
  const [told, reason] = pick(random, [
    ['연기가 나', '연기 발생'],
    ['이상한 소리가 나', '이상 소음'],
    ['사람 손이 끼었어', '끼임 사고'],
    ['불꽃이 튀어', '불꽃 발생'],
    ['기름이 새', '기름 누출'],
    ['칼날에 금이 갔어', '칼날 균열'],
    ['과열됐어', '과열'],
  ] as const)
  const text = pick(random, [
    `${what}에서 사고야! ${told}. 멈춰!`,
    `${what} 당장 ${ask(random, '세워')} ${told}`,
    `${what} 정지. ${told}`,
    `${told}요! ${what} 멈춰 주세요`,
  ])
  return request(text, 'stop_machine', { machine: what, reason }, `${what}을/를 멈춰야 한다. 까닭은 ${reason}이다.`)
}

const createWorkOrder: MakeRequest = random => {
  const [what, priority] = [machine(random), pick(random, ['낮음', '보통', '높음', '긴급'])]
  const task = `${pick(random, ['벨트', '필터', '베어링', '문', '전선', '오일', '센서', '바퀴', '칼날', '모터'])} ${pick(random, ['교체', '점검', '청소', '수리'])}`
  const text = pick(random, [
    `${what} ${task} 작업지시 ${ask(random, '만들어')} ${priority}으로/로`,
    `${what} ${task} 요청을 ${priority}으로/로 ${ask(random, '올려')}`,
    `${what} ${task} 작업지시, 우선순위는 ${priority}`,
  ])
  const args = { machine: what, task, priority }
  return request(text, 'create_work_order', args, `${what}의 ${task}을/를 ${priority}으로/로 맡겨야 한다.`)
}

const robotSkill: MakeRequest = random => {
  const thing = object(random)
  const place = pick(random, ['탁자', '의자', '소파', '싱크대', '현관', '창가', '책상', '바구니', '선반', '문 앞'])
  const [text, args] = pick<readonly [string, Call['arguments']]>(random, [
    [`${thing} ${ask(random, '집어')}`, { skill: '잡기', object: thing }],
    [`${thing} ${ask(random, '들어')}`, { skill: '잡기', object: thing }],
    [`${thing}을/를 ${place}에 ${ask(random, '내려놔')}`, { skill: '놓기', object: thing, place }],
    [`${place}으로/로 가`, { skill: '걷기', place }],
    [`${place} 쪽으로 걸어가 봐`, { skill: '걷기', place }],
    [`${thing} 좀 바라봐`, { skill: '바라보기', object: thing }],
    [`${thing} 나한테 건네 줘`, { skill: '건네기', object: thing }],
    ['거기 멈춰', { skill: '멈추기' }],
    ['이제 앉아', { skill: '앉기' }],
    ['일어나 봐', { skill: '일어서기' }],
    ['손님한테 손 흔들어', { skill: '손흔들기', object: '손님' }],
  ])
  return request(text, 'robot_skill', args, `로봇의 동작은 ${args.skill}이다.`)
}

/** All kinds of requests; their tools are defined with the conversations of the recipes (`tools.json`). */
export const requests: readonly MakeRequest[] = [
  getWeather,
  getWeather,
  addEvent,
  addEvent,
  addEventOfDay,
  listEvents,
  setReminder,
  setReminder,
  calculate,
  calculate,
  translate,
  makeCall,
  sendSms,
  sendSms,
  sendEmail,
  switchDevice,
  switchDevice,
  turnDevice,
  setDevice,
  webSearch,
  webSearch,
  searchDocs,
  searchDocs,
  readSensor,
  stopMachine,
  createWorkOrder,
  robotSkill,
]

export const toolNames: readonly string[] =
  'get_weather add_event list_events set_reminder calculate translate make_call send_sms send_email control_device web_search search_docs read_sensor stop_machine create_work_order robot_skill'.split(
    ' ',
  )
