import { between, pick, sample } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { saysNumber } from '../verify.ts'

const fruits = '사과 배 귤 감 포도 딸기 수박 참외 자두 살구'.split(' ')
const animals = '토끼 거북 사자 여우 곰 오리 닭 돼지 염소 양'.split(' ')

const inList: MakeTask = random => {
  const kinds = sample(random, pick(random, [fruits, animals]), between(random, 2, 4))
  const list = Array.from({ length: between(random, 5, 12) }, () => pick(random, kinds))
  const target = pick(random, kinds)
  const count = list.filter(item => item === target).length
  const question = pick(random, [
    `${list.join(', ')}. 여기에 ${target}이/가 몇 번 나와요?`,
    `다음에서 ${target}은/는 몇 번 나오나요? ${list.join(', ')}`,
    `${list.join(' ')} - 이 가운데 ${target}의 수를 세어 줘.`,
    `목록에 ${target}이/가 몇 번 있는지 세어 주세요: ${list.join(', ')}`,
  ])
  let seen = 0
  const marks = list.map(item => (item === target ? `${item} ${++seen}` : item))
  const say = (value: number) => (value === 0 ? '0번이에요.' : `모두 ${value}번 나와요.`)
  return {
    question: fitParticles(question),
    reasoning: `하나씩 센다. ${marks.join(', ')}. 모두 ${count}번이다.`,
    answer: say(count),
    wrong: say(count + 1),
    verify: saysNumber(count),
  }
}

/** How many multiples lie in a range. */
const multiples: MakeTask = random => {
  const step = between(random, 2, 12)
  const to = between(random, 20, 200)
  const from = pick(random, [1, 1, between(random, 2, to - 10)])
  const [upTo, before] = [Math.floor(to / step), Math.floor((from - 1) / step)]
  const count = upTo - before
  const question = pick(random, [
    `${from}부터 ${to}까지의 수 가운데 ${step}의 배수는 몇 개예요?`,
    `${from}에서 ${to}까지 ${step}의 배수는 모두 몇 개야?`,
    `${from} 이상 ${to} 이하인 ${step}의 배수의 개수는?`,
  ])
  const upper = `${step}×${upTo}=${step * upTo}이므로 ${to}까지 ${upTo}개이다.`
  const lower = before === 0 ? '' : ` ${from}보다 작은 것은 ${before}개이다. ${upTo}-${before}=${count}.`
  const say = (value: number) => `${value}개예요.`
  return {
    question,
    reasoning: fitParticles(upper + lower),
    answer: say(count),
    wrong: say(count + 1),
    verify: saysNumber(count),
  }
}

/** How many numbers from one to another, both included. */
const range: MakeTask = random => {
  const from = between(random, 2, 90)
  const to = from + between(random, 3, 120)
  const count = to - from + 1
  const question = pick(random, [
    `책을 ${from}쪽부터 ${to}쪽까지 읽었어요. 모두 몇 쪽을 읽었어요?`,
    `${from}번 문제부터 ${to}번 문제까지 풀면 모두 몇 문제를 푸는 거야?`,
    `${from}부터 ${to}까지 자연수는 모두 몇 개예요?`,
    `${from}에서 ${to}까지 1씩 세면 몇 개를 세게 돼?`,
  ])
  const counter = question.includes('쪽') ? '쪽' : question.includes('문제') ? '문제' : '개'
  const say = (value: number) => fitParticles(`모두 ${value}${counter}이에요/예요.`)
  return {
    question,
    reasoning: `양 끝을 모두 센다. ${to}-${from}=${to - from}, ${to - from}+1=${count}.`,
    answer: say(count),
    wrong: say(count - 1),
    verify: saysNumber(count),
  }
}

const words =
  '무지개 고양이 도서관 할머니 자전거 비행기 코끼리 해바라기 초등학교 아이스크림 대한민국 놀이터 소방관 컴퓨터 선생님 운동장'.split(
    ' ',
  )

/** How many syllables words have. */
const syllables: MakeTask = random => {
  const chosen = sample(random, words, between(random, 1, 3))
  const count = chosen.join('').length
  const quoted = chosen.map(word => `'${word}'`).join(', ')
  const question = pick(random, [
    `${quoted}은/는 모두 몇 글자예요?`,
    `${quoted}의 글자 수를 세어 줘.`,
    `${quoted}을/를 쓰면 글자가 몇 개인가요?`,
  ])
  const spelled = chosen.map(word => `${[...word].join('-')}: ${word.length}글자.`).join(' ')
  const sum = chosen.length > 1 ? ` ${chosen.map(word => word.length).join('+')}=${count}.` : ''
  const say = (value: number) => `모두 ${value}글자예요.`
  return {
    question: fitParticles(question),
    reasoning: spelled + sum,
    answer: say(count),
    wrong: say(count + 1),
    verify: saysNumber(count),
  }
}

/** How many there are. */
export const counting: MakeTask = random => pick(random, [inList, inList, multiples, range, syllables])(random)
