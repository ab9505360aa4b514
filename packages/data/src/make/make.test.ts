import { readFileSync } from 'node:fs'
import { Random } from '@modu/model'
import { describe, expect, test } from 'vitest'
import { kinds, type TaskKind, taskKinds } from './kinds.ts'
import { makeConversation, makeConversations, splitOf } from './make.ts'
import { people, things } from './words.ts'

const tasksPerKind = 200

/** Particles by what a checker of its own says: the final consonant of a Hangul word, or of a number's last digits. */
const digitFinals = [21, 8, 0, 16, 0, 0, 1, 8, 8, 0]
function finalOf(word: string): number {
  const digits = /(\d[\d,]*)$/.exec(word)?.[1]
  if (!digits) return (word.charCodeAt(word.length - 1) - 0xac00) % 28
  const zeros = /0*$/.exec(digits.replaceAll(',', ''))![0].length
  return zeros > 0 && zeros < digits.length ? 1 : digitFinals[Number(digits.at(-1))]! // 십, 백, 천, 만, 억
}
const closed: Readonly<Record<string, string>> = { 는: '은', 가: '이', 를: '을', 와: '과', 로: '으로', 예요: '이에요' }
const open = Object.fromEntries(Object.entries(closed).map(([vowel, consonant]) => [consonant, vowel]))

/** Counters and other words that many questions hold. */
const others =
  '원 명 살 점 번 쪽 층 분 초 시간 시각 사람 수 돈 월요일 화요일 수요일 목요일 금요일 토요일 일요일 과일 음료 운동 악기 동물 상자 바구니 줄'.split(
    ' ',
  )

/** Words and numbers in `text` with a particle that does not fit. */
function misfits(text: string): string[] {
  const nouns = [...people, ...things.flat(), ...others].join('|')
  const pattern = new RegExp(
    `(?<![가-힣])(${nouns}|\\d[\\d,]*)(은|는|이|가|을|를|과|와|으로|로|이에요|예요)(?![가-힣])`,
    'g',
  )
  return [...text.matchAll(pattern)].flatMap(([all, word, particle]) => {
    const final = finalOf(word!)
    const wantsOpen = final === 0 || (final === 8 && /로$/.test(particle!))
    const fits = wantsOpen ? !(particle! in open) : !(particle! in closed)
    return fits ? [] : [all]
  })
}

describe.each(taskKinds)('%s', kind => {
  const tasks = Array.from({ length: tasksPerKind }, (_, seed) => kinds[kind](new Random(seed * 7919)))

  test('its own answer is right, after reasoning too; a wrong one is not', () => {
    for (const task of tasks) {
      const { question, answer, wrong, reasoning } = task
      expect(task.verify(answer), `${question} → ${answer}`).toBe(true)
      expect(task.verify(`<think>${wrong}</think>${answer}`), question).toBe(true)
      expect(task.verify(wrong), `${question} → ${wrong}`).toBe(false)
      expect(task.verify(`<think>${answer}</think>${wrong}`), question).toBe(false)
      expect(task.verify(''), question).toBe(false)
      expect(task.verify('모르겠어요.'), question).toBe(false)
      expect(reasoning.trim(), question).not.toBe('')
    }
  })

  test('particles fit, nothing is left open', () => {
    for (const { question, answer, reasoning } of tasks) {
      // Where particles are what is asked, the question offers a wrong one.
      const text = [...(kind === 'particle' ? [] : [question]), answer, reasoning].join('\n')
      expect(misfits(text)).toEqual([])
      expect(text).not.toMatch(/undefined|NaN|\[object|\/[는가를와로]|이\/|으로\//)
      expect(text).not.toMatch(/ {2}|\d\.\d{6}|몇 일/)
    }
  })

  test('asks many things', () => {
    expect(new Set(tasks.map(task => task.question)).size).toBeGreaterThan(tasksPerKind * 0.75)
  })
})

describe('steps', () => {
  const stepsOf = (kind: TaskKind) =>
    Array.from({ length: tasksPerKind }, (_, seed) => kinds[kind](new Random(seed)).steps!)

  test('are one in a sum, several in a chain of them, one to three in a story', () => {
    expect(new Set(stepsOf('arithmetic'))).toEqual(new Set([1]))
    expect([...new Set(stepsOf('steps'))].sort()).toEqual([2, 3, 4])
    expect([...new Set(stepsOf('word'))].sort()).toEqual([1, 2, 3])
  })

  test('are the sums that the reasoning works out', () => {
    for (let seed = 0; seed < tasksPerKind; seed++) {
      const { reasoning, steps } = kinds.word(new Random(seed))
      expect(reasoning.split('.').length - 1, reasoning).toBe(steps)
    }
  })
})

describe('tool', () => {
  test('calls tools that the recipes define, with the parameters they take', () => {
    const file = new URL('../../../../recipes/data/tools.json', import.meta.url)
    const definitions: { function: { name: string; parameters: JSONSchema } }[] = JSON.parse(readFileSync(file, 'utf8'))
    const parameters = new Map(definitions.map(({ function: { name, parameters } }) => [name, parameters]))
    for (let seed = 0; seed < tasksPerKind; seed++) {
      const { messages, tools } = makeConversation(seed, 'tool', true)
      const [call] = messages[1]!.tool_calls!
      expect(messages[1]!.content).toBe('')
      expect(tools).toContain(call!.function.name)
      for (const name of tools!) expect(parameters.has(name), name).toBe(true)
      const { properties, required } = parameters.get(call!.function.name)!
      const given = Object.keys(call!.function.arguments)
      expect(Object.keys(properties)).toEqual(expect.arrayContaining(given))
      expect(given).toEqual(expect.arrayContaining([...required]))
    }
  })
})

interface JSONSchema {
  readonly properties: Readonly<Record<string, unknown>>
  readonly required: readonly string[]
}

describe('the checker of this test', () => {
  test('finds wrong particles', () => {
    expect(misfits('사과은 3는 10가 민수와 지훈와 연필을 7로 8으로')).toEqual([
      '사과은',
      '3는',
      '10가',
      '지훈와',
      '8으로',
    ])
  })
})

describe('makeConversation', () => {
  test('has the reasoning only where it thinks', () => {
    const thinking = makeConversation(5, 'arithmetic', true)
    const plain = makeConversation(5, 'arithmetic', false)
    expect(thinking.messages[1]!.reasoning_content).toMatch(/=/)
    expect(plain.messages[1]).not.toHaveProperty('reasoning_content')
    expect(plain.messages[1]!.content).toBe(thinking.messages[1]!.content)
    expect(makeConversation(6, 'arithmetic', true).messages).not.toEqual(thinking.messages)
  })
})

describe('makeConversations', () => {
  const make = (seed: number, split: 'train' | 'heldout', count = 40 * taskKinds.length) =>
    [...makeConversations({ kinds: taskKinds, count, seed, split, thinking: 'both' })].map(made => made.conversation)

  test('the same seed gives the same bytes, another seed others', () => {
    expect(JSON.stringify(make(3, 'train'))).toBe(JSON.stringify(make(3, 'train')))
    expect(JSON.stringify(make(4, 'train'))).not.toBe(JSON.stringify(make(3, 'train')))
  })

  test('ids are unique, kinds take turns, every second one reasons', () => {
    const made = make(1, 'train')
    expect(new Set(made.map(({ id }) => id)).size).toBe(made.length)
    for (const kind of taskKinds) {
      const ofKind = made.filter(({ id }) => id.startsWith(`${kind}-`))
      expect(ofKind.length).toBe(40)
      expect(ofKind.filter(({ messages }) => messages[1]!.reasoning_content).length).toBe(Math.ceil(ofKind.length / 2))
    }
  })

  test('spaces and commas do not move a question to the other side', () => {
    for (let n = 1000; n < 1100; n++) {
      expect(splitOf(`${n} + 7은 얼마야?`)).toBe(splitOf(`${n.toLocaleString('en-US')}+7은 얼마야?`))
    }
  })

  test('no held-out question is in training, whatever the seeds', () => {
    const questions = (split: 'train' | 'heldout') =>
      [1, 2, 3].flatMap(seed => make(seed, split).map(({ messages }) => messages[0]!.content!))
    const heldOut = new Set(questions('heldout'))
    expect(questions('train').filter(question => heldOut.has(question))).toEqual([])
    expect([...heldOut].every(question => splitOf(question) === 'heldout')).toBe(true)
  })
})
