import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createReferenceDevice } from '@modu/engine'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ChatEvent, ChatModel, type ChatRequest } from './chat.ts'
import { ChatTemplate, encodeChat, moduChatTemplate } from './chatTemplate.ts'
import type { KvCache, LanguageModel } from './languageModel.ts'
import { logprobOf } from './logprobs.ts'
import { writeTinyModel } from './testing.ts'
import type { GenerationConfigJson } from './tokenizerFiles.ts'

const question = [{ role: 'user', content: '안녕?' }] as const
let folder: string
let chatModel: ChatModel

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'modu-chat-'))
  await writeTinyModel(folder, { maxPositions: 256 })
  chatModel = ChatModel.load(folder, createReferenceDevice())
})

afterAll(() => {
  chatModel.close()
  rmSync(folder, { recursive: true })
})

async function collect(events: AsyncIterable<ChatEvent>) {
  const list: ChatEvent[] = []
  for await (const event of events) list.push(event)
  const finish = list.pop() as Extract<ChatEvent, { type: 'finish' }>
  expect(finish.type).toBe('finish')
  const joined = (type: 'text' | 'reasoning') => list.map(event => (event.type === type ? event.text : '')).join('')
  return { list, text: joined('text'), reasoning: joined('reasoning'), finish }
}

/** The tokens that a test wants a model to say, whatever it is asked. */
function scripted(answer: string): ChatModel {
  const { tokenizer, model } = chatModel
  const script = [...tokenizer.encode(answer), tokenizer.eosId!]
  let prompt = 0
  const actor: LanguageModel = Object.create(model, {
    step: {
      value: (tokens: readonly number[], cache: KvCache) => {
        model.step(tokens, cache)
        if (tokens.length > 1) prompt = cache.length
        const logits = new Float32Array(model.config.vocabSize)
        logits[script[cache.length - prompt]] = 100
        return logits
      },
    },
  })
  return new ChatModel('scripted', actor, tokenizer, new ChatTemplate(moduChatTemplate))
}

describe('a folder', () => {
  test('is a chat model with its name and settings', () => {
    expect(chatModel.name).toBe(folder.split('/').at(-1))
    expect(chatModel.contextLength).toBe(256)
    expect(chatModel.generationConfig.temperature).toBe(1)
  })

  test('with a tokenizer of another model is refused', async () => {
    const file = join(folder, 'tokenizer.json')
    const before = readFileSync(file, 'utf8')
    const json = JSON.parse(before)
    json.added_tokens.push({ ...json.added_tokens[0], id: 320, content: '<|new|>' })
    writeFileSync(file, JSON.stringify(json))
    expect(() => ChatModel.load(folder, createReferenceDevice())).toThrow(
      'the tokenizer has 321 entries, the model only 320',
    )
    writeFileSync(file, before)
  })
})

describe('an answer', () => {
  test('is the same for the same seed, and counts its tokens', async () => {
    const options: ChatRequest = { seed: 5, maxTokens: 20 }
    const { text, finish } = await collect(chatModel.chat(question, options))
    expect((await collect(chatModel.chat(question, options))).text).toBe(text)
    expect((await collect(chatModel.chat(question, { ...options, seed: 6 }))).text).not.toBe(text)
    const prompt = encodeChat(chatModel.tokenizer, chatModel.template!, question, { addGenerationPrompt: true })
    expect(finish.usage.promptTokens).toBe(prompt.length)
    expect(finish.usage.completionTokens).toBeLessThanOrEqual(20)
    expect(finish.usage.reasoningTokens).toBe(0)
  })

  test("counts in the caller's object before a token is passed on", async () => {
    const usage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 }
    let events = 0
    for await (const event of chatModel.chat(question, { seed: 5, maxTokens: 20, usage })) {
      if (event.type === 'finish') expect(usage).toEqual(event.usage)
      else expect(usage.completionTokens).toBeGreaterThanOrEqual(++events)
    }
    expect(events).toBeGreaterThan(0)
  })

  test('of several at once is that of each alone', async () => {
    const request = (seed: number) => collect(chatModel.chat(question, { seed, maxTokens: 15 }))
    const alone = []
    for (let seed = 0; seed < 4; seed++) alone.push((await request(seed)).text)
    const together = await Promise.all([0, 1, 2, 3].map(request))
    expect(together.map(({ text }) => text)).toEqual(alone)
  })

  test('lets the event loop turn between tokens', async () => {
    let ticks = 0
    const timer = setInterval(() => ticks++, 0)
    await collect(chatModel.chat(question, { seed: 1, maxTokens: 60, sampling: { topK: 50 } }))
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(2)
  })

  test('takes its turns from the caller', async () => {
    let turns = 0
    const turn = async () => void turns++
    const { finish } = await collect(chatModel.complete('가나다', { seed: 3, maxTokens: 7, turn }))
    expect(turns).toBe(finish.usage.completionTokens + (finish.reason === 'stop' ? 1 : 0))
  })

  test('thinks, answers and stops', async () => {
    const { reasoning, text, finish } = await collect(
      scripted('음, 인사다.</think>안녕! 또 봐').chat(question, { enableThinking: true, stop: ['또'], seed: 1 }),
    )
    expect(reasoning).toBe('음, 인사다.')
    expect(text).toBe('안녕! ')
    expect(finish.reason).toBe('stop')
    expect(finish.usage.reasoningTokens).toBe(chatModel.tokenizer.encode('음, 인사다.</think>').length)
  })

  test('calls tools', async () => {
    const call = '<tool_call>{"name": "now", "arguments": {"zone": "KST"}}</tool_call>'
    const tools = [{ function: { name: 'now' } }]
    const { list, finish } = await collect(scripted(call).chat(question, { seed: 1, tools }))
    expect(list.at(-1)).toEqual({ type: 'toolCall', name: 'now', arguments: { zone: 'KST' } })
    expect(list[0]).toEqual({ type: 'toolCallDelta', name: 'now', arguments: '' })
    const pieces = list.map(event => (event.type === 'toolCallDelta' ? event.arguments : ''))
    expect(pieces.join('')).toBe('{"zone": "KST"}')
    expect(pieces.filter(Boolean).length).toBeGreaterThan(3)
    expect(finish.reason).toBe('stop')
    const without = await collect(scripted(call).chat(question, { seed: 1, maxTokens: 20 }))
    expect(without.list.filter(event => event.type === 'toolCall')).toEqual([])
  })

  test('keeps reasoning within its budget, by default three quarters of all tokens', async () => {
    const think = (request: ChatRequest) =>
      collect(chatModel.chat(question, { enableThinking: true, maxTokens: 40, ...request }))
    for (let seed = 0; seed < 5; seed++) {
      const limited = await think({ seed, thinkingBudget: 3 })
      // The tag that ends it counts as reasoning, too.
      expect(limited.finish.usage.reasoningTokens).toBeLessThanOrEqual(4)
      expect(limited.text.trim()).not.toBe('')
      expect((await think({ seed })).finish.usage.reasoningTokens).toBeLessThanOrEqual(31)
      expect((await think({ seed, thinkingBudget: 0 })).reasoning).toBe('')
    }
  })

  test('thinks by a template that leaves the tag to the model, unless that is switched off', async () => {
    const { model, tokenizer } = chatModel
    const source = `{% for m in messages %}<|user|>{{ m.content }}<|end|>{% endfor %}<|assistant|>{% if enable_thinking == false %}<think></think>{% endif %}`
    const other = new ChatModel('other', model, tokenizer, new ChatTemplate(source))
    for (const enableThinking of [undefined, true, false]) {
      const { reasoning, text } = await collect(other.chat(question, { enableThinking, seed: 1, maxTokens: 60 }))
      expect(reasoning.trim() !== '').toBe(enableThinking !== false)
      expect(text.trim()).not.toBe('')
    }
  })

  test('ends where the model opens another turn', async () => {
    const { text } = await collect(scripted('네.<|user|>그리고').chat(question, { seed: 1 }))
    expect(text).toBe('네.')
  })

  test('is broken off by its signal', async () => {
    const controller = new AbortController()
    const events = chatModel.chat(question, { seed: 1, signal: controller.signal })
    await events.next()
    controller.abort()
    await expect(collect(events)).rejects.toThrow(/abort/i)
    expect((await collect(chatModel.chat(question, { seed: 1, maxTokens: 3 }))).finish.type).toBe('finish')
  })

  test('goes on with the idle sequence of the conversation, with the same result', async () => {
    const options: ChatRequest = { seed: 2, maxTokens: 10, sampling: { temperature: 0 } }
    const { text, finish } = await collect(chatModel.chat(question, options))
    const longer = [...question, { role: 'assistant', content: text }, { role: 'user', content: '또?' }] as const
    const warm = await collect(chatModel.chat(longer, options))
    const fresh = ChatModel.load(folder, createReferenceDevice())
    const cold = await collect(fresh.chat(longer, options))
    expect(cold.text).toBe(warm.text)
    expect(cold.finish.usage.cachedTokens).toBe(0)
    expect(warm.finish.usage.cachedTokens).toBeGreaterThanOrEqual(finish.usage.promptTokens)
    fresh.close()
  })
})

test('a completion takes text or token ids', async () => {
  const { tokenizer } = chatModel
  const text = '옛날 옛적에'
  const options = { seed: 1, maxTokens: 8 }
  const ofText = await collect(chatModel.complete(text, options))
  const ofIds = await collect(chatModel.complete([tokenizer.bosId!, ...tokenizer.encodePlain(text)], options))
  expect(ofIds.text).toBe(ofText.text)
  expect(() => chatModel.complete([320])).toThrow('320 is not a token id; ids are integers from 0 to 319')
})

describe('an embedding', () => {
  test('is the mean of the final hidden states, 1 long, however many pieces it is read in', async () => {
    const ids = Array.from({ length: 200 }, (_, i) => (i * 37) % chatModel.model.config.vocabSize)
    const hidden = [...chatModel.model.hidden(Int32Array.from(ids), 1).reals]
    chatModel.model.device.reset()
    const width = chatModel.model.config.hiddenSize
    const sums = Array.from({ length: width }, (_, i) => hidden.reduce((s, x, at) => s + (at % width === i ? x : 0), 0))
    let turns = 0
    const { vector, tokens } = await chatModel.embed(ids, { turn: async () => void turns++ })
    expect(tokens).toBe(200)
    expect(turns).toBe(2)
    expect([...vector]).toEqual(sums.map(sum => expect.closeTo(sum / Math.hypot(...sums), 4)))
  })

  test('of a text is that of its tokens as of a document', async () => {
    const ids = [chatModel.tokenizer.bosId!, ...chatModel.tokenizer.encodePlain('바다와 산')]
    expect(await chatModel.embed('바다와 산')).toEqual(await chatModel.embed(ids))
  })

  test('is broken off by its signal, and refused beyond the context', async () => {
    const reading = chatModel.embed('바다와 산', { signal: AbortSignal.abort(new Error('left')) })
    await expect(reading).rejects.toThrow('left')
    const long = Array.from({ length: chatModel.contextLength + 1 }, () => 5)
    await expect(chatModel.embed(long)).rejects.toMatchObject({ code: 'context' })
  })
})

describe('throws at once', () => {
  test('for megabytes of text, without encoding them', () => {
    const text = '가나다라'.repeat(500_000)
    expect(() => chatModel.chat([{ role: 'user', content: text }])).toThrow(
      /at least \d+ tokens, but .* context is 256/,
    )
    expect(() => chatModel.complete(text)).toThrow(/at least \d+ tokens/)
  })

  test.each<[string, () => unknown]>([
    ['thinking_budget is -1', () => chatModel.chat(question, { thinkingBudget: -1 })],
    ['temperature is -1', () => chatModel.chat(question, { sampling: { temperature: -1 } })],
    ['seed is 0.5', () => chatModel.chat(question, { seed: 0.5 })],
    ['the prompt has', () => chatModel.chat([{ role: 'user', content: '가'.repeat(500) }])],
    ['max_tokens is 300', () => chatModel.chat(question, { maxTokens: 300 })],
    ['messages is empty', () => chatModel.chat([])],
    [
      'has no chat template',
      () => new ChatModel('base', chatModel.model, chatModel.tokenizer, undefined).chat(question),
    ],
  ])('%s', (message, run) => {
    expect(run).toThrow(message)
  })
})

describe('num_beams of generation_config.json', () => {
  const beams = (json: GenerationConfigJson = { num_beams: 3 }) => {
    const { model, tokenizer, template } = chatModel
    return new ChatModel('beams', model, tokenizer, template, { ...chatModel.generationConfig, ...json })
  }
  const ask = async (model: ChatModel, options: ChatRequest = {}) =>
    (await collect(model.chat(question, { seed: 5, maxTokens: 12, ...options }))).text

  test('makes a plain answer more likely than what sampling gives, and the same for the same seed', async () => {
    const { model, tokenizer, template } = chatModel
    const prompt = encodeChat(tokenizer, template!, question, { addGenerationPrompt: true })
    /** ln of an answer's probability, by a pass for each of its tokens. */
    const logprob = (text: string) => {
      const cache = model.createCache(64)
      let logits = model.step(prompt, cache)
      let sum = 0
      for (const id of tokenizer.encode(text)) {
        sum += logprobOf(logits, id, 0).logprob
        logits = model.step([id], cache)
      }
      return sum
    }
    const searching = beams({ num_beams: 4, do_sample: false })
    const found = await ask(searching)
    expect(await ask(searching)).toBe(found)
    expect(await ask(searching, { seed: 6 })).toBe(found)
    for (let seed = 0; seed < 4; seed++) expect(logprob(found)).toBeGreaterThan(logprob(await ask(chatModel, { seed })))
    const drawing = beams()
    expect(await ask(drawing)).toBe(await ask(drawing))
    const answers = await Promise.all([1, 2, 3, 4].map(seed => ask(drawing, { seed })))
    expect(new Set(answers).size).toBeGreaterThan(1)
  })

  test.each<[string, ChatRequest]>([
    ['a temperature', { sampling: { temperature: 0.8 } }],
    ['a top_p', { sampling: { topP: 0.5 } }],
    ['reasoning', { enableThinking: true }],
    ['a bias', { logitBias: new Map([[40, 3]]) }],
    ['log-probabilities', { topLogprobs: 1 }],
    ['a schema', { schema: { type: 'object', properties: { a: { type: 'integer' } }, additionalProperties: false } }],
    ['tools', { tools: [{ type: 'function', function: { name: 'time', parameters: { type: 'object' } } }] }],
  ])('has no say with %s', async (_, options) => {
    const request = { seed: 5, maxTokens: 30, ...options }
    const [searching, sampling] = [beams(), chatModel].map(model => collect(model.chat(question, request)))
    expect((await searching).list).toEqual((await sampling).list)
  })

  test('counts the tokens of the answer that is given', async () => {
    const { finish, text } = await collect(beams().chat(question, { seed: 5, maxTokens: 12 }))
    expect(finish.usage.completionTokens).toBeLessThanOrEqual(12)
    expect(finish.usage.completionTokens).toBeGreaterThan(0)
    expect(text).not.toBe('')
  })

  test('answers may be looked for at the same time, and one can be broken off', async () => {
    const model = beams()
    const alone = await ask(model)
    const leaving = new AbortController()
    const broken = ask(model, { signal: leaving.signal })
    const others = [ask(model), ask(model), ask(model, { seed: 9 })]
    leaving.abort(new Error('gone'))
    await expect(broken).rejects.toThrow('gone')
    expect((await Promise.all(others)).slice(0, 2)).toEqual([alone, alone])
  })

  test('ends an answer at a stop text', async () => {
    // Such a length penalty prefers long answers.
    const model = beams({ num_beams: 3, length_penalty: 4 })
    const whole = await ask(model)
    expect(whole.length).toBeGreaterThan(2)
    const stop = whole.slice(1, 3)
    // So often that pages which one left held would be missed by another.
    for (let i = 0; i < 40; i++) {
      const { text, finish } = await collect(model.chat(question, { seed: 5, maxTokens: 12, stop: [stop] }))
      expect(text).toBe(whole.slice(0, whole.indexOf(stop)))
      expect(finish.stop).toBe(stop)
    }
  })

  test('that is no number of beams is refused, and so is a length_penalty that is no number', () => {
    for (const num_beams of [0, 2.5, 17])
      expect(() => beams({ num_beams }).chat(question)).toThrow(
        `num_beams is ${num_beams}; it must be an integer from 1 to 16`,
      )
    const length_penalty = 'long' as unknown as number
    expect(() => beams({ num_beams: 2, length_penalty }).chat(question)).toThrow('length_penalty is "long"; it must be')
  })
})
