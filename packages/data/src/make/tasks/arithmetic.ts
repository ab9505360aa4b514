import type { Random } from '@modu/model'
import { between, pick } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { saysNumber } from '../verify.ts'
import { tellings } from '../words.ts'
import { compute, type Operator, workOut } from '../working.ts'

const spokenOperators: Readonly<Record<Operator, string>> = {
  '+': '더하기',
  '-': '빼기',
  '×': '곱하기',
  '÷': '나누기',
}

/** 12에 3을 더하면 */
function inWords(a: number, b: number, operator: Operator): string {
  const { start, object, last } = tellings[operator]
  return `${a}${start} ${b}${object} ${last}`
}

const phrasings: readonly ((a: number, b: number, operator: Operator) => string)[] = [
  (a, b, op) => `${a} ${spokenOperators[op]} ${b}은/는?`,
  (a, b, op) => `${a} ${spokenOperators[op]} ${b}은/는 얼마예요?`,
  (a, b, op) => `${a} ${spokenOperators[op]} ${b}은/는 뭐야?`,
  (a, b, op) => `${a}${op}${b}은/는 얼마야?`,
  (a, b, op) => `${a} ${op} ${b} 계산해 줘.`,
  (a, b, op) => `${a}${op}${b}=?`,
  (a, b, op) => `${a} ${op} ${b}을/를 계산해 주세요.`,
  (a, b, op) => `${a} ${spokenOperators[op]} ${b}, 답만 알려 줘.`,
  (a, b, op) => `${inWords(a, b, op)} 얼마야?`,
  (a, b, op) => `${inWords(a, b, op)} 몇이에요?`,
]

/** Two numbers whose result is a whole number that is not negative. */
function operands(random: Random, operator: Operator): [number, number] {
  const digits = pick(random, [1, 1, 2, 2, 2, 3, 3, 4])
  const number = (length: number) => between(random, length === 1 ? 1 : 10 ** (length - 1), 10 ** length - 1)
  switch (operator) {
    case '+':
      return [number(digits), number(between(random, 1, digits))]
    case '-': {
      const [a, b] = [number(digits), number(between(random, 1, digits))]
      return a > b ? [a, b] : [b, a]
    }
    case '×':
      return digits < 3 ? [number(digits), between(random, 2, 9)] : [number(2), number(2)]
    case '÷': {
      const [divisor, result] = [between(random, 2, 9), number(Math.min(digits, 3))]
      return [divisor * result, divisor]
    }
  }
}

/** One sum, difference, product or quotient. */
export const arithmetic: MakeTask = random => {
  const operator = pick(random, ['+', '+', '-', '-', '×', '÷'] as const)
  const [a, b] = operands(random, operator)
  const result = compute(a, operator, b)
  const say = (value: number) => fitParticles(`${a} ${spokenOperators[operator]} ${b}은/는 ${value}이에요/예요.`)
  return {
    question: fitParticles(pick(random, phrasings)(a, b, operator)),
    reasoning: `${workOut(a, operator, b)}.`,
    answer: say(result),
    wrong: say(result + between(random, 1, 9)),
    steps: 1,
    verify: saysNumber(result),
  }
}
