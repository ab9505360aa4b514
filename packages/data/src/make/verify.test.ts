import { Random } from '@modu/model'
import { describe, expect, test } from 'vitest'
import { kinds, type TaskKind } from './kinds.ts'
import type { Task } from './task.ts'
import { numbersIn, saysChoice, saysNumber, saysNumbers, saysOrder, spoken } from './verify.ts'
import { workOut } from './working.ts'

test('reasoning is not part of the reply', () => {
  expect(spoken('<think>5</think>7')).toBe('7')
  expect(spoken('7')).toBe('7')
})

test.each<[string, number[]]>([
  ['답은 1,234원이에요.', [1234]],
  ['3만 5천 원', [35000]],
  ['3만 5,200원', [35200]],
  ['2억 3만', [200030000]],
  ['5천 원', [5000]],
  ['12-30=-18', [12, 30, -18]],
  ['3.5와 0.25', [3.5, 0.25]],
  ['1, 2, 3', [1, 2, 3]],
  ['12만큼', [12]],
  ['없어요', []],
])('numbers in %s', (text, numbers) => {
  expect(numbersIn(text)).toEqual(numbers)
})

describe('replies in free words', () => {
  test.each(['8', '8이에요', '답은 8입니다.', '3 더하기 5는 8이야!', '3+5=8', '**8**', '정답: 8개', '8.0'])(
    '%s is 8',
    reply => {
      expect(saysNumber(8)(reply)).toBe(true)
    },
  )
  test.each(['9', '18', '80', '8.5', '-8', '8과 9', '여덟 아니면 9', ''])('%s is not 8', reply => {
    expect(saysNumber(8)(reply)).toBe(false)
  })

  test('choices and orders', () => {
    expect(saysChoice('월요일', ['월요일', '화요일'])('화요일이 아니라 월요일이에요.')).toBe(true)
    expect(saysChoice('월요일', ['월요일', '화요일'])('월요일이 아니라 화요일이에요.')).toBe(false)
    expect(saysChoice('이에요', ['에요', '이에요'])('이에요')).toBe(true)
    expect(saysOrder(['가', '나', '다'])('가 → 나 → 다 순서')).toBe(true)
    expect(saysOrder(['가', '나', '다'])('가, 다, 나')).toBe(false)
    expect(saysNumbers([1, 2])('작은 것부터 1 그리고 2')).toBe(true)
    expect(saysNumbers([1, 2])('2, 1')).toBe(false)
  })
})

/** The first task of `kind` whose question fits. */
function taskWhere(kind: TaskKind, question: RegExp): Task {
  for (let seed = 0; ; seed++) {
    const task = kinds[kind](new Random(seed))
    if (question.test(task.question)) return task
  }
}

describe('replies that kinds take', () => {
  test('times in other words', () => {
    const task = taskWhere('clock', /끝난 시각은/)
    const [, hour, minutes] = /(\d+)시 ?(\d+)?/.exec(task.answer)!
    const time = `${hour}시${minutes ? ` ${minutes}분` : ''}`
    expect(task.verify(`${time}에 끝났습니다.`)).toBe(true)
    expect(task.verify(`오후 ${time}쯤이요`)).toBe(true)
    expect(task.verify(`${hour}시 ${Number(minutes ?? 0) + 1}분이에요.`)).toBe(false)
  })

  test('quantities with the unit asked for, in signs or words, or without', () => {
    const task = taskWhere('units', /^\d+m은?는? 몇 cm|^\d+m를 cm/)
    const value = Number.parseInt(task.answer, 10)
    for (const unit of ['', 'cm', ' cm', '센티미터', ' 센티미터'])
      expect(task.verify(`답은 ${value}${unit}예요.`), unit).toBe(true)
    for (const unit of ['m', 'mm', '미터', '킬로미터', '0cm'])
      expect(task.verify(`${value}${unit}예요.`), unit).toBe(false)
  })

  test('particles alone, quoted, or behind the word', () => {
    const task = taskWhere('particle', /^은, 는 중에/)
    const [, word, right] = /'(.+)([은는])'/.exec(task.answer)!
    const other = right === '은' ? '는' : '은'
    for (const reply of [
      right!,
      `${right}.`,
      `'${right}'이 맞아요.`,
      `${word}${right}`,
      `"${word}${right}"이 맞습니다.`,
    ])
      expect(task.verify(reply), reply).toBe(true)
    for (const reply of [other, `'${other}'이 맞아요.`, `${word}${other}`])
      expect(task.verify(reply), reply).toBe(false)
  })

  test('readings in any spacing, but no longer number', () => {
    const task = taskWhere('reading', /^\d{5}[을를] 한글/)
    const words = task.answer.replace(/(이에요|예요)\.$/, '')
    for (const reply of [words, words.replaceAll(' ', ''), `${words}입니다.`, `'${words}'라고 읽어요.`])
      expect(task.verify(reply), reply).toBe(true)
    for (const reply of [`${words}조`, `백${words}`, `${words}이백`]) expect(task.verify(reply), reply).toBe(false)
  })

  test('JSON in a code block and in any order', () => {
    const task = taskWhere('extraction', /JSON/)
    const entries = Object.entries(JSON.parse(task.answer)).reverse()
    expect(task.verify(`결과예요.\n\`\`\`json\n${JSON.stringify(Object.fromEntries(entries), null, 2)}\n\`\`\``)).toBe(
      true,
    )
    expect(task.verify(JSON.stringify(Object.fromEntries(entries.slice(1))))).toBe(false)
    expect(task.verify(JSON.stringify({ ...Object.fromEntries(entries), 더: 1 }))).toBe(false)
    expect(task.verify('{')).toBe(false)
  })

  test('one call and no other', () => {
    const task = taskWhere('tool', /전화/)
    expect(task.verify(`네, 걸게요. ${task.answer}`)).toBe(true)
    expect(task.verify(task.answer + task.answer)).toBe(false)
    expect(task.verify('<tool_call>{</tool_call>')).toBe(false)
  })
})

test('sums are worked in steps that are all true', () => {
  const random = new Random(1)
  const value = (sum: string) => {
    const [, left, operator, right] = /^(\d+)([-+×÷])(\d+)$/.exec(sum)!
    const [x, y] = [Number(left), Number(right)]
    return { '+': x + y, '-': x - y, '×': x * y, '÷': Math.floor(x / y) }[operator!]
  }
  for (let i = 0; i < 500; i++) {
    const [a, b] = [1 + random.integer(5000), 1 + random.integer(99)]
    for (const text of [workOut(a + b, '-', b), workOut(a, '+', b), workOut(a, '×', b), workOut(a * b, '÷', b)]) {
      for (const step of text.split(', ')) {
        const [, left, right, remainder] = /^([^=]+)=([\d+]+)(?:…(\d+)→\d+)?$/.exec(step)!
        if (/^\d+$/.test(left!))
          expect(
            right!.split('+').reduce((sum, part) => sum + Number(part), 0),
            step,
          ).toBe(Number(left))
        else expect(Number(right), step).toBe(value(left!))
        if (remainder) {
          const [x, y] = left!.split('÷').map(Number) as [number, number]
          expect(Number(remainder), step).toBe(x % y)
        }
      }
    }
  }
  expect(workOut(47, '+', 38)).toBe('47+30=77, 77+8=85, 47+38=85')
  expect(workOut(14, '×', 13)).toBe(
    '14=10+4, 13=10+3, 10×10=100, 10×3=30, 100+30=130, 4×10=40, 130+40=170, 4×3=12, 170+10=180, 180+2=182, 14×13=182',
  )
  expect(workOut(56, '÷', 7)).toBe('56÷7=8')
  expect(workOut(112, '÷', 4)).toBe('11÷4=2…3→32, 32÷4=8, 112÷4=28')
  expect(workOut(832, '÷', 4)).toBe('8÷4=2…0→32, 3÷4=0…3→32, 32÷4=8, 832÷4=208')
  expect(workOut(4004, '÷', 4)).toBe('4÷4=1…0→004, 0÷4=0…0→04, 0÷4=0…0→4, 4÷4=1, 4004÷4=1001')
  expect(workOut(90, '÷', 9)).toBe('9÷9=1…0→0, 90÷9=10')
})
