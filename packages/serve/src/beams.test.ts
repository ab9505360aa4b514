import { ChatModel, type ChatRequest, type LanguageModel } from '@modu/model'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { Scheduler } from './scheduler.ts'
import { serve } from './serve.ts'
import { randomModel } from './testModels.ts'

/* Answers that are looked for by several beams: each beam is a sequence of the request's seat. */

const { model, tokenizer, template, generationConfig } = await randomModel()
const searching = new ChatModel('beams', model, tokenizer, template, { ...generationConfig, num_beams: 4 })
const never = new AbortController().signal

interface Request extends Pick<ChatRequest, 'seed' | 'signal'> {
  question: string
}

/** One answer, as a server generates it. */
async function answer(
  scheduler: Scheduler,
  { question, seed, signal = never }: Request,
  on: LanguageModel = model,
): Promise<string> {
  const seat = await scheduler.enter(signal)
  try {
    const steps = { open: () => seat.open(on), turn: () => seat.turn() }
    const events = searching.chat([{ role: 'user', content: question }], { seed, signal, maxTokens: 30, ...steps })
    let text = ''
    for await (const event of events) if (event.type === 'text') text += event.text
    return text
  } finally {
    seat.leave()
  }
}

const requests = Array.from({ length: 12 }, (_, i) => ({ question: '안녕 '.repeat(1 + ((i * 5) % 23)), seed: i }))
const limits = { seats: 32, line: 32 }

describe('beams of many requests', () => {
  test('go on together, and each request gets what it would get alone', async () => {
    const passes: number[] = []
    const counting = Object.create(model, {
      stepAll: {
        value: (...args: Parameters<typeof model.stepAll>) => {
          passes.push(args[0].length)
          return model.stepAll(...args)
        },
      },
    })
    const together = new Scheduler(limits)
    const answers = await Promise.all(requests.map(request => answer(together, request, counting)))
    expect(Math.max(...passes)).toBeGreaterThan(16)
    expect(new Set(answers).size).toBeGreaterThan(6)
    for (const i of [0, 3, 11]) expect(await answer(new Scheduler(limits), requests[i]!)).toBe(answers[i])
    expect(together).toMatchObject({ running: 0, heldPages: 0 })
  })

  test('share what they have in common: forks compute nothing anew', async () => {
    const scheduler = new Scheduler(limits)
    let computed = 0
    const count = (method: 'step' | 'stepAll') => ({
      value: (tokens: number[], cache: never) => {
        computed += tokens.length
        return model[method](tokens, cache)
      },
    })
    const counting = Object.create(model, { step: count('step'), stepAll: count('stepAll') })
    const seat = await scheduler.enter(never)
    const sequence = seat.open(counting)
    await sequence.append(Array.from({ length: 45 }, (_, i) => 20 + i))
    const forks = [sequence.fork(), sequence.fork(), sequence]
    const logits = await Promise.all(forks.map(fork => fork.append([50]).then(row => row.slice())))
    expect(computed).toBe(45 + 3)
    expect(logits[1]).toEqual(logits[0])
    expect(logits[2]).toEqual(logits[0])
    // Two full pages of 16 are shared, each has a page for what is behind them.
    expect(scheduler.heldPages).toBe(2 + 3)
    forks[0]!.release()
    expect(scheduler.heldPages).toBe(2 + 2)
    seat.leave()
    expect(scheduler.heldPages).toBe(0)
  })

  test('get the same answers where pages run out', async () => {
    const asked = requests.slice(0, 6)
    const expected = await Promise.all(asked.map(request => answer(new Scheduler(limits), request)))
    const tight = new Scheduler({ ...limits, cacheBytes: 20 * 16 * model.cachedBytes })
    expect(await Promise.all(asked.map(request => answer(tight, request)))).toEqual(expected)
    expect(tight.heldPages).toBe(0)
  })

  test('that do not fit into the cache fail, and leave nothing behind', async () => {
    const scheduler = new Scheduler({ ...limits, cacheBytes: 6 * 16 * model.cachedBytes })
    for (let i = 0; i < 3; i++) {
      await expect(answer(scheduler, requests[i]!)).rejects.toThrow("server's cache of 96 tokens")
      await new Promise(setImmediate)
      await new Promise(setImmediate)
      expect(scheduler).toMatchObject({ running: 0, heldPages: 0 })
    }
  })

  test('whose seat is left are not computed any more', async () => {
    const scheduler = new Scheduler(limits)
    let computed = 0
    const counting = Object.create(model, {
      step: {
        value: (...args: Parameters<typeof model.step>) => {
          computed += args[0].length
          return model.step(...args)
        },
      },
    })
    const seat = await scheduler.enter(never)
    const sequence = seat.open(counting)
    await sequence.append(Array.from({ length: 40 }, (_, i) => 20 + i))
    // Too long to be read together: one after the other.
    const forks = [sequence.fork(), sequence.fork(), sequence.fork()]
    const steps = forks.map((fork, i) => fork.append(Array.from({ length: 40 }, (_, t) => 30 + i + t)))
    await steps[0]
    seat.leave()
    expect((await Promise.allSettled(steps)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect(computed).toBe(40 + 40)
    expect(scheduler).toMatchObject({ running: 0, heldPages: 0 })
  })

  test('give all their pages back at once when the client leaves', async () => {
    const scheduler = new Scheduler(limits)
    const leaving = new AbortController()
    const all = requests.map(request => answer(scheduler, { ...request, signal: leaving.signal }).catch(() => 'gone'))
    while (scheduler.heldPages < 20) await new Promise(setImmediate)
    leaving.abort(new Error('gone'))
    expect(new Set(await Promise.all(all))).toEqual(new Set(['gone']))
    expect(scheduler).toMatchObject({ running: 0, waiting: 0, heldPages: 0 })
  })
})

test('over HTTP an answer is looked for unless the request says how to sample', async () => {
  const server = await serve({ port: 0, models: { beams: searching, plain: await randomModel() } })
  try {
    const client = new OpenAI({ apiKey: 'unused', baseURL: `${server.url}/v1`, maxRetries: 0 })
    const ask = async (name: string, options: object = {}) => {
      const messages = [{ role: 'user' as const, content: '안녕?' }]
      const answered = await client.chat.completions.create({
        model: name,
        messages,
        seed: 3,
        max_tokens: 20,
        ...options,
      })
      return answered.choices[0]!.message.content
    }
    expect(await ask('beams')).not.toBe(await ask('plain'))
    expect(await ask('beams', { temperature: 1 })).toBe(await ask('plain', { temperature: 1 }))
    const stream = await client.chat.completions.create({
      model: 'beams',
      messages: [{ role: 'user', content: '안녕?' }],
      seed: 3,
      max_tokens: 20,
      stream: true,
      stream_options: { include_usage: true },
    })
    let streamed = ''
    let tokens = 0
    for await (const { choices, usage } of stream) {
      streamed += choices[0]?.delta.content ?? ''
      tokens = usage?.completion_tokens ?? tokens
    }
    expect(streamed).toBe(await ask('beams'))
    expect(tokens).toBeGreaterThan(0)
    expect(tokens).toBeLessThanOrEqual(20)
  } finally {
    await server.stop()
  }
})
