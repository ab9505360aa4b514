import { makeTask, splitOf, taskKinds } from '@modu/data'
import type { ChatEvent, ChatModel } from '@modu/model'
import { describe, expect, test } from 'vitest'
import type { Reply } from './answer.ts'
import { exercises } from './exercises.ts'

/** Stands for a model that replies what `reply` says, so that right and wrong are known. */
function speaker(reply: (question: string, thinking: boolean) => Omit<Reply, 'ended'>): ChatModel {
  async function* chat([{ content }]: [{ content: string }], { enableThinking }: { enableThinking: boolean }) {
    const { reasoning, answer } = reply(content, enableThinking)
    if (reasoning) yield { type: 'reasoning', text: reasoning } satisfies ChatEvent
    yield { type: 'text', text: answer } satisfies ChatEvent
  }
  return { template: {}, contextLength: 1024, chat } as unknown as ChatModel
}

describe('exercises', () => {
  const first = 3 * 2 ** 20
  const kinds = taskKinds.filter(kind => makeTask(first, kind).tools === undefined)
  const heldOut = new Map(
    kinds.flatMap(kind =>
      Array.from({ length: 500 }, (_, i) => makeTask(first + i, kind))
        .filter(task => splitOf(task.question) === 'heldout')
        .map(task => [task.question, task] as const),
    ),
  )
  const options = { limit: 0, seed: 3 }

  test('asks held-out exercises of each kind in both modes, and tells of the progress', async () => {
    const asked: string[] = []
    const told: string[] = []
    const onProgress = ({ source, done, total }: { source: string; done: number; total: number }) =>
      told.push(`${source} ${done}/${total}`)
    const model = speaker((question, thinking) => {
      asked.push(`${thinking} ${question}`)
      return { reasoning: '', answer: '' }
    })
    const results = await exercises(model, 2, { ...options, onProgress })
    expect(results.map(result => [result.metric, result.source, result.items])).toEqual([
      ...kinds.map(kind => ['exercisesDirect', kind, 2]),
      ['exercisesDirect', 'exercises', 2 * kinds.length],
      ...kinds.map(kind => ['exercisesThinking', kind, 2]),
      ['exercisesThinking', 'exercises', 2 * kinds.length],
      ['modeObeyed', 'exercises', 4 * kinds.length],
    ])
    expect(results.every(result => result.value === 0)).toBe(true)
    expect(asked.every(each => heldOut.has(each.replace(/^\w+ /, '')))).toBe(true)
    expect(asked.filter(each => each.startsWith('true'))).toHaveLength(2 * kinds.length)
    expect(told.slice(0, 2)).toEqual([`${kinds[0]} 1/2`, `${kinds[0]} 2/2`])
  })

  test('right answers directly, wrong ones after thinking', async () => {
    const model = speaker((question, thinking) => {
      const { answer, wrong } = heldOut.get(question)!
      return thinking ? { reasoning: '음', answer: wrong } : { reasoning: '', answer }
    })
    for (const { metric, value } of await exercises(model, 5, options))
      expect([metric, value]).toEqual([metric, metric === 'exercisesThinking' ? 0 : 1])
  })

  test('the mode is not obeyed where the model thinks unasked, or not although asked', async () => {
    const results = await exercises(
      speaker(() => ({ reasoning: '음', answer: '네' })),
      3,
      options,
    )
    expect(results.at(-1)!.value).toBe(0.5)
  })
})
