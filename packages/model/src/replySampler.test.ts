import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { trainTokenizer } from './bpeTrainer.ts'
import { ChatTemplate, encodeChat, moduChatTemplate } from './chatTemplate.ts'
import { Random } from './random.ts'
import { type ReplyOptions, ReplySampler, thinkingClose } from './replySampler.ts'
import { checkSampling, Sampler } from './sampling.ts'
import { Tokenizer } from './tokenizer.ts'
import { tokenizerConfig } from './tokenizerFiles.ts'

const json = await trainTokenizer(['안녕하세요! 오늘은 날씨가 맑습니다.\n\n 네.'], { vocabularySize: 300 })
const tokenizer = new Tokenizer(json, tokenizerConfig(json, 1024))
const template = new ChatTemplate(moduChatTemplate)
const stopIds = new Set(tokenizer.specialIds)
const rows = tokenizer.vocabularySize + 4

const [endOfObject] = tokenizer.encodePlain('}')

/**
 * The reply's tokens, its end too, of a model that wants every token alike, control tokens `eagerness` more, and where there
 * are tools the end of an object, too.
 */
function reply(
  seed: number,
  eagerness: number,
  options: Partial<ReplyOptions> & { thinking: boolean },
  longest = 300,
): number[] {
  const random = new Random(seed)
  const prompt = encodeChat(tokenizer, template, [{ role: 'user', content: '안녕' }], {
    addGenerationPrompt: true,
    enableThinking: options.thinking,
  })
  const sampler = new ReplySampler(tokenizer, new Sampler(checkSampling(), random), { prompt, stopIds, ...options })
  const tokens: number[] = []
  do {
    const logits = Float32Array.from({ length: rows }, () => random.normal())
    for (const id of tokenizer.controlTokens.values()) logits[id]! += eagerness
    if (options.tools) logits[endOfObject!]! += eagerness
    tokens.push(sampler.next(logits))
  } while (tokens.length < longest && !stopIds.has(tokens.at(-1)!))
  return tokens
}

/** The control tokens of a reply in their order, `end` for whatever ends it, and the text between. */
function partsOf(tokens: readonly number[]): { tags: string[]; texts: string[] } {
  const tags: string[] = []
  const texts: number[][] = [[]]
  for (const token of tokens) {
    expect(token).toBeLessThan(tokenizer.vocabularySize)
    if (!tokenizer.isControl(token)) texts.at(-1)!.push(token)
    else {
      tags.push(stopIds.has(token) ? 'end' : tokenizer.decode([token]))
      texts.push([])
    }
  }
  // Only where the budget or the limit cuts it, the last character may be incomplete, which is not shown.
  const decode = (ids: number[]) =>
    new TextDecoder().decode(Buffer.concat(ids.map(id => tokenizer.tokenBytes(id))), { stream: true })
  return { tags, texts: texts.map(ids => decode(ids).trim()) }
}

const seeds = Array.from({ length: 40 }, (_, seed) => seed)

describe('whatever the model wants, a reply', () => {
  test('without thinking is an answer and nothing else', () => {
    for (const seed of seeds) {
      const { tags, texts } = partsOf(reply(seed, 4, { thinking: false }))
      expect(tags).toEqual(['end'])
      expect(texts[0]).not.toBe('')
      expect(texts[0]).not.toMatch('\ufffd')
    }
  })

  test('with thinking is reasoning and an answer', () => {
    for (const seed of seeds) {
      const { tags, texts } = partsOf(reply(seed, 4, { thinking: true }))
      expect(tags).toEqual(['</think>', 'end'])
      expect(texts.slice(0, 2)).not.toContain('')
      expect(texts.join()).not.toMatch('\ufffd')
    }
  })

  test('calls tools that are offered, each call whole', () => {
    let calls = 0
    for (const seed of seeds) {
      const { tags, texts } = partsOf(reply(seed, 4, { thinking: true, tools: ['now', '날씨'] }))
      expect(tags.join(' ')).toMatch(/^<\/think>( <tool_call> <\/tool_call>)*( <tool_call>)?( end)?$/)
      for (const [i, tag] of tags.entries()) {
        if (tag !== '</tool_call>') continue
        const call = JSON.parse(texts[i]!)
        expect(['now', '날씨']).toContain(call.name)
        expect(Object.keys(call)).toEqual(['name', 'arguments'])
        calls++
      }
    }
    expect(calls).toBeGreaterThan(3)
  })
})

describe('a call that must be', () => {
  test('comes first, behind the reasoning', () => {
    for (const seed of seeds.slice(0, 5)) {
      const options = { tools: ['now', '날씨'], mustCall: true, thinkingBudget: 3 }
      for (const [thinking, begin] of [
        [true, ['</think>', '<tool_call>']],
        [false, ['<tool_call>']],
      ] as const) {
        const { tags, texts } = partsOf(reply(seed, 4, { ...options, thinking }, 12))
        expect(tags.slice(0, begin.length)).toEqual(begin)
        expect(texts[tags.indexOf('<tool_call>')]).toBe('')
      }
    }
  })

  test('and last, where the reply ends with it', () => {
    let whole = 0
    for (const seed of seeds.slice(0, 12)) {
      const options = { thinking: false, tools: ['now'], mustCall: true, endAfterCall: true }
      const { tags } = partsOf(reply(seed, 4, options, 80))
      expect(['<tool_call>', '<tool_call> </tool_call> end']).toContain(tags.join(' '))
      if (tags.length > 1) whole++
    }
    expect(whole).toBeGreaterThan(3)
  })
})

describe('a budget', () => {
  test('ends reasoning, and the answer follows', () => {
    for (const thinkingBudget of [0, 1, 5]) {
      for (const seed of seeds.slice(0, 10)) {
        const tokens = reply(seed, -100, { thinking: true, thinkingBudget })
        expect(tokens.indexOf(tokenizer.controlId('</think>'))).toBe(thinkingBudget)
        expect(partsOf(tokens).tags).toEqual(['</think>'])
      }
    }
  })

  test('that is not used up changes nothing', () => {
    expect(reply(7, 4, { thinking: true, thinkingBudget: 299 })).toEqual(reply(7, 4, { thinking: true }))
  })

  test.each([-1, 1.5, Number.NaN])('of %d is refused', thinkingBudget => {
    expect(() => reply(1, 0, { thinking: true, thinkingBudget })).toThrow(`thinking_budget is ${thinkingBudget}`)
  })
})

test('reasoning is drawn by a sampler of its own, where there is one', () => {
  const [token] = tokenizer.encodePlain('네') as [number]
  const tokens = reply(1, -100, { thinking: true, thinkingBudget: 5, reasoning: { next: () => token } })
  const end = tokens.indexOf(tokenizer.controlId('</think>'))
  expect(tokens.slice(0, end)).toEqual(Array(5).fill(token))
  expect(tokens.slice(end + 1).some(other => other !== token)).toBe(true)
})

test('reasoning that the prompt did not open is opened first', () => {
  const prompt = [tokenizer.controlId('<|assistant|>')]
  const sampler = new ReplySampler(tokenizer, { next: () => 20 }, { prompt, stopIds, thinking: true })
  expect(sampler.next(new Float32Array(rows))).toBe(tokenizer.controlId('<think>'))
})

describe('reasoning is closed as the template closes it', () => {
  const text = (source: string) => tokenizer.decode(thinkingClose(tokenizer, new ChatTemplate(source)))
  const qwen = `{% for m in messages %}{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}<|end|>{% endfor %}`
  test.each([
    ['in our template', moduChatTemplate, '</think>'],
    ['with line breaks', qwen, '\n</think>\n\n'],
    ['where it drops the reasoning', '{% for m in messages %}{{ m.content }}<|end|>{% endfor %}', '</think>'],
  ])('%s', (_, source, close) => {
    expect(text(source)).toBe(close)
  })

  test('a vocabulary without the tags never thinks', () => {
    const file = join(import.meta.dirname, '../fixtures/tokenizer/tokenizer.json')
    const plain = new Tokenizer({ ...JSON.parse(readFileSync(file, 'utf8')), added_tokens: [] })
    const sampler = new ReplySampler(plain, { next: () => 20 }, { prompt: [1], stopIds, thinking: true })
    expect(sampler.next(new Float32Array(plain.vocabularySize))).toBe(20)
    expect(thinkingClose(plain, template)).toEqual([])
  })
})
