import { describe, expect, test } from 'vitest'
import { nats, TextLikelihood, windows } from './likelihood.ts'
import { loadTinyModel, plainNats } from './testModel.ts'

describe('windows', () => {
  test.each([
    [1, 1, 8],
    [2, 1, 8],
    [8, 1, 8],
    [9, 1, 8],
    [100, 1, 8],
    [101, 1, 7],
    [30, 20, 8],
    [9, 8, 8],
    [5, 1, 2],
  ])('of %i tokens count each from %i on once, with a context of %i', (length, first, context) => {
    const counted: number[] = []
    for (const window of windows(length, first, context)) {
      expect(window.end - window.begin).toBeLessThanOrEqual(context)
      expect(window.first).toBeGreaterThan(window.begin)
      if (window.begin > 0) expect(window.first - window.begin).toBeGreaterThanOrEqual(Math.floor(context / 2))
      for (let t = window.first; t < window.end; t++) counted.push(t)
    }
    expect(counted).toEqual(Array.from({ length: Math.max(0, length - first) }, (_, i) => first + i))
  })
})

describe('likelihood', async () => {
  const chat = await loadTinyModel(64)
  const { model, tokenizer } = chat
  const text = '오늘은 날씨가 맑고 바람이 시원합니다.'
  const ids = [tokenizer.bosId!, ...tokenizer.encodePlain(text)]

  test('is what full logits say', () => {
    expect(ids.length).toBeLessThanOrEqual(64)
    expect(nats(model, ids, 1)).toBeCloseTo(plainNats(model, ids, 1), 3)
    expect(nats(model, ids, 9)).toBeCloseTo(plainNats(model, ids, 9), 3)
    expect(new TextLikelihood(chat).nats(text)).toBeCloseTo(plainNats(model, ids, 1), 3)
  })

  test('of a sequence longer than the context adds up window by window', () => {
    const long = [tokenizer.bosId!, ...tokenizer.encodePlain(text.repeat(4))]
    expect(long.length).toBeGreaterThan(100)
    let sum = plainNats(model, long.slice(0, 64), 1)
    for (let counted = 64; counted < long.length; counted += 32) {
      const end = Math.min(long.length, counted + 32)
      const begin = end - 64
      sum += plainNats(model, long.slice(begin, end), counted - begin)
    }
    expect(nats(model, long, 1)).toBeCloseTo(sum, 2)
  })

  test('of a text after a prompt is that of its own tokens', () => {
    const prompt = tokenizer.encodePlain('답:')
    const answer = tokenizer.encodePlain(' 네')
    const all = [tokenizer.bosId!, ...prompt, ...answer]
    const expected = plainNats(model, all, 1 + prompt.length)
    expect(new TextLikelihood(chat).nats(' 네', '답:')).toBeCloseTo(expected, 4)
  })
})
