import type { Random } from '@modu/model'
import { between, pick, sample } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { saysNumbers, saysOrder } from '../verify.ts'
import { people } from '../words.ts'

/** Different whole numbers from `from` to `to`. */
function different(random: Random, count: number, from: number, to: number): number[] {
  const found = new Set<number>()
  while (found.size < count) found.add(between(random, from, to))
  return [...found]
}

/** How one picks them out one by one. */
function picked<T>(sorted: readonly T[], word: string): string {
  const steps = sorted.slice(0, -1).map((item, i) => `${i === 0 ? '가장' : '그다음'} ${word} 것은 ${item}이다.`)
  return fitParticles(`${steps.join(' ')} 남은 것은 ${sorted.at(-1)}이다.`)
}

const numbers: MakeTask = random => {
  const values = different(random, between(random, 3, 6), 1, pick(random, [30, 100, 1000]))
  const ascending = pick(random, [true, false])
  const sorted = [...values].sort((a, b) => (ascending ? a - b : b - a))
  const [word, course] = ascending ? ['작은', '오름차순'] : ['큰', '내림차순']
  const list = values.join(', ')
  const question = pick(random, [
    `${list}을/를 ${word} 수부터 차례대로 써 주세요.`,
    `다음 수를 ${course}으로 정렬해 줘: ${list}`,
    `${list}. 이 수들을 ${word} 순서로 늘어놓으면?`,
    `${word} 것부터 순서대로 말해 줘. ${list}`,
  ])
  const say = (order: readonly number[]) => `${order.join(', ')} 순서예요.`
  return {
    question: fitParticles(question),
    reasoning: picked(sorted, word),
    answer: say(sorted),
    wrong: say(swapped(random, sorted)),
    verify: saysNumbers(sorted),
  }
}

/** Two neighbours change places. */
function swapped<T>(random: Random, items: readonly T[]): T[] {
  const at = random.integer(items.length - 1)
  return items.toSpliced(at, 2, items[at + 1]!, items[at]!)
}

const traits = [
  { has: (n: number) => `${n}살이에요`, from: 7, to: 70, more: '나이가 많은', less: '나이가 적은' },
  { has: (n: number) => `키가 ${n}cm예요`, from: 120, to: 185, more: '키가 큰', less: '키가 작은' },
  { has: (n: number) => `${n}점을 받았어요`, from: 30, to: 100, more: '점수가 높은', less: '점수가 낮은' },
  { has: (n: number) => `책을 ${n}권 읽었어요`, from: 1, to: 60, more: '책을 많이 읽은', less: '책을 적게 읽은' },
  { has: (n: number) => `${n}분 걸렸어요`, from: 5, to: 90, more: '오래 걸린', less: '빨리 끝낸' },
]

const persons: MakeTask = random => {
  const names = sample(random, people, between(random, 3, 4))
  const { has, from, to, more, less } = pick(random, traits)
  const values = different(random, names.length, from, to)
  const descending = pick(random, [true, false])
  const word = descending ? more : less
  const places = values.map((value, i) => [names[i]!, value] as const)
  const sorted = places.sort(([, a], [, b]) => (descending ? b - a : a - b)).map(([name]) => name)
  const facts = names.map((name, i) => `${name}은/는 ${has(values[i]!)}.`).join(' ')
  const question = pick(random, [
    `${facts} ${word} 사람부터 차례로 말해 주세요.`,
    `${facts} ${word} 순서대로 이름을 써 줘.`,
    `${word} 사람부터 이름을 늘어놓으면? ${facts}`,
  ])
  const say = (order: readonly string[]) => `${order.join(', ')} 순서예요.`
  return {
    question: fitParticles(question),
    reasoning: `${[...values].sort((a, b) => (descending ? b - a : a - b)).join(descending ? '>' : '<')}이다. 그래서 ${sorted.join(', ')} 순서이다.`,
    answer: say(sorted),
    wrong: say(swapped(random, sorted)),
    verify: saysOrder(sorted),
  }
}

/** Numbers and people in order. */
export const ordering: MakeTask = random => pick(random, [numbers, persons])(random)
