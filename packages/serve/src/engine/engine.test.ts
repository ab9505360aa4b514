import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChatEvent, CompletionOptions } from '@modu/model'
import { writeTinyModel } from '@modu/model/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { serve } from '../serve.ts'
import { emptyUsage } from '../wire.ts'
import { checkpoints } from './checkpoints.ts'
import type { Engine } from './engine.ts'
import { EngineThread } from './engineThread.ts'
import { type EngineLimits, LocalEngine } from './localEngine.ts'
import { loadModels, shared, testSource } from './testSource.ts'

const never = new AbortController().signal
const { source, words } = testSource()

/** The answer of one request, as the HTTP side asks for it. */
async function answer(
  engine: Engine,
  prompt: number[],
  options: CompletionOptions & { model?: string; signal?: AbortSignal; onEvent?: (event: ChatEvent) => void } = {},
) {
  const { model = 'random', signal = never, onEvent, ...rest } = options
  const seat = engine.seat('', signal)
  try {
    const events = engine.models.get(model)!.complete(prompt, { maxTokens: 12, ...rest, seat, signal })
    await seat.enter()
    let text = ''
    for await (const event of events) {
      if (event.type === 'text') text += event.text
      onEvent?.(event)
    }
    return text
  } finally {
    seat.leave()
  }
}

const prompt = (i: number) => Array.from({ length: 3 + ((i * 37) % 60) }, (_, t) => 20 + ((i * 31 + t * t) % 280))

async function until(condition: () => boolean) {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 2))
}

const engines: [string, (limits: EngineLimits) => Promise<Engine>][] = [
  ['in this thread', async limits => new LocalEngine(await loadModels(words), limits)],
  ['in a thread of its own', limits => EngineThread.start({ source, limits })],
]

describe.each(engines)('an engine %s', (_, start) => {
  let engine: Engine
  let small: Engine
  beforeAll(async () => {
    engine = await start({})
    small = await start({ seats: 1, line: 1 })
  })
  afterAll(() => Promise.all([engine.release(), small.release()]))
  afterEach(() => until(() => engine.load.running + small.load.running === 0))

  test('gives the same answer to the same request and seed, alone and among 32', async () => {
    const ask = (i: number) => answer(engine, prompt(i), { seed: i, sampling: { temperature: 1 } })
    const together = await Promise.all(Array.from({ length: 32 }, (_, i) => ask(i)))
    for (const i of [0, 7, 31]) expect(await ask(i)).toBe(together[i])
    expect(new Set(together).size).toBeGreaterThan(16)
  })

  test('tells of an input that does not fit before the line, as the model does', async () => {
    const leave = new AbortController()
    const running = answer(small, prompt(1), { model: 'long', maxTokens: 1500, signal: leave.signal }).catch(() => {})
    await until(() => small.load.running === 1)
    await expect(answer(small, [], {})).rejects.toMatchObject({ name: 'ModelError', code: 'context' })
    await expect(answer(small, [1], { maxTokens: 0 })).rejects.toMatchObject({ name: 'ModelError', code: 'option' })
    expect(small.load).toMatchObject({ running: 1, waiting: 0 })
    leave.abort()
    await running
  })

  test('refuses those beyond seats and line with 429, and lets the next in when one has left', async () => {
    const leave = new AbortController()
    const running = answer(small, prompt(1), { model: 'long', maxTokens: 1500, signal: leave.signal })
    await until(() => small.load.running === 1)
    const next = answer(small, prompt(2), { seed: 1 })
    await until(() => small.load.waiting === 1)
    await expect(answer(small, prompt(3))).rejects.toMatchObject({
      name: 'ApiError',
      status: 429,
      code: 'server_busy',
      headers: { 'Retry-After': '2' },
    })
    leave.abort(new Error('gone'))
    await expect(running).rejects.toThrow('gone')
    expect(await next).not.toBe('')
    await until(() => small.load.running === 0)
    expect(small.load).toEqual({ running: 0, waiting: 0, cacheUsage: 0 })
  })

  test('takes several answers on one seat, one after the other, and counts each', async () => {
    const seat = small.seat('', never)
    const texts: string[] = []
    for (const seed of [1, 2]) {
      const usage = emptyUsage()
      const options = { maxTokens: 5, seed, seat, signal: never, usage }
      const events = small.models.get('long')!.complete(prompt(4), options)
      if (seed === 1) await seat.enter()
      let text = ''
      for await (const event of events) {
        if (event.type === 'text') text += event.text
        expect(usage.promptTokens).toBe(prompt(4).length)
        expect(usage.completionTokens).toBeGreaterThan(0)
      }
      expect(usage.completionTokens).toBe(5)
      texts.push(text)
    }
    expect(texts[0]).toBe(texts[1])
    seat.leave()
  })

  test('measures and embeds prompts', async () => {
    const seat = engine.seat('', never)
    await seat.enter()
    const model = engine.models.get('random')!
    const measured = await model.promptLogprobs(prompt(5), 2, { seat, signal: never })
    expect(measured).toHaveLength(prompt(5).length - 1)
    expect(measured[0]!.top).toHaveLength(2)
    const { vector, tokens } = await model.embed(prompt(5), { seat, signal: never })
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
    expect(tokens).toBe(prompt(5).length)
    await expect(model.embed([99_999], { seat, signal: never })).rejects.toMatchObject({ code: 'token' })
    seat.leave()
  })
})

describe('a thread', () => {
  let engine: EngineThread
  afterEach(() => engine?.release())

  test('knows the models as this thread does', async () => {
    engine = await EngineThread.start({ source })
    const local = new LocalEngine(await loadModels(words))
    expect([...engine.models.keys()]).toEqual([...local.models.keys()])
    const [here, there] = [local.models.get('random')!, engine.models.get('random')!]
    expect(there.contextLength).toBe(here.contextLength)
    expect(there.tokenizer.encode('가나다 <|end|>')).toEqual(here.tokenizer.encode('가나다 <|end|>'))
    expect(there.template!.source).toBe(here.template!.source)
    expect(await answer(engine, prompt(9), { seed: 3 })).toBe(await answer(local, prompt(9), { seed: 3 }))
  })

  test('at work for long does not hold up HTTP', async () => {
    engine = await EngineThread.start({ source })
    const server = await serve({ engine, port: 0 })
    Atomics.store(words, shared.mayGoOn, 0)
    const answered = fetch(`${server.url}/v1/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ model: 'busy', prompt: 'x' }),
    })
    await Atomics.waitAsync(words, shared.isBusy, 0).value
    // Its step goes on until this thread says so.
    for (const path of ['/health', '/metrics', '/v1/models', '/ready']) {
      expect((await fetch(server.url + path)).status).toBe(200)
    }
    Atomics.store(words, shared.mayGoOn, 1)
    Atomics.notify(words, shared.mayGoOn)
    expect(await (await answered).json()).toMatchObject({ choices: [{ text: 'done' }] })
    await server.stop()
  })

  test('streams to several clients at once what it answers in one piece, whole and in order', async () => {
    engine = await EngineThread.start({ source })
    const server = await serve({ engine, port: 0 })
    const ask = async (seed: number, fields: object) => {
      const asked = { model: 'random', prompt: prompt(seed), max_tokens: 60, seed, temperature: 1, ...fields }
      const headers = { 'Content-Type': 'application/json' }
      const answered = await fetch(`${server.url}/v1/completions`, {
        method: 'POST',
        headers,
        body: JSON.stringify(asked),
      })
      return answered.text()
    }
    const seeds = [1, 2, 3, 4, 5, 6, 7, 8]
    const fields = { stream: true, stream_options: { include_usage: true } }
    const streams = await Promise.all(seeds.map(seed => ask(seed, fields)))
    for (const [i, seed] of seeds.entries()) {
      const lines = streams[i]!.split('\n\n')
      expect(lines.slice(-2)).toEqual(['data: [DONE]', ''])
      const events = lines.slice(0, -2).map(line => JSON.parse(line.slice('data: '.length)))
      const whole = JSON.parse(await ask(seed, {}))
      expect(events.map(({ choices: [choice] }) => choice?.text ?? '').join('')).toBe(whole.choices[0].text)
      expect(events.at(-2).choices[0].finish_reason).toBe(whole.choices[0].finish_reason)
      expect(events.at(-1).usage.completion_tokens).toBe(whole.usage.completion_tokens)
    }
    await server.stop()
  })

  test('that ends by itself ends what runs with 503, says so, and is started anew', async () => {
    const lines: string[] = []
    engine = await EngineThread.start({ source, log: line => lines.push(line) })
    let begun = false
    const running = answer(engine, prompt(1), { model: 'long', maxTokens: 1500, onEvent: () => (begun = true) })
    running.catch(() => {})
    await until(() => begun)
    const failed = { name: 'ApiError', status: 503, code: 'engine_failed' }
    await expect(answer(engine, prompt(1), { model: 'fatal' })).rejects.toMatchObject(failed)
    await expect(running).rejects.toMatchObject(failed)
    expect(engine).toMatchObject({ isReady: false, load: { running: 0 } })
    await expect(answer(engine, prompt(1))).rejects.toMatchObject(failed)
    expect(lines.join()).toContain('code 7')
    await until(() => engine.isReady)
    expect(await answer(engine, prompt(1), { seed: 1 })).not.toBe('')
  })

  test('that does not come up again is lost', async () => {
    const { source, words } = testSource()
    words[shared.mostStarts] = 1
    const lost = Promise.withResolvers<Error>()
    engine = await EngineThread.start({ source, log: () => {}, lost: lost.resolve })
    await answer(engine, prompt(1), { model: 'fatal' }).catch(() => {})
    expect(await lost.promise).toMatchObject({ name: 'ModelError', code: 'missing', message: 'the model is gone' })
    expect(engine.isReady).toBe(false)
  })

  test('loads checkpoints, and computes with further threads of its own', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'modu-engine-'))
    try {
      await writeTinyModel(folder)
      engine = await EngineThread.start({ source: checkpoints({ tiny: folder }, { threads: 2 }) })
      const texts = await Promise.all([1, 2, 3].map(seed => answer(engine, prompt(300), { model: 'tiny', seed })))
      expect(new Set(texts).size).toBe(3)
    } finally {
      rmSync(folder, { recursive: true })
    }
    const missing = EngineThread.start({ source: checkpoints({ tiny: folder }) })
    await expect(missing).rejects.toMatchObject({ name: 'ModelError', code: 'missing' })
  })
})
