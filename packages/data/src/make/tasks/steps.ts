import type { Random } from '@modu/model'
import { between, pick } from '../choose.ts'
import { fitParticles } from '../korean.ts'
import type { MakeTask } from '../task.ts'
import { saysNumber } from '../verify.ts'
import { tellings } from '../words.ts'
import { compute, type Operator, workOut } from '../working.ts'

/** One operation on what came before. */
interface Step {
  readonly operator: Operator
  readonly operand: number
}

/** A step from `value` that stays whole, not negative, and small enough for the head. */
function nextStep(random: Random, value: number): Step {
  const operators: Operator[] = ['+', '+']
  if (value > 2) operators.push('-', '-')
  if (value > 0 && value < 120) operators.push('×')
  const divisors = [2, 3, 4, 5, 6, 7, 8, 9].filter(divisor => value > 0 && value % divisor === 0)
  if (divisors.length > 0) operators.push('÷')
  const operator = pick(random, operators)
  switch (operator) {
    case '+':
      return { operator, operand: between(random, 2, value < 20 ? 30 : 90) }
    case '-':
      return { operator, operand: between(random, 1, value - 1) }
    case '×':
      return { operator, operand: between(random, 2, 9) }
    case '÷':
      return { operator, operand: pick(random, divisors) }
  }
}

/** Two to four operations one after another, told in words. */
const inWords: MakeTask = random => {
  const start = between(random, 2, 60)
  let value = start
  const workings: string[] = []
  const told: string[] = []
  let firstOperator: Operator = '+'
  const count = pick(random, [2, 2, 3, 3, 4])
  for (let i = 0; i < count; i++) {
    const { operator, operand } = nextStep(random, value)
    if (i === 0) firstOperator = operator
    const { object, going, last } = tellings[operator]
    told.push(`${operand}${object} ${i === count - 1 ? last : going}`)
    workings.push(`${workOut(value, operator, operand)}.`)
    value = compute(value, operator, operand)
  }
  const chain = `${start}${tellings[firstOperator].start} ${told.join(', ')}`
  const question = pick(random, [
    `${chain} 얼마예요?`,
    `${chain} 몇이 돼?`,
    `${chain} 답이 뭐야?`,
    `차례로 계산해 보세요. ${chain} 얼마가 되나요?`,
  ])
  return finish(random, question, workings, count, value)
}

/** A written expression in which products come first or brackets change the order. */
const written: MakeTask = random => {
  const [a, b, c, d] = Array.from({ length: 4 }, () => between(random, 2, 12)) as [number, number, number, number]
  const big = between(random, 150, 400)
  const forms: readonly (readonly [string, readonly (readonly [number, Operator, number])[]])[] = [
    [
      `${a}+${b}×${c}`,
      [
        [b, '×', c],
        [a, '+', b * c],
      ],
    ],
    [
      `${big}-${b}×${c}`,
      [
        [b, '×', c],
        [big, '-', b * c],
      ],
    ],
    [
      `(${a}+${b})×${c}`,
      [
        [a, '+', b],
        [a + b, '×', c],
      ],
    ],
    [
      `${a}×${b}+${c}×${d}`,
      [
        [a, '×', b],
        [c, '×', d],
        [a * b, '+', c * d],
      ],
    ],
    [
      `(${a}+${b})×(${c}+${d})`,
      [
        [a, '+', b],
        [c, '+', d],
        [a + b, '×', c + d],
      ],
    ],
    [
      `${a * b}÷${b}+${c}`,
      [
        [a * b, '÷', b],
        [a, '+', c],
      ],
    ],
    [
      `${big}-(${a}+${b})`,
      [
        [a, '+', b],
        [big, '-', a + b],
      ],
    ],
    [
      `${big}+${a * b}÷${a}`,
      [
        [a * b, '÷', a],
        [big, '+', b],
      ],
    ],
    [
      `${big}-${a}-${b * c}`,
      [
        [big, '-', a],
        [big - a, '-', b * c],
      ],
    ],
  ]
  const [expression, steps] = pick(random, forms)
  const spaced = pick(random, [expression, expression.replace(/[-+×÷]/g, ' $& ')])
  const question = pick(random, [
    `${spaced}은/는?`,
    `${spaced}을/를 계산해 주세요.`,
    `${spaced} = ?`,
    `${spaced}은/는 얼마야?`,
    `다음을 계산해 줘: ${spaced}`,
  ])
  const order = expression.includes('(')
    ? '괄호 안을 먼저 계산한다.'
    : /[×÷]/.test(expression)
      ? '곱셈과 나눗셈을 먼저 계산한다.'
      : '앞에서부터 계산한다.'
  const value = compute(...steps.at(-1)!)
  return finish(random, question, [order, ...steps.map(step => `${workOut(...step)}.`)], steps.length, value)
}

function finish(random: Random, question: string, workings: readonly string[], steps: number, value: number) {
  const say = (result: number) => fitParticles(`답은 ${result}이에요/예요.`)
  return {
    question: fitParticles(question),
    reasoning: workings.join(' '),
    answer: say(value),
    wrong: say(value + between(random, 1, 9)),
    steps,
    verify: saysNumber(value),
  }
}

/** Calculations of several steps. */
export const steps: MakeTask = random => pick(random, [inWords, written])(random)
