import type { Random } from '@modu/model'
import { pick } from '../choose.ts'
import { finalSound, fitParticles, type Particle, particleFor, readSino } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { spoken } from '../verify.ts'
import { people, things } from '../words.ts'

const nouns = [
  ...people,
  ...things.map(([noun]) => noun),
  ...'학교 병원 도서관 시장 공원 서울 부산 대구 광주 제주 바다 강 산 하늘 나무 꽃 구름 별 달 물 우유 커피 밥 김치 라면 떡 기차 버스 지하철 자전거 길 교실 칠판 의자 책상 컴퓨터 전화 친구 동생 선생님 부모님 강아지 고양이 여름 겨울 아침 저녁 오늘 내일 노래 그림 음악 운동 축구 수영'.split(
    ' ',
  ),
]

/** What may stand behind the gap, by particle. */
const endings: Readonly<Partial<Record<Particle, readonly string[]>>> = {
  '은/는': ['정말 좋아요', '우리에게 소중해요', '제가 좋아하는 것이에요'],
  '이/가': ['보여요', '생각나요', '마음에 들어요'],
  '을/를': ['좋아해요', '그렸어요', '떠올렸어요'],
  '과/와': ['다른 것을 비교해요', '어울려요', '관련된 이야기예요'],
  '이에요/예요': ['', '', ''],
}
const asked = Object.keys(endings) as Particle[]

const soundNames = {
  none: '받침이 없다',
  rieul: 'ㄹ 받침이 있다',
  other: '받침이 있다',
} as const

/** The particle in quotes, or behind the word, or alone; the last one counts. */
function particleSaid(reply: string, word: string, forms: readonly string[]): string | undefined {
  const either = [...forms].sort((a, b) => b.length - a.length).join('|')
  const text = spoken(reply)
  const marked = new RegExp(
    `["'“‘](${either})["'”’]|${RegExp.escape(word)}(${either})(?![가-힣])|^(${either})(?![가-힣])`,
    'gu',
  )
  const last = [...text.trim().matchAll(marked)].at(-1)
  return last?.[1] ?? last?.[2] ?? last?.[3]
}

const chosen = (random: Random): { word: string; number?: string } => {
  if (random.integer(4) > 0) return { word: pick(random, nouns) }
  const number = 1 + random.integer(pick(random, [10, 100, 1000]))
  return { word: String(number), number: readSino(number) }
}

/** Which of two particles fits behind a word or a number. */
export const particle: MakeTask = random => {
  const { word, number } = chosen(random)
  const pair = pick(random, [...asked, '으로/로'] as const)
  const forms = pair.split('/')
  const right = particleFor(word, pair)
  const other = forms.find(form => form !== right)!
  const [first, second] = pick(random, [forms, [...forms].reverse()]) as [string, string]
  const end = endings[pair] ? ` ${pick(random, endings[pair])}`.trimEnd() : ' 정했어요'
  const question = pick(random, [
    `'${word}' 뒤에는 '${first}', '${second}' 가운데 무엇이 맞아요?`,
    `빈칸에 알맞은 말을 골라 주세요. "${word}( )${end}." 보기: ${first}, ${second}`,
    `'${word}${first}', '${word}${second}' 중에서 바른 것은?`,
    `${first}, ${second} 중에 골라 줘. ${word}( )${end}.`,
  ])
  const last = (number ?? word).at(-1)!
  const read = number ? `${word}은/는 '${number}'으로/로 읽는다. ` : ''
  const rule =
    pair === '으로/로' && finalSound(word) === 'rieul'
      ? "'ㄹ' 받침 뒤에는 '로'를 쓴다."
      : `그래서 '${right}'을/를 쓴다.`
  const say = (form: string) => `'${word}${form}'이/가 맞아요.`
  return {
    question,
    reasoning: fitParticles(`${read}'${last}'에는 ${soundNames[finalSound(word)]}. ${rule}`),
    answer: fitParticles(say(right)),
    wrong: fitParticles(say(other)),
    verify: reply => particleSaid(reply, word, forms) === right,
  }
}
