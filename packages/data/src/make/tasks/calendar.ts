import type { Random } from '@modu/model'
import { between, pick } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { saysChoice, saysNumber, saysNumbers } from '../verify.ts'

const weekdays = '월요일 화요일 수요일 목요일 금요일 토요일 일요일'.split(' ')

/** Days of each month in a common year. */
const lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** The weekday `days` after (or before) one. */
const weekdayAfter = (from: number, days: number): number => (((from + days) % 7) + 7) % 7

function weekdayTask(random: Random, question: string, reasoning: string, right: number) {
  const say = (day: number) => `${weekdays[day]}이에요.`
  return {
    question: fitParticles(question),
    reasoning: fitParticles(reasoning),
    answer: say(right),
    wrong: say(weekdayAfter(right, between(random, 1, 6))),
    verify: saysChoice(weekdays[right]!, weekdays),
  }
}

/** 45 days are 6 weeks and 3 days. */
function weeks(days: number): string {
  if (days % 7 === 0) return `${days}=7×${days / 7}이므로 `
  return days < 7 ? '' : `${days}=7×${Math.floor(days / 7)}+${days % 7}이므로 ${days % 7}일만 세면 된다. `
}

const relative: MakeTask = random => {
  const today = random.integer(7)
  const days = between(random, 2, pick(random, [10, 30, 100]))
  const later = pick(random, [true, false])
  const right = weekdayAfter(today, later ? days : -days)
  const word = later ? '뒤' : '전'
  const question = pick(random, [
    `오늘은 ${weekdays[today]}이에요. ${days}일 ${word}${later ? '는' : '은'} 무슨 요일이에요?`,
    `오늘이 ${weekdays[today]}이면 ${days}일 ${word}${later ? '는' : '은'} 무슨 요일이야?`,
    `${weekdays[today]}에서 ${days}일 ${word}의 요일은?`,
    `지금이 ${weekdays[today]}이라면 ${days}일 ${word}에는 무슨 요일${later ? '일까요' : '이었을까요'}?`,
  ])
  const rest = days % 7
  const reasoning =
    rest === 0
      ? `${weeks(days)}${weekdays[today]} 그대로이다.`
      : `${weeks(days)}${weekdays[today]}에서 ${rest}일 ${word}은/는 ${weekdays[right]}이다.`
  return weekdayTask(random, question, reasoning, right)
}

const sameMonth: MakeTask = random => {
  const month = between(random, 1, 12)
  const length = lengths[month - 1]!
  const first = between(random, 1, length)
  let second = between(random, 1, length)
  if (second === first) second = first === 1 ? 2 : first - 1
  const weekday = random.integer(7)
  const days = Math.abs(second - first)
  const later = second > first
  const right = weekdayAfter(weekday, second - first)
  const question = pick(random, [
    `${month}월 ${first}일은 ${weekdays[weekday]}이에요. 같은 달 ${second}일은 무슨 요일이에요?`,
    `${month}월 ${first}일이 ${weekdays[weekday]}이면 ${month}월 ${second}일은 무슨 요일이야?`,
    `어느 해 ${month}월 ${first}일은 ${weekdays[weekday]}이었어요. 그해 ${month}월 ${second}일의 요일은?`,
  ])
  const [large, small] = later ? [second, first] : [first, second]
  const word = later ? '뒤' : '전'
  const difference = `${large}-${small}=${days}이므로 ${days}일 ${word}이다. `
  const rest = days % 7
  const end =
    rest === 0
      ? `${weekdays[weekday]} 그대로이다.`
      : `${weekdays[weekday]}에서 ${rest}일 ${word}은/는 ${weekdays[right]}이다.`
  return weekdayTask(random, question, `${difference}${weeks(days)}${end}`, right)
}

const dateAfter: MakeTask = random => {
  const month = between(random, 1, 11)
  const length = lengths[month - 1]!
  const day = between(random, 1, length)
  const days = between(random, 2, 27)
  const end = day + days
  const crosses = end > length
  const [endMonth, endDay] = crosses ? [month + 1, end - length] : [month, end]
  const leap = crosses && month === 2 ? '(2월은 28일까지 있다고 해요) ' : ''
  const question = pick(random, [
    `${leap}${month}월 ${day}일에서 ${days}일 뒤는 몇 월 며칠이에요?`,
    `${leap}오늘은 ${month}월 ${day}일이야. ${days}일 뒤에 시험이 있어. 시험 날짜는?`,
    `${leap}${month}월 ${day}일에 주문하면 ${days}일 뒤에 도착해요. 도착하는 날은 몇 월 며칠인가요?`,
    `${leap}${month}월 ${day}일부터 ${days}일이 지나면 며칠이 되나요? 월과 일을 함께 답해 주세요.`,
  ])
  const reasoning = crosses
    ? `${month}월은 ${length}일까지 있다. ${day}+${days}=${end}, ${end}-${length}=${endDay}이므로 ${endMonth}월 ${endDay}일이다.`
    : `${day}+${days}=${end}이다. ${month}월은 ${length}일까지 있으니 ${month}월 ${end}일이다.`
  const wrongDay = endDay === 1 ? 2 : endDay - 1
  return {
    question,
    reasoning: fitParticles(reasoning),
    answer: `${endMonth}월 ${endDay}일이에요.`,
    wrong: `${endMonth}월 ${wrongDay}일이에요.`,
    verify: saysNumbers([endMonth, endDay]),
  }
}

const daysBetween: MakeTask = random => {
  const month = between(random, 1, 11)
  const length = lengths[month - 1]!
  const day = between(random, 1, length)
  const nextMonth = month !== 2 && pick(random, [true, false])
  if (!nextMonth && day > length - 2) return daysBetween(random)
  const endDay = nextMonth ? between(random, 1, lengths[month]!) : between(random, day + 1, length)
  const days = nextMonth ? length - day + endDay : endDay - day
  const endMonth = nextMonth ? month + 1 : month
  const question = pick(random, [
    `${month}월 ${day}일에서 ${endMonth}월 ${endDay}일까지 며칠 남았어요?`,
    `오늘은 ${month}월 ${day}일이야. ${endMonth}월 ${endDay}일까지 며칠 남았어?`,
    `${month}월 ${day}일의 며칠 뒤가 ${endMonth}월 ${endDay}일이에요?`,
  ])
  const rest = length - day
  const reasoning = nextMonth
    ? `${month}월은 ${length}일까지 있으니 ${length}-${day}=${rest}일이 남는다. ${rest}+${endDay}=${days}.`
    : `${endDay}-${day}=${days}.`
  const say = (count: number) => (question.includes('뒤가') ? `${count}일 뒤예요.` : `${count}일 남았어요.`)
  return { question, reasoning, answer: say(days), wrong: say(days + 1), verify: saysNumber(days) }
}

/** Weekdays and dates. */
export const calendar: MakeTask = random => pick(random, [relative, sameMonth, dateAfter, daysBetween])(random)
