import type { Random } from '@modu/model'
import { between, pick } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { saysNumber } from '../verify.ts'

interface Rule {
  readonly terms: readonly number[]
  readonly rule: string
  /** How the last term comes from those before. */
  readonly last: string
}

type MakeRule = (random: Random, length: number) => Rule

/** `length` terms, each made from its place and those before. */
function grow(length: number, term: (i: number, terms: readonly number[]) => number): number[] {
  const terms: number[] = []
  for (let i = 0; i < length; i++) terms.push(term(i, terms))
  return terms
}

const rules: readonly MakeRule[] = [
  (random, length) => {
    const [start, step] = [between(random, 1, 60), between(random, 2, 15)]
    const terms = grow(length, i => start + i * step)
    return { terms, rule: `${step}씩 커진다.`, last: `${terms.at(-2)}+${step}=${terms.at(-1)}.` }
  },
  (random, length) => {
    const step = between(random, 2, 12)
    const start = step * length + between(random, 0, 60)
    const terms = grow(length, i => start - i * step)
    return { terms, rule: `${step}씩 작아진다.`, last: `${terms.at(-2)}-${step}=${terms.at(-1)}.` }
  },
  (random, length) => {
    const [start, factor] = [between(random, 1, 9), pick(random, [2, 2, 3])]
    const terms = grow(length, i => start * factor ** i)
    return { terms, rule: `${factor}배씩 커진다.`, last: `${terms.at(-2)}×${factor}=${terms.at(-1)}.` }
  },
  (random, length) => {
    const start = between(random, 1, 9)
    const terms = grow(length, i => (start + i) ** 2)
    const root = start + length - 1
    return { terms, rule: '같은 수를 두 번 곱한 수이다.', last: `${root}×${root}=${terms.at(-1)}.` }
  },
  (random, length) => {
    const [first, second] = [between(random, 1, 9), between(random, 1, 12)]
    const terms = grow(length, (i, before) => (i === 0 ? first : i === 1 ? second : before[i - 1]! + before[i - 2]!))
    return { terms, rule: '앞의 두 수를 더한다.', last: `${terms.at(-3)}+${terms.at(-2)}=${terms.at(-1)}.` }
  },
  (random, length) => {
    const [start, growth] = [between(random, 1, 40), between(random, 1, 4)]
    const terms = grow(length, (i, before) => (i === 0 ? start : before[i - 1]! + growth * i))
    const step = growth * (length - 1)
    return {
      terms,
      rule: `차이가 ${terms
        .slice(1, -1)
        .map((term, i) => term - terms[i]!)
        .join(', ')}으로/로 ${growth}씩 커진다.`,
      last: `다음 차이는 ${step}이다. ${terms.at(-2)}+${step}=${terms.at(-1)}.`,
    }
  },
]

/** The next number of a sequence. */
export const sequence: MakeTask = random => {
  const { terms, rule, last } = pick(random, rules)(random, between(random, 6, 7))
  const [shown, next] = [terms.slice(0, -1).join(', '), terms.at(-1)!]
  const question = pick(random, [
    `${shown}, … 다음에 올 수는?`,
    `${shown}, □. 빈칸에 들어갈 수는 무엇인가요?`,
    `수가 ${shown}으로/로 이어져요. 다음 수는 얼마예요?`,
    `규칙을 찾아 다음 수를 말해 줘. ${shown}, ?`,
  ])
  const say = (value: number) => fitParticles(`다음 수는 ${value}이에요/예요.`)
  return {
    question: fitParticles(question),
    reasoning: fitParticles(`${rule} ${last}`),
    answer: say(next),
    wrong: say(next + between(random, 1, 5)),
    verify: saysNumber(next),
  }
}
