import type { Random } from '@modu/model'
import { between, pick } from '../choose.ts'
import { fitParticles, readCount, readSino, readWon, withCommas } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { saysNumber, spoken } from '../verify.ts'

const numerals = '영일이삼사오육칠팔구십백천만억조경'

/** The reply says `words` as the whole of a number, however it is spaced. */
function saysReading(words: string): (reply: string) => boolean {
  const joined = words.replaceAll(' ', '')
  const end = `(?=$|[^가-힣]|원|이에요|예요|입니다|이다|이라고|라고|이야|야|으로|로)`
  const whole = new RegExp(`(?<![${numerals}])${joined}${end}(?!이[${numerals}])`, 'u')
  return reply => whole.test(spoken(reply).replace(/(?<=[가-힣]) +(?=[가-힣])/g, ''))
}

/** A number with up to `digits` digits, every length as likely. */
function numberUpTo(random: Random, digits: number): number {
  const length = between(random, 2, digits)
  const number = between(random, 10 ** (length - 1), 10 ** length - 1)
  const round = 10 ** between(random, 0, length - 1)
  return pick(random, [number, Math.floor(number / round) * round])
}

/** 35200 is 3만과 5200: each 만 unit read for itself. */
function parts(number: number): string {
  const words = readSino(number).split(' ')
  const digits = [1e8, 1e4, 1].map(size => Math.floor(number / size) % 1e4)
  const pieces = digits.flatMap((part, i) => (part > 0 ? [`${part}${['억', '만', ''][i]}`] : []))
  return `${pieces.map((piece, i) => `${piece}: ${words[i]}`).join(', ')}.`
}

const toWords: MakeTask = random => {
  const number = numberUpTo(random, 9)
  const written = pick(random, [String(number), withCommas(number)])
  const isMoney = pick(random, [true, false])
  const question = isMoney
    ? pick(random, [
        `${written}원을 한글로 읽어 보세요.`,
        `${written}원은 어떻게 읽어?`,
        `금액 ${written}원을 한글로 써 주세요.`,
      ])
    : pick(random, [
        `${written}을/를 한글로 읽어 보세요.`,
        `${written}은/는 어떻게 읽어?`,
        `숫자 ${written}을/를 한글로 써 줘.`,
        `${written}, 한글로 읽으면?`,
      ])
  const say = (value: number) => fitParticles(`${isMoney ? readWon(value) : readSino(value)}이에요/예요.`)
  return {
    question: fitParticles(question),
    reasoning: parts(number),
    answer: say(number),
    wrong: say(number + pick(random, [1, 10, 100])),
    verify: saysReading(readSino(number)),
  }
}

const toDigits: MakeTask = random => {
  const number = numberUpTo(random, 9)
  const words = readSino(number)
  const question = pick(random, [
    `'${words}'을/를 숫자로 써 주세요.`,
    `${words}을/를 숫자로 나타내면?`,
    `${words}은/는 숫자로 얼마야?`,
  ])
  const say = (value: number) => fitParticles(`${value}이에요/예요.`)
  return {
    question: fitParticles(question),
    reasoning: parts(number),
    answer: say(number),
    wrong: say(number * 10),
    verify: saysNumber(number),
  }
}

const counted: readonly (readonly [noun: string, counter: string, most: number])[] = [
  ['사과', '개', 99],
  ['학생', '명', 99],
  ['나이', '살', 99],
  ['책', '권', 60],
  ['강아지', '마리', 40],
  ['종이', '장', 80],
  ['연필', '자루', 50],
  ['자동차', '대', 50],
  ['장미', '송이', 60],
  ['시각', '시', 12],
  ['걸린 시간', '시간', 24],
  ['걸린 시간', '분', 59],
  ['건물', '층', 60],
  ['우유', '병', 30],
]

/** Native numbers before the counters that take them, Sino-Korean before others. */
const withCounter: MakeTask = random => {
  const [noun, counter, most] = pick(random, counted)
  const number = between(random, 1, most)
  const words = readCount(number, counter)
  const question = pick(random, [
    `${noun} ${number}${counter}을/를 한글로 읽어 보세요.`,
    `${noun} ${number}${counter}은/는 어떻게 읽어요?`,
    `'${number}${counter}'을/를 한글로 쓰면?`,
    `${number}${counter}, 우리말로 어떻게 읽는지 알려 줘.`,
  ])
  const native = words !== `${readSino(number)} ${counter}`
  const say = (text: string) => fitParticles(`${text}이에요/예요.`)
  return {
    question: fitParticles(question),
    reasoning: fitParticles(
      `'${counter}' 앞에서는 ${native ? '고유어' : '한자어'} 수로 읽는다. ${number}은/는 '${words.split(' ')[0]}'이다.`,
    ),
    answer: say(words),
    wrong: say(readCount(number + 1, counter)),
    verify: reply => wholeCount(words).test(spoken(reply)),
  }
}

/** A number word with its counter, spaced or not, behind nothing that would make it another number. */
function wholeCount(words: string): RegExp {
  const [number, counter] = words.split(' ')
  return new RegExp(`(?<![${numerals}열물른흔쉰순든] ?)${number} ?${counter}(?!간)`, 'u')
}

/** Numbers read aloud and written down. */
export const reading: MakeTask = random => pick(random, [toWords, toWords, toDigits, withCounter])(random)
