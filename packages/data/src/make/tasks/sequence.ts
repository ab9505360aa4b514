import type { Random } from '@modu/model'
import { between, pick } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { saysNumber } from '../verify.ts'
import { workOut } from '../working.ts'

interface Rule {
  readonly terms: readonly number[]
  /** The sums that show the rule, the rule, and how the last term follows. */
  readonly reasoning: string
}

type MakeRule = (random: Random, length: number) => Rule

/** `length` terms, each made from its place and those before. */
function grow(length: number, term: (i: number, terms: readonly number[]) => number): number[] {
  const terms: number[] = []
  for (let i = 0; i < length; i++) terms.push(term(i, terms))
  return terms
}

/** What lies between neighbours: 7-4=3, 10-7=3. */
const differences = (terms: readonly number[]): string =>
  terms
    .slice(1)
    .map((term, i) => [Math.max(term, terms[i]!), Math.min(term, terms[i]!)] as const)
    .map(([large, small]) => `${large}-${small}=${large - small}`)
    .join(', ')

const rules: readonly MakeRule[] = [
  (random, length) => {
    const [start, step] = [between(random, 1, 60), between(random, 2, 15)]
    const terms = grow(length, i => start + i * step)
    return {
      terms,
      reasoning: `${differences(terms.slice(0, 3))}. ${step}씩 커진다. ${workOut(terms.at(-2)!, '+', step)}.`,
    }
  },
  (random, length) => {
    const step = between(random, 2, 12)
    const start = step * length + between(random, 0, 60)
    const terms = grow(length, i => start - i * step)
    return {
      terms,
      reasoning: `${differences(terms.slice(0, 3))}. ${step}씩 작아진다. ${workOut(terms.at(-2)!, '-', step)}.`,
    }
  },
  (random, length) => {
    const [start, factor] = [between(random, 1, 9), pick(random, [2, 2, 3])]
    const terms = grow(length, i => start * factor ** i)
    const seen = [0, 1].map(i => `${terms[i]}×${factor}=${terms[i + 1]}`).join(', ')
    return { terms, reasoning: `${seen}. ${factor}배씩 커진다. ${workOut(terms.at(-2)!, '×', factor)}.` }
  },
  (random, length) => {
    const start = between(random, 1, 9)
    const terms = grow(length, i => (start + i) ** 2)
    const squares = terms.map((term, i) => `${start + i}×${start + i}=${term}`)
    return { terms, reasoning: `${squares.slice(0, -1).join(', ')}. 같은 수를 두 번 곱한 수이다. ${squares.at(-1)}.` }
  },
  (random, length) => {
    const [first, second] = [between(random, 1, 9), between(random, 1, 12)]
    const terms = grow(length, (i, before) => (i === 0 ? first : i === 1 ? second : before[i - 1]! + before[i - 2]!))
    const seen = [0, 1].map(i => `${terms[i]}+${terms[i + 1]}=${terms[i + 2]}`).join(', ')
    return { terms, reasoning: `${seen}. 앞의 두 수를 더한다. ${workOut(terms.at(-3)!, '+', terms.at(-2)!)}.` }
  },
  (random, length) => {
    const [start, growth] = [between(random, 1, 40), between(random, 1, 4)]
    const terms = grow(length, (i, before) => (i === 0 ? start : before[i - 1]! + growth * i))
    const step = growth * (length - 1)
    const next = `다음 차이는 ${step - growth}+${growth}=${step}이다. ${workOut(terms.at(-2)!, '+', step)}.`
    return { terms, reasoning: `${differences(terms.slice(0, -1))}. 차이가 ${growth}씩 커진다. ${next}` }
  },
]

/** The next number of a sequence. */
export const sequence: MakeTask = random => {
  const { terms, reasoning } = pick(random, rules)(random, between(random, 6, 7))
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
    reasoning: fitParticles(reasoning),
    answer: say(next),
    wrong: say(next + between(random, 1, 5)),
    verify: saysNumber(next),
  }
}
