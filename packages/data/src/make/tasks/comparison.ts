import type { Random } from '@modu/model'
import { between, pick, sample } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { saysChoice, saysNumber } from '../verify.ts'
import { people } from '../words.ts'

/** Two numbers close enough to need a look; decimals may differ in length, as 3.9 and 3.11 do. */
function twoNumbers(random: Random): [number, number] {
  for (;;) {
    const size = pick(random, [30, 100, 1000, 10000])
    const a = between(random, 1, size)
    const pair: [number, number] = pick(random, [true, true, false])
      ? [a, Math.max(0, a + between(random, -Math.ceil(size / 8), Math.ceil(size / 8)))]
      : [(a % 20) + between(random, 1, 9) / 10, (a % 20) + between(random, 1, 99) / 100]
    if (pair[0] !== pair[1]) return [Number(pair[0].toFixed(2)), Number(pair[1].toFixed(2))]
  }
}

const numbers: MakeTask = random => {
  const [a, b] = twoNumbers(random)
  const large = pick(random, [true, false])
  const word = large ? '큰' : '작은'
  const [right, other] = a > b === large ? [a, b] : [b, a]
  const question = pick(random, [
    `${a}과/와 ${b} 중 더 ${word} 수는?`,
    `${a}, ${b} 중에서 더 ${word} 수는 무엇인가요?`,
    `${a}하고 ${b} 가운데 어느 쪽이 더 ${large ? '커' : '작아'}?`,
    `두 수 ${a}과/와 ${b}이/가 있어요. 더 ${word} 쪽을 골라 주세요.`,
  ])
  const say = (number: number) => fitParticles(`더 ${word} 수는 ${number}이에요/예요.`)
  return {
    question: fitParticles(question),
    reasoning: fitParticles(`${compared(a, b)} ${Math.max(a, b)}이/가 더 크고 ${Math.min(a, b)}이/가 더 작다.`),
    answer: say(right),
    wrong: say(other),
    verify: saysNumber(right),
  }
}

/** What decides: the length of the whole part, or the first digit that differs. */
function compared(a: number, b: number): string {
  const [whole, otherWhole] = [Math.floor(a), Math.floor(b)]
  if (whole === otherWhole) {
    const [tenths, otherTenths] = [a, b].map(number => number.toFixed(2)) as [string, string]
    return `자연수 부분이 ${whole}으로/로 같다. 자릿수를 맞추면 ${tenths}과/와 ${otherTenths}이다.`
  }
  const [digits, otherDigits] = [String(whole), String(otherWhole)]
  if (digits.length !== otherDigits.length) {
    return `${whole}은/는 ${digits.length}자리, ${otherWhole}은/는 ${otherDigits.length}자리 수이다.`
  }
  const at = [...digits].findIndex((digit, i) => digit !== otherDigits[i])
  return `앞에서 ${at + 1}번째 숫자가 ${digits[at]}과/와 ${otherDigits[at]}으로/로 다르다.`
}

/** What people are compared by, with the words for more and less: at the end of a sentence and before a noun. */
const measures = [
  { told: '키가', unit: 'cm', from: 120, to: 185, more: ['커요', '큰'], less: ['작아요', '작은'] },
  { told: '몸무게가', unit: 'kg', from: 25, to: 90, more: ['무거워요', '무거운'], less: ['가벼워요', '가벼운'] },
  { told: '나이가', unit: '살', from: 6, to: 80, more: ['많아요', '많은'], less: ['적어요', '적은'] },
  { told: '점수가', unit: '점', from: 40, to: 100, more: ['높아요', '높은'], less: ['낮아요', '낮은'] },
  { told: '머리가', unit: 'cm', from: 5, to: 80, more: ['길어요', '긴'], less: ['짧아요', '짧은'] },
] as const

const persons: MakeTask = random => {
  const names = sample(random, people, pick(random, [2, 2, 3]))
  const { told, unit, from, to, more, less } = pick(random, measures)
  const values = sample(
    random,
    Array.from({ length: to - from + 1 }, (_, i) => from + i),
    names.length,
  )
  const wantsMost = pick(random, [true, false])
  const extreme = wantsMost ? Math.max(...values) : Math.min(...values)
  const right = names[values.indexOf(extreme)]!
  const [ending, adnominal] = wantsMost ? more : less
  const degree = names.length > 2 ? '가장' : '더'
  const facts = names.map((name, i) => `${name}은/는 ${told} ${values[i]}${unit}`)
  const sentence = `${facts.slice(0, -1).join('이고/고, ')}이고/고, ${facts.at(-1)}이에요/예요.`
  const question = pick(random, [
    `${sentence} 누가 ${told} ${degree} ${ending}?`,
    `${sentence} 그러면 ${told} ${degree} ${adnominal} 사람은 누구예요?`,
    `누가 ${told} ${degree} ${ending}? ${sentence}`,
  ])
  const say = (name: string) => fitParticles(`${name}이/가 ${told} ${degree} ${ending}.`)
  return {
    question: fitParticles(question),
    reasoning: fitParticles(
      `${[...values].sort((a, b) => a - b).join('<')}이다. 가장 ${wantsMost ? '큰' : '작은'} 값 ${extreme}은/는 ${right}의 것이다.`,
    ),
    answer: say(right),
    wrong: say(names.find(name => name !== right)!),
    verify: saysChoice(right, names),
  }
}

/** Which number is larger, who is taller. */
export const comparison: MakeTask = random => pick(random, [numbers, persons])(random)
