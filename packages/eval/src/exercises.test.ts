import { makeTask, splitOf } from '@modu/data'
import { describe, expect, test } from 'vitest'
import { exercises } from './exercises.ts'
import { loadTinyModel } from './testModel.ts'

describe('exercises', async () => {
  const chat = await loadTinyModel(256)
  const { model } = chat

  test('asks held-out exercises of each kind in both modes', async () => {
    const told: string[] = []
    const onProgress = ({ source, done, total }: { source: string; done: number; total: number }) =>
      told.push(`${source} ${done}/${total}`)
    const results = await exercises(chat, 2, { limit: 0, seed: 1, onProgress })
    const direct = results.filter(result => result.metric === 'exercisesDirect')
    const thinking = results.filter(result => result.metric === 'exercisesThinking')
    expect(direct.map(result => result.source)).toContain('arithmetic')
    expect(thinking.map(result => result.source)).toEqual(direct.map(result => result.source))
    expect(results.at(-1)).toMatchObject({ metric: 'modeObeyed', items: 4 * direct.length })
    expect(told.slice(0, 2)).toEqual(['arithmetic 1/2', 'arithmetic 2/2'])
    // Noise answers nothing.
    expect(direct.every(result => result.value === 0 && result.items === 2)).toBe(true)
  })

  test('a model that says the right answers is right, and obeys if it thinks where asked to', async () => {
    const answers = new Map<string, string>()
    for (let seed = 2 ** 20; seed < 2 ** 20 + 500; seed++)
      for (const kind of ['arithmetic', 'clock'] as const) {
        const { question, answer } = makeTask(seed, kind)
        if (splitOf(question) === 'heldout') answers.set(question, answer)
      }
    const knowing = Object.create(chat, {
      template: { value: chat.template },
      contextLength: { value: chat.contextLength },
      chat: {
        async *value([{ content }]: [{ content: string }], { enableThinking }: { enableThinking: boolean }) {
          // Thinks only about times of day, whatever is asked of it.
          if (enableThinking && content.includes('시')) yield { type: 'reasoning', text: '음' }
          yield { type: 'text', text: answers.get(content)! }
          yield { type: 'finish', reason: 'stop' }
        },
      },
    })
    expect(model.config.maxPositions).toBe(256)
    const results = await exercises(knowing, 5, { limit: 0, seed: 1 })
    for (const { metric, value } of results) if (metric !== 'modeObeyed') expect(value).toBe(1)
    expect(results.at(-1)!.value).toBeGreaterThanOrEqual(0.5)
    expect(results.at(-1)!.value).toBeLessThan(1)
  })
})
