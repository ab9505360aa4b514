import { between, pick } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask, Task } from '../task.ts'
import { saysNumber, spoken } from '../verify.ts'
import { workOut } from '../working.ts'

/** Minutes since midnight as `9시 5분`, whole hours as `9시`. Hours from 1 to 24. */
function time(minutes: number): string {
  const hour = Math.floor(minutes / 60)
  return minutes % 60 === 0 ? `${hour}시` : `${hour}시 ${minutes % 60}분`
}

function duration(minutes: number): string {
  const hours = Math.floor(minutes / 60)
  if (hours === 0) return `${minutes}분`
  return minutes % 60 === 0 ? `${hours}시간` : `${hours}시간 ${minutes % 60}분`
}

/** The last time or duration in the reply, in minutes; a time that came through as minutes alone counts too. */
function minutesSaid(reply: string): number | undefined {
  const said = [...spoken(reply).matchAll(/(?:(\d+) ?시(?:간)?)?(?: ?(\d+) ?분)?(?: ?(반))?/g)]
    .filter(([, hours, minutes]) => hours !== undefined || minutes !== undefined)
    .at(-1)
  return said && Number(said[1] ?? 0) * 60 + Number(said[2] ?? 0) + (said[3] ? 30 : 0)
}

const saysMinutes = (minutes: number) => (reply: string) => minutesSaid(reply) === minutes

/** Goes from `start` on by `span` minutes: first the hours, then the minutes, of which sixty are one hour more. */
function forwards(start: number, span: number): string {
  const hours = Math.floor(span / 60)
  const rest = span % 60
  const later = start + hours * 60
  const steps = hours > 0 ? [`${time(start)}에서 ${hours}시간 뒤는 ${time(later)}이다.`] : []
  if (rest === 0) return steps.join(' ')
  const minutes = (later % 60) + rest
  if (later % 60 > 0) steps.push(`${workOut(later % 60, '+', rest)}.`)
  if (minutes >= 60) steps.push(`60분은 1시간이다. ${minutes}-60=${minutes - 60}.`)
  return [...steps, `${time(later + rest)}이다.`].join(' ')
}

/** Hours and minutes from `start` to `end`; where the minutes do not reach, an hour lends sixty. */
function passed(start: number, end: number): string {
  const [h, m] = [Math.floor(start / 60), start % 60]
  let [hours, minutes] = [Math.floor(end / 60), end % 60]
  const steps: string[] = []
  if (minutes < m) {
    steps.push(
      `${minutes}분은 ${m}분보다 적으니 1시간을 60분으로 바꾼다. ${hours}-1=${hours - 1}, ${minutes}+60=${minutes + 60}.`,
    )
    hours--
    minutes += 60
  }
  steps.push(`${hours}-${h}=${hours - h}, ${workOut(minutes, '-', m)}.`)
  return [...steps, `${duration(end - start)}이다.`].join(' ')
}

const doings = '영화 회의 수업 공부 운동 산책 요리 연습 공연 경기 청소 게임'.split(' ')

const ending: MakeTask = random => {
  const doing = pick(random, doings)
  const start = between(random, 12, 108) * 5 + 60
  const span = between(random, 3, 33) * 5
  const end = start + span
  const question = pick(random, [
    `${doing}이/가 ${time(start)}에 시작해서 ${duration(span)} 동안 이어졌어요. 몇 시에 끝났어요?`,
    `${time(start)}에 ${doing}을/를 시작했어. ${duration(span)} 걸렸다면 끝난 시각은?`,
    `${time(start)}에서 ${duration(span)} 뒤는 몇 시 몇 분이에요?`,
    `지금 ${time(start)}이야. ${duration(span)} 뒤에 ${doing}이/가 끝나면 그때는 몇 시야?`,
    `${doing} 시간은 ${duration(span)}이에요. ${time(start)}에 시작하면 언제 끝나나요?`,
  ])
  return spokenTask(
    question,
    forwards(start, span),
    end,
    minutes => `${time(minutes)}이에요/예요.`,
    pick(random, [5, 10, 60]),
  )
}

const elapsed: MakeTask = random => {
  const start = between(random, 12, 108) * 5 + 60
  const span = between(random, 3, 60) * 5
  const end = start + span
  const doing = pick(random, doings)
  const question = pick(random, [
    `${time(start)}부터 ${time(end)}까지는 얼마나 걸려요?`,
    `${doing}을/를 ${time(start)}에 시작해서 ${time(end)}에 마쳤어요. 얼마 동안 했나요?`,
    `지금은 ${time(start)}이야. ${time(end)}까지 얼마나 남았어?`,
    `${time(start)}에 시작한 ${doing}이/가 ${time(end)}에 끝났어. 걸린 시간은?`,
  ])
  return spokenTask(
    question,
    passed(start, end),
    span,
    minutes => `${duration(minutes)}이에요.`,
    pick(random, [5, 10, 60]),
  )
}

const inMinutes: MakeTask = random => {
  const hours = between(random, 1, 12)
  const rest = between(random, 0, 59)
  const total = hours * 60 + rest
  const question = pick(random, [
    `${duration(total)}은 모두 몇 분이에요?`,
    `${duration(total)}을 분으로 바꾸면?`,
    `${duration(total)} 동안 걸었어. 몇 분 걸은 거야?`,
  ])
  const product = `1시간은 60분이다. ${hours}×60=${hours * 60}.`
  return {
    question,
    reasoning: rest > 0 ? `${product} ${workOut(hours * 60, '+', rest)}.` : product,
    answer: `${total}분이에요.`,
    wrong: `${total + pick(random, [1, 10, 40])}분이에요.`,
    verify: saysNumber(total),
  }
}

function spokenTask(
  question: string,
  reasoning: string,
  minutes: number,
  say: (minutes: number) => string,
  off: number,
): Task {
  return {
    question: fitParticles(question),
    reasoning: fitParticles(reasoning),
    answer: fitParticles(say(minutes)),
    wrong: fitParticles(say(minutes + off)),
    verify: saysMinutes(minutes),
  }
}

/** When something ends, how long it took, hours as minutes. */
export const clock: MakeTask = random => pick(random, [ending, ending, elapsed, elapsed, inMinutes])(random)
