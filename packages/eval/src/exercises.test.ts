import { readFileSync } from 'node:fs'
import { makeTask, splitOf, taskKinds } from '@modu/data'
import type { ChatEvent, ChatModel } from '@modu/model'
import { describe, expect, test } from 'vitest'
import { exercises, isJsonObject } from './exercises.ts'
import type { Result } from './result.ts'

/** Stands for a model that replies what `reply` says, so that right and wrong are known. */
function speaker(reply: (question: string, thinking: boolean) => string): ChatModel {
  async function* chat(
    [{ content }]: [{ content: string }],
    { enableThinking }: { enableThinking: boolean },
  ): AsyncGenerator<ChatEvent> {
    const [answer, reasoning] = reply(content, enableThinking).split('</think>').reverse()
    if (reasoning) yield { type: 'reasoning', text: reasoning }
    const [, call] = /<tool_call>(.*)<\/tool_call>/.exec(answer!) ?? []
    yield call ? { type: 'toolCall', ...JSON.parse(call) } : { type: 'text', text: answer! }
  }
  return { template: {}, contextLength: 1024, chat } as unknown as ChatModel
}

const file = new URL('../../../recipes/data/tools.json', import.meta.url)
const definitions: { function: { name: string } }[] = JSON.parse(readFileSync(file, 'utf8'))
const tools = new Map(definitions.map(tool => [tool.function.name, tool]))

describe('exercises', () => {
  const first = 3 * 2 ** 20
  const heldOut = new Map(
    taskKinds.flatMap(kind =>
      Array.from({ length: 500 }, (_, i) => makeTask(first + i, kind))
        .filter(task => splitOf(task.question) === 'heldout')
        .map(task => [task.question, task] as const),
    ),
  )
  const options = { limit: 0, seed: 3 }
  const figure = (results: readonly Result[], metric: string, source: string) =>
    results.find(result => result.metric === metric && result.source === source)!.value

  test('asks held-out exercises of each kind in both modes, and tells of the progress', async () => {
    const asked: string[] = []
    const told: string[] = []
    const onProgress = ({ source, done, total }: { source: string; done: number; total: number }) =>
      told.push(`${source} ${done}/${total}`)
    const model = speaker((question, thinking) => {
      asked.push(`${thinking} ${question}`)
      return ''
    })
    const results = await exercises(model, 2, tools, { ...options, onProgress })
    const kinds = taskKinds.length
    const [multiStep, ...rest] = ['exercisesDirect', 'exercisesThinking'].map(metric => {
      const groups = results.filter(result => result.metric === metric)
      expect(groups.map(({ source }) => source)).toEqual([...taskKinds, 'calculation', 'multi-step', 'exercises'])
      expect(groups.slice(0, kinds).every(({ items }) => items === 2)).toBe(true)
      expect(groups.at(-3)!.items).toBe(6)
      expect(groups.at(-1)!.items).toBe(2 * kinds)
      return groups.at(-2)!.items
    })
    expect(rest).toEqual([multiStep])
    expect(multiStep).toBeGreaterThanOrEqual(2)
    expect(results.slice(-3).map(({ metric, source, items }) => [metric, source, items])).toEqual([
      ['toolRight', 'tool', 4],
      ['jsonValid', 'extraction', 4],
      ['modeObeyed', 'exercises', 4 * kinds],
    ])
    expect(results.every(result => result.value === 0)).toBe(true)
    expect(asked.every(each => heldOut.has(each.replace(/^\w+ /, '')))).toBe(true)
    expect(asked.filter(each => each.startsWith('true'))).toHaveLength(2 * kinds)
    expect(new Set(asked).size).toBe(4 * kinds)
    expect(told.slice(0, 2)).toEqual([`${taskKinds[0]} 1/2`, `${taskKinds[0]} 2/2`])
    const withoutTools = await exercises(model, 1, new Map(), options)
    expect(withoutTools.some(({ source }) => source === 'tool')).toBe(false)
  })

  test('right after thinking, wrong directly: thinking gains all', async () => {
    const model = speaker((question, thinking) => {
      const { answer, wrong } = heldOut.get(question)!
      return thinking ? `음</think>${answer}` : wrong
    })
    const results = await exercises(model, 5, tools, options)
    for (const { metric, source, value } of results)
      if (metric.startsWith('exercises')) expect([source, value]).toEqual([source, Number(metric.endsWith('Thinking'))])
    for (const subset of ['calculation', 'multi-step', 'exercises'])
      expect(figure(results, 'thinkingGain', subset)).toBe(1)
    expect(figure(results, 'modeObeyed', 'exercises')).toBe(1)
    expect(figure(results, 'jsonValid', 'extraction')).toBe(1)
    // One of two particles is the commoner one.
    const { baselines } = results.find(result => result.source === 'particle')!
    expect(baselines[0]!.value).toBeGreaterThanOrEqual(0.2)
  })

  test('the right tool counts with other valid arguments, the exercise does not', async () => {
    const model = speaker(question => {
      const call = /<tool_call>(.*)<\/tool_call>/.exec(heldOut.get(question)!.answer)?.[1]
      if (!call) return '네'
      const { name, arguments: given } = JSON.parse(call)
      const others = Object.entries(given).map(([key, value]) => [key, typeof value === 'string' ? `${value}!` : value])
      return `<tool_call>${JSON.stringify({ name, arguments: Object.fromEntries(others) })}</tool_call>`
    })
    const results = await exercises(model, 5, tools, options)
    // An action of control_device is one of three words.
    expect(figure(results, 'toolRight', 'tool')).toBeGreaterThan(0.5)
    expect(figure(results, 'exercisesDirect', 'tool')).toBe(0)
  })

  test('the mode is not obeyed where the model thinks unasked, or not although asked', async () => {
    const model = speaker(() => '음</think>네')
    expect(figure(await exercises(model, 3, tools, options), 'modeObeyed', 'exercises')).toBe(0.5)
  })
})

test('a reply is JSON if it is one object and nothing else', () => {
  expect(isJsonObject(' {"이름": "민수", "나이": 3}\n')).toBe(true)
  expect(isJsonObject('```json\n{"이름": {"성": "김"}}\n```')).toBe(true)
  expect(isJsonObject('{"이름": "민수"} 입니다')).toBe(false)
  expect(isJsonObject('["민수"]')).toBe(false)
  expect(isJsonObject('3')).toBe(false)
  expect(isJsonObject('{"이름": "민수"')).toBe(false)
})
