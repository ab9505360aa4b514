import { describe, expect, test } from 'vitest'
import { trainTokenizer } from './bpeTrainer.ts'
import { Tokenizer } from './tokenizer.ts'
import { Utf8Vocabulary } from './utf8.ts'

const tokenizer = new Tokenizer(await trainTokenizer(['가나다 각하'], { vocabularySize: 280 }))
const utf8 = Utf8Vocabulary.of(tokenizer)
/** The token of a single byte. */
const byteIds = Array.from(
  { length: 256 },
  (_, byte) =>
    Array.from({ length: tokenizer.vocabularySize }, (_, id) => id).find(id => {
      const bytes = tokenizer.tokenBytes(id)
      return bytes.length === 1 && bytes[0] === byte
    })!,
)

/** The state after these bytes, −1 once one cannot follow. */
const stateOf = (bytes: readonly number[]) =>
  bytes.reduce((state, byte) => (state < 0 ? state : utf8.after(state, byteIds[byte]!)), 0)

const isUtf8 = (bytes: readonly number[]) => {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes))
    return true
  } catch {
    return false
  }
}

/** Those for which the decoder says something else. */
const misjudged = (all: readonly number[][]) => all.filter(bytes => (stateOf(bytes) === 0) !== isUtf8(bytes))

describe('bytes are UTF-8 if and only if the decoder takes them', () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => byte)

  test('one and two of them, all', () => {
    expect(misjudged(bytes.flatMap(a => [[a], ...bytes.map(b => [a, b])]))).toEqual([])
  })

  test('three and four of them, at the edges of every range', () => {
    const edges = [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0]
    const three = bytes.slice(0xdf).flatMap(a => edges.flatMap(b => edges.map(c => [a, b, c])))
    expect(misjudged(three)).toEqual([])
    expect(misjudged(three.flatMap(begun => edges.map(d => [...begun, d])))).toEqual([])
  })
})

test('what breaks a text is listed', () => {
  let state = 0
  for (const id of tokenizer.encodePlain('가나다 각하!')) {
    expect(utf8.broken(state)).not.toContain(id)
    state = utf8.after(state, id)
  }
  expect(state).toBe(0)
  const inside = stateOf([Buffer.from('가')[0]!])
  expect(utf8.broken(inside)).toContain(byteIds[0x41])
  expect(utf8.broken(inside)).not.toContain(byteIds[0x80])
  expect(utf8.broken(0)).toContain(byteIds[0x80])
})
