import { expect, test } from 'vitest'
import { trainTokenizer } from './bpeTrainer.ts'
import { PlainAnswer } from './plainAnswer.ts'
import { Random } from './random.ts'
import { ReplySampler } from './replySampler.ts'
import { Tokenizer } from './tokenizer.ts'
import { tokenizerConfig } from './tokenizerFiles.ts'

const json = await trainTokenizer(['안녕하세요! 오늘은 날씨가 맑습니다.\n\n 네.'], { vocabularySize: 300 })
const tokenizer = new Tokenizer(json, tokenizerConfig(json, 1024))
const stopIds = new Set(tokenizer.specialIds)

/** Draws a token that may come, every one alike, blanks and single bytes often. */
function drawn(random: Random, logits: Float32Array): number {
  const possible = [...logits.keys()].filter(id => logits[id] !== -Infinity)
  const early = possible.filter(id => id < 60)
  return (random.uniform() < 0.5 && early.length > 0 ? early : possible)[
    random.integer(early.length || possible.length)
  ]!
}

test('forbids what a reply without reasoning and tools forbids, token by token', () => {
  let ends = 0
  for (let seed = 0; seed < 60; seed++) {
    const random = new Random(seed)
    let seen = new Float32Array()
    const sampler = {
      next(logits: Float32Array) {
        seen = logits.slice()
        return drawn(random, logits)
      },
    }
    const reply = new ReplySampler(tokenizer, sampler, { prompt: [1], thinking: false, stopIds })
    let form = PlainAnswer.begin(tokenizer, stopIds)
    for (let length = 0; length < 40; length++) {
      const given = Float32Array.from({ length: tokenizer.vocabularySize + 4 }, () => random.normal())
      const forbidden = given.slice()
      form.forbid(forbidden)
      const token = reply.next(given)
      expect(forbidden).toEqual(seen)
      if (stopIds.has(token)) {
        ends++
        break
      }
      const { text } = form.after(token)
      expect(form.textAfter(token)).toBe(text)
      form = form.after(token)
    }
  }
  expect(ends).toBeGreaterThan(20)
})

test('what follows one token leaves the form before it as it was', () => {
  const form = PlainAnswer.begin(tokenizer, stopIds)
  const forbids = () => {
    const logits = new Float32Array(tokenizer.vocabularySize)
    form.forbid(logits)
    return logits
  }
  const before = forbids()
  form.after(tokenizer.encodePlain('안')[0]!).after(tokenizer.encodePlain('녕')[0]!)
  expect(forbids()).toEqual(before)
})
