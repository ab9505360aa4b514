import { between, pick, sample } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { saysChoice, saysNumber } from '../verify.ts'
import { people } from '../words.ts'

const relations = [
  { more: '키가 커요', most: '키가 가장 큰', least: '키가 가장 작은' },
  { more: '나이가 많아요', most: '나이가 가장 많은', least: '나이가 가장 적은' },
  { more: '빨리 달려요', most: '가장 빨리 달리는', least: '가장 느리게 달리는' },
  { more: '책을 많이 읽었어요', most: '책을 가장 많이 읽은', least: '책을 가장 적게 읽은' },
  { more: '일찍 도착했어요', most: '가장 일찍 도착한', least: '가장 늦게 도착한' },
  { more: '무거워요', most: '가장 무거운', least: '가장 가벼운' },
]

/** Who is first or last, from comparisons of neighbours in any order. */
const transitive: MakeTask = random => {
  const order = sample(random, people, between(random, 3, 5))
  const { more, most, least } = pick(random, relations)
  const facts = order.slice(1).map((name, i) => `${order[i]}은/는 ${name}보다 ${more}.`)
  const wantsMost = pick(random, [true, false])
  const right = wantsMost ? order[0]! : order.at(-1)!
  const told = sample(random, facts, facts.length).join(' ')
  const word = wantsMost ? most : least
  const question = pick(random, [
    `${told} ${word} 사람은 누구예요?`,
    `${told} 그러면 ${word} 사람은 누구야?`,
    `${told} 이 가운데 ${word} 사람의 이름을 말해 주세요.`,
  ])
  const say = (name: string) => fitParticles(`${word} 사람은 ${name}이에요/예요.`)
  return {
    question: fitParticles(question),
    reasoning: fitParticles(
      `차례로 이으면 ${order.join(' > ')}이다. ${wantsMost ? '맨 앞' : '맨 뒤'}은/는 ${right}이다.`,
    ),
    answer: say(right),
    wrong: say(wantsMost ? order[1]! : order.at(-2)!),
    verify: saysChoice(right, order),
  }
}

/** How many stand in a line. */
const queue: MakeTask = random => {
  const name = pick(random, people)
  const [front, back] = [between(random, 2, 30), between(random, 2, 30)]
  const total = front + back - 1
  const question = pick(random, [
    `${name}은/는 줄의 앞에서 ${front}번째, 뒤에서 ${back}번째에 서 있어요. 줄에는 모두 몇 명이 있나요?`,
    `한 줄로 섰는데 ${name}이/가 앞에서 ${front}번째이고 뒤에서 ${back}번째야. 모두 몇 명이 서 있어?`,
    `${name}의 앞에 ${front - 1}명, 뒤에 ${back - 1}명이 서 있어요. 모두 몇 명인가요?`,
  ])
  const say = (count: number) => `모두 ${count}명이에요.`
  return {
    question: fitParticles(question),
    reasoning: fitParticles(
      `${name} 앞에 ${front - 1}명, 뒤에 ${back - 1}명이 있다. ${front - 1}+${back - 1}=${total - 1}, ${name}까지 ${total - 1}+1=${total}.`,
    ),
    answer: say(total),
    wrong: say(total + 1),
    verify: saysNumber(total),
  }
}

const choices = [
  { what: '과일', does: '먹었어요', not: '먹지 않았어요', options: ['사과', '귤', '포도', '딸기'] },
  { what: '음료', does: '마셨어요', not: '마시지 않았어요', options: ['우유', '주스', '물', '식혜'] },
  { what: '운동', does: '배워요', not: '배우지 않아요', options: ['축구', '농구', '수영', '배구'] },
  { what: '악기', does: '배워요', not: '배우지 않아요', options: ['피아노', '기타', '드럼', '첼로'] },
  { what: '동물', does: '길러요', not: '기르지 않아요', options: ['강아지', '고양이', '토끼', '거북'] },
]

/** Three people, three different things, two facts and an exclusion. */
const elimination: MakeTask = random => {
  const [a, b, c] = sample(random, people, 3) as [string, string, string]
  const { what, does, not, options } = pick(random, choices)
  const [x, y, z] = sample(random, options, 3) as [string, string, string]
  const intro =
    `${sample(random, [a, b, c], 3).join(', ')}은/는 서로 다른 ${what}을/를 하나씩 ${does}. ` +
    `${what}은/는 ${sample(random, [x, y, z], 3).join(', ')}이에요/예요.`
  const facts = sample(random, [`${a}은/는 ${x}을/를 ${does}.`, `${b}은/는 ${z}을/를 ${not}.`], 2).join(' ')
  const asksB = pick(random, [true, false])
  const [who, right] = asksB ? [b, y] : [c, z]
  const question = pick(random, [
    `${intro} ${facts} ${who}의 ${what}은/는 무엇인가요?`,
    `${intro} ${facts} ${who}은/는 무엇을 ${does}?`,
    `${intro} ${facts} 그러면 ${who}의 ${what}은/는 뭐야?`,
  ])
  const say = (thing: string) => fitParticles(`${who}은/는 ${thing}을/를 ${does}.`)
  return {
    question: fitParticles(question),
    reasoning: fitParticles(
      `${a}은/는 ${x}이다. 남은 것은 ${y}과/와 ${z}이다. ${b}은/는 ${z}이/가 아니니 ${y}이다. 그래서 ${c}은/는 ${z}이다.`,
    ),
    answer: say(right),
    wrong: say(asksB ? z : y),
    verify: saysChoice(right, [x, y, z]),
  }
}

/** Simple conclusions. */
export const logic: MakeTask = random => pick(random, [transitive, transitive, queue, elimination])(random)
