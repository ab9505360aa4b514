import { checkSampling, type LanguageModel, Random, Sampler } from '@modu/model'
import { describe, expect, test } from 'vitest'
import { Scheduler } from './scheduler.ts'
import { randomModel } from './testModels.ts'

/* Many sequences on one real model: whatever the company, each gets what it would get alone. */

const { model } = await randomModel()
const never = new AbortController().signal
const limits = { seats: 32, line: 32 }

interface Request {
  prompt: number[]
  tokens: number
  seed?: number
  key?: string
  signal?: AbortSignal
  /** Called after each token. */
  onToken?: () => void
  /** Called at the end, with the tokens of the prompt that others had computed. */
  onEnd?: (reused: number) => void
}

/** One answer, as a server generates it. */
async function answer(scheduler: Scheduler, request: Request, on: LanguageModel = model): Promise<number[]> {
  const { prompt, tokens, seed = 1, key, signal = never, onToken, onEnd } = request
  const seat = await scheduler.enter(signal, key)
  try {
    const sampler = new Sampler(checkSampling({ temperature: 1 }), new Random(seed), prompt)
    const sequence = seat.open(on)
    const drawn: number[] = []
    let logits = await sequence.append(prompt)
    for (;;) {
      drawn.push(sampler.next(logits))
      onToken?.()
      if (drawn.length === tokens) {
        onEnd?.(sequence.reused)
        return drawn
      }
      logits = await sequence.append(drawn.slice(-1))
    }
  } finally {
    seat.leave()
  }
}

/** The model, and how many tokens of it have been computed. */
function counted(): { model: LanguageModel; computed: () => number } {
  let computed = 0
  const count =
    <T extends unknown[], R>(method: (tokens: ArrayLike<number>, ...rest: T) => R) =>
    (tokens: ArrayLike<number>, ...rest: T) => {
      computed += tokens.length
      return method.call(model, tokens, ...rest)
    }
  const counting = Object.create(model, {
    step: { value: count(model.step) },
    stepAll: { value: count(model.stepAll) },
  }) as LanguageModel
  return { model: counting, computed: () => computed }
}

const text = (length: number, from: number) =>
  Array.from({ length }, (_, i) => 20 + ((from * 31 + i * 17 + i * i) % 280))
const requests = Array.from({ length: 32 }, (_, i) => ({ prompt: text(3 + ((i * 37) % 300), i), tokens: 12, seed: i }))

describe('continuous batching', () => {
  test('the same request and seed get the same answer alone and among 32', async () => {
    const together = new Scheduler(limits)
    const answers = await Promise.all(requests.map(request => answer(together, request)))
    for (const i of [0, 7, 8, 21, 31]) {
      expect(await answer(new Scheduler(limits), requests[i]!)).toEqual(answers[i])
    }
    expect(together).toMatchObject({ running: 0, heldPages: 0 })
  })

  test('short prompts that come at once are read in one pass, so that their answers go on together', async () => {
    const passes: number[] = []
    const counting = Object.create(model, {
      stepAll: {
        value: (tokens: number[], sequences: Parameters<LanguageModel['stepAll']>[1]) => {
          passes.push(tokens.length)
          return model.stepAll(tokens, sequences)
        },
      },
    }) as LanguageModel
    const short = Array.from({ length: 8 }, (_, i) => ({ prompt: text(4, i), tokens: 3 }))
    const scheduler = new Scheduler(limits)
    await Promise.all(short.map(request => answer(scheduler, request, counting)))
    expect(passes).toEqual([32, 8, 8])
  })

  test('requests join at the next step, and a long prompt is read between the steps of others', async () => {
    const scheduler = new Scheduler(limits)
    const order: string[] = []
    const first = answer(scheduler, { prompt: text(5, 1), tokens: 40, onToken: () => order.push('a') })
    while (order.length < 5) await new Promise(setImmediate)
    await answer(scheduler, { prompt: text(1000, 2), tokens: 3, onToken: () => order.push('b') })
    await first
    // Four pieces of the prompt, between which the other goes on; then a token each in the same passes.
    expect(order.join('')).toMatch(/^a{8,12}(ba|ab){3}a+$/)
  })

  test('a failure is that of those whose step it was', async () => {
    const scheduler = new Scheduler(limits)
    const broken = Object.create(model, {
      step: {
        value() {
          throw new Error('the model broke')
        },
      },
    }) as LanguageModel
    const other = answer(scheduler, requests[3]!)
    await expect(answer(scheduler, requests[2]!, broken)).rejects.toThrow('the model broke')
    expect(await other).toHaveLength(12)
    expect(scheduler).toMatchObject({ running: 0, heldPages: 0 })
  })
})

describe('shared beginnings', () => {
  test('are computed once, also by those who come at the same time', async () => {
    const scheduler = new Scheduler(limits)
    const { model: counting, computed } = counted()
    const system = text(320, 5)
    const asking = (i: number) => ({ prompt: [...system, ...text(9, 50 + i)], tokens: 6, seed: i })
    const reused: number[] = []
    const onEnd = (tokens: number) => reused.push(tokens)
    const answers = await Promise.all([0, 1, 2, 3].map(i => answer(scheduler, { ...asking(i), onEnd }, counting)))
    // Whoever comes to a page first computes it for all.
    expect(reused.reduce((sum, tokens) => sum + tokens)).toBe(3 * 320)
    // The beginning once, and of each its own prompt and all but the last token of its answer.
    expect(computed()).toBe(320 + 4 * (9 + 5))
    for (const [i, given] of answers.entries()) {
      expect(await answer(new Scheduler(limits), asking(i))).toEqual(given)
    }
  })

  test('a conversation goes on where it was', async () => {
    const scheduler = new Scheduler(limits)
    const { model: counting, computed } = counted()
    const prompt = text(100, 6)
    const reply = await answer(scheduler, { prompt, tokens: 30 }, counting)
    const before = computed()
    await answer(scheduler, { prompt: [...prompt, ...reply, ...text(10, 7)], tokens: 1 }, counting)
    // Of 129 tokens that were computed, eight whole pages of 16 are kept.
    expect(computed() - before).toBe(140 - 128)
  })
})

describe('pages', () => {
  const room = (tokens: number) => ({ ...limits, cacheBytes: tokens * model.cachedBytes })

  test('when they run out, those who came last are computed anew, and all get the same answers', async () => {
    const asked = Array.from({ length: 6 }, (_, i) => ({ prompt: text(50, 60 + i), tokens: 40, seed: i }))
    const roomy = new Scheduler(limits)
    const expected = await Promise.all(asked.map(request => answer(roomy, request)))
    const { model: counting, computed } = counted()
    const tight = new Scheduler(room(12 * 16))
    const reused: number[] = []
    const onEnd = (tokens: number) => reused.push(tokens)
    expect(await Promise.all(asked.map(request => answer(tight, { ...request, onEnd }, counting)))).toEqual(expected)
    // What one has computed itself and finds again is not what others had computed.
    expect(reused).toEqual([0, 0, 0, 0, 0, 0])
    expect(computed()).toBeGreaterThan(6 * 89)
    expect(tight.heldPages).toBe(0)
  })

  test('an answer that can never fit is refused, and others go on', async () => {
    const scheduler = new Scheduler(room(4 * 16))
    await expect(answer(scheduler, { prompt: text(60, 1), tokens: 10 })).rejects.toMatchObject({
      code: 'context',
      message: expect.stringContaining('cache of 64 tokens'),
    })
    expect(await answer(scheduler, { prompt: text(40, 1), tokens: 10 })).toHaveLength(10)
  })

  test('are free at once when clients leave, whatever they were waiting for', async () => {
    const scheduler = new Scheduler(room(20 * 16))
    const leaving = new AbortController()
    let drawn = 0
    const all = requests.map(request =>
      answer(scheduler, { ...request, tokens: 100, signal: leaving.signal, onToken: () => drawn++ }).catch(
        () => 'gone',
      ),
    )
    while (drawn < 20) await new Promise(setImmediate)
    expect(scheduler.heldPages).toBeGreaterThan(0)
    leaving.abort(new Error('gone'))
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    expect(scheduler).toMatchObject({ running: 0, waiting: 0, heldPages: 0 })
    expect(new Set(await Promise.all(all))).toEqual(new Set(['gone']))
  })
})

describe('keys', () => {
  test('share the model fairly, however many requests each has', async () => {
    const scheduler = new Scheduler({ seats: 96, line: 0 })
    let [many, one] = [0, 0]
    const crowd = Array.from({ length: 90 }, (_, i) =>
      answer(scheduler, { prompt: text(4, i), tokens: 15, key: 'crowd', onToken: () => many++ }),
    )
    while (many < 180) await new Promise(setImmediate)
    const before = many
    await answer(scheduler, { prompt: text(4, 99), tokens: 10, key: 'single', onToken: () => one++ })
    // A token in every pass of 32; in turn with the others it would be one in three passes.
    expect(one).toBe(10)
    expect(many - before).toBeLessThan(10 * 40)
    await Promise.all(crowd)
  })

  test('in line the one that got least is next, and within a key who came first', async () => {
    const scheduler = new Scheduler({ seats: 1, line: 8 })
    const order: string[] = []
    const enter = (key: string, name: string) =>
      answer(scheduler, { prompt: text(3, 1), tokens: 5, key }).then(() => order.push(name))
    await Promise.all([enter('a', 'a1'), enter('a', 'a2'), enter('a', 'a3'), enter('b', 'b1'), enter('b', 'b2')])
    expect(order).toEqual(['a1', 'b1', 'a2', 'b2', 'a3'])
  })
})
