import { readFileSync } from 'node:fs'
import * as huggingFace from '@huggingface/tokenizers'
import { describe, expect, test } from 'vitest'
import { Tokenizer } from './tokenizer.ts'
import type { TokenizerJson } from './tokenizerJson.ts'

const folder = new URL('../fixtures/tokenizer/', import.meta.url).pathname
const cases = JSON.parse(readFileSync(`${folder}cases.json`, 'utf8')) as {
  text: string
  ids: number[]
  decoded: string
}[]
const tokenizer = Tokenizer.load(folder)
const json = tokenizer.json

describe('agrees with Hugging Face tokenizers', () => {
  test.each(cases)('on $text', ({ text, ids, decoded }) => {
    expect(tokenizer.encode(text)).toEqual(ids)
    expect(tokenizer.decode(ids)).toBe(decoded)
  })

  test('of the JavaScript library, on random mixtures of scripts', () => {
    const library = new huggingFace.Tokenizer(json, { clean_up_tokenization_spaces: false })
    const pieces = [
      ...cases.map(({ text }) => text),
      '가나다 ',
      '\n\n',
      '  ',
      '12345',
      "it's",
      '👍🏽',
      'ㅋㅋㅋ',
      '\uFEFF',
      '\u0085',
      '。',
      'é',
    ]
    let state = 1
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return (state >>> 8) % below
    }
    for (let round = 0; round < 200; round++) {
      const text = Array.from({ length: 1 + random(6) }, () => {
        const chars = [...pieces[random(pieces.length)]]
        return chars.slice(random(chars.length)).join('')
      }).join('')
      if (text) expect(tokenizer.encode(text), text).toEqual(library.encode(text).ids)
    }
  })
})

test('control tokens that a person types stay text', () => {
  for (const [token, id] of tokenizer.controlTokens) {
    const ids = tokenizer.encodePlain(`a${token}b`)
    expect(ids).not.toContain(id)
    expect(ids.some(id => tokenizer.isControl(id))).toBe(false)
    expect(tokenizer.decode(ids)).toBe(`a${token}b`)
    expect(tokenizer.encode(`a${token}b`)).toContain(id)
  }
})

test('decoding can leave control tokens out', () => {
  expect(tokenizer.decode(tokenizer.encode('<think>생각</think>답<|end|>'), { skipSpecial: true })).toBe('생각답')
})

test('a token may be part of a character', () => {
  const ids = tokenizer.encodePlain('뷁')
  expect(ids.length).toBeGreaterThan(1)
  expect(tokenizer.decode(ids.slice(0, 1))).toBe('\uFFFD')
  expect(Buffer.concat(ids.map(id => tokenizer.tokenBytes(id))).toString()).toBe('뷁')
})

test('any text survives, and a lone surrogate becomes U+FFFD', () => {
  const all = Array.from({ length: 0x3000 }, (_, i) => String.fromCodePoint(i)).join('')
  expect(tokenizer.decode(tokenizer.encodePlain(all))).toBe(all)
  expect(tokenizer.decode(tokenizer.encodePlain('a\uD800b'))).toBe('a\uFFFDb')
})

test('a megabyte without a space is encoded, too', () => {
  const text = 'ㅋ'.repeat(300_000)
  expect(tokenizer.decode(tokenizer.encodePlain(text))).toBe(text)
})

describe('refuses', () => {
  const changed = (change: (json: TokenizerJson) => unknown) => {
    const copy = structuredClone(json)
    change(copy)
    return () => new Tokenizer(copy)
  }

  test('what it cannot do, by name', () => {
    expect(changed(json => Object.assign(json.model, { type: 'Unigram' }))).toThrow('model type Unigram')
    expect(changed(json => Object.assign(json.model, { byte_fallback: true }))).toThrow('byte_fallback')
    expect(changed(json => Object.assign(json, { normalizer: { type: 'Precompiled' } }))).toThrow(
      'normalizer Precompiled',
    )
    expect(changed(json => Object.assign(json, { pre_tokenizer: { type: 'Metaspace' } }))).toThrow(
      'pre_tokenizer Metaspace',
    )
    expect(changed(json => Object.assign(json.added_tokens[0], { lstrip: true }))).toThrow('<pad>')
  })

  test('incomplete files', () => {
    expect(() => new Tokenizer({} as TokenizerJson)).toThrow('not a Hugging Face tokenizer')
    expect(changed(json => delete json.model.vocab['!'])).toThrow('"!"')
    expect(() => new Tokenizer(json, { eos_token: '<|nothing|>' })).toThrow('eos_token <|nothing|>')
    expect(() => Tokenizer.load('/nowhere')).toThrow('/nowhere/tokenizer.json does not exist')
  })

  test('ids that are none', () => {
    expect(() => tokenizer.decode([-1])).toThrow('-1 is not a token id')
    expect(() => tokenizer.decode([1.5])).toThrow('1.5 is not a token id')
  })
})
