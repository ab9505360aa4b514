import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { trainTokenizer } from './bpeTrainer.ts'
import { Random } from './random.ts'
import { type StreamEvent, TextStream, type TextStreamOptions } from './textStream.ts'
import { Tokenizer } from './tokenizer.ts'

const text = readFileSync(new URL('../fixtures/tokenizer/korean.txt', import.meta.url), 'utf8')
// So few merges that most syllables are several tokens.
const tokenizer = new Tokenizer(await trainTokenizer([text], { vocabularySize: 300 }))

const eventsOf = (ids: readonly number[], options?: TextStreamOptions): StreamEvent[] => {
  const stream = new TextStream(tokenizer, options)
  return [...ids.flatMap(id => stream.push(id)), ...stream.end()]
}
const events = (answer: string, options?: TextStreamOptions) => eventsOf(tokenizer.encode(answer), options)
const joined = (list: StreamEvent[], type: 'text' | 'reasoning') =>
  list.map(event => (event.type === type ? (event as { text: string }).text : '')).join('')

/** The calls whose pieces came: names, and arguments put together. */
function pieces(list: StreamEvent[]): [name: string, given: string][] {
  const calls: [string, string][] = []
  for (const event of list) {
    if (event.type !== 'toolCallDelta') continue
    if (event.name !== undefined) calls.push([event.name, ''])
    calls.at(-1)![1] += event.arguments
  }
  return calls
}

describe('whole characters', () => {
  const sample = '뷁은 안녕하세요 👩‍👩‍👧 é ①!'

  test('come with their last byte', () => {
    const list = events(sample)
    expect(joined(list, 'text')).toBe(sample)
    expect(list.length).toBeGreaterThan(5)
    for (const event of list) expect((event as { text: string }).text).not.toMatch(/\uFFFD|^$/)
  })

  test('in whatever order tokens come, the text is what their bytes are', () => {
    const random = new Random(3)
    for (let round = 0; round < 50; round++) {
      const ids = Array.from({ length: 40 }, () => random.integer(tokenizer.vocabularySize))
      const plain = ids.filter(id => !tokenizer.isControl(id))
      const bytes = Buffer.concat(plain.map(id => tokenizer.tokenBytes(id)))
      const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true })
      expect(joined(eventsOf(ids, { plain: true }), 'text')).toBe(text)
    }
  })

  test('an incomplete one at the end is dropped', () => {
    const ids = tokenizer.encodePlain('가뷁')
    for (let cut = 1; cut < 3; cut++) expect(joined(eventsOf(ids.slice(0, -cut)), 'text')).toBe('가')
  })

  test('bytes that are no character become U+FFFD, and the text goes on', () => {
    const part = tokenizer.encodePlain('뷁').slice(0, 1)
    expect(joined(eventsOf([...part, ...tokenizer.encodePlain('가')]), 'text')).toBe('\uFFFD가')
  })
})

describe('stop texts', () => {
  test.each([
    ['하나 둘 셋', ['둘'], '하나 '],
    ['하나 둘 셋', ['셋', '하나 둘'], ''],
    ['가나가나다', ['가나다'], '가나'],
    ['aaab끝', ['aab'], 'a'],
    ['질문: 뭐?\n\n질문: 왜?', ['\n\n질문:'], '질문: 뭐?'],
    ['끝까지 없음', ['없음!'], '끝까지 없음'],
    ['그대로', [''], '그대로'],
  ])('%j with %j shows %j', (answer, stop, shown) => {
    expect(joined(events(answer, { stop }), 'text')).toBe(shown)
  })

  test('never show in part, wherever tokens end', () => {
    const stop = ['###끝###']
    const stream = new TextStream(tokenizer, { stop })
    let shown = ''
    for (const id of tokenizer.encodePlain('답 ##### 아직 ###끝##? 다음 ###끝### 뒤')) {
      for (const event of stream.push(id)) shown += (event as { text: string }).text
      expect('답 ##### 아직 ###끝##? 다음 '.startsWith(shown)).toBe(true)
    }
    expect(shown).toBe('답 ##### 아직 ###끝##? 다음 ')
    expect(stream.stopped).toBe(true)
    expect(stream.stoppedBy).toBe('###끝###')
    expect(stream.end()).toEqual([])
  })

  test('are not looked for in reasoning', () => {
    const list = events('가\n나</think>다\n라', { stop: ['\n'], thinking: true })
    expect(joined(list, 'reasoning')).toBe('가\n나')
    expect(joined(list, 'text')).toBe('다')
  })
})

describe('channels', () => {
  test('reasoning, then text, whether the prompt opened it or the model', () => {
    for (const list of [events('생각</think>답', { thinking: true }), events('<think>생각</think>답')]) {
      expect(joined(list, 'reasoning')).toBe('생각')
      expect(joined(list, 'text')).toBe('답')
    }
  })

  test('tool calls come in pieces and then whole, with text around them', () => {
    const list = events(
      '볼게요.<tool_call>{"name": "날씨", "arguments": {"city": "대전"}}</tool_call><tool_call>\n{"name": "now"}\n</tool_call>',
      { stop: ['대전'] },
    )
    expect(joined(list, 'text')).toBe('볼게요.')
    expect(list.filter(({ type }) => type === 'toolCall')).toEqual([
      { type: 'toolCall', name: '날씨', arguments: { city: '대전' } },
      { type: 'toolCall', name: 'now', arguments: {} },
    ])
    expect(pieces(list)).toEqual([
      ['날씨', '{"city": "대전"}'],
      ['now', '{}'],
    ])
    expect(list.length).toBeGreaterThan(12)
  })

  test('the pieces of a call end where its arguments do', () => {
    const given = '{"a": [{"b": "}]\\"{"}], "c": {}}'
    expect(pieces(events(`<tool_call>\n{"name": "f", "arguments": ${given} }\n</tool_call>`))).toEqual([['f', given]])
  })

  test('a call that is cut has come in pieces as far as it went', () => {
    const list = events('<tool_call>{"name": "f", "arguments": {"a": "나')
    expect(pieces(list)).toEqual([['f', '{"a": "나']])
    expect(list.every(({ type }) => type === 'toolCallDelta')).toBe(true)
  })

  test('a call whose end is missing still counts, and a broken one is text', () => {
    expect(events('<tool_call>{"name": "now", "arguments": {}}').at(-1)).toEqual({
      type: 'toolCall',
      name: 'now',
      arguments: {},
    })
    expect(events('<tool_call>{"name": </tool_call>')).toEqual([{ type: 'text', text: '{"name": ' }])
    expect(events('<tool_call>{"name": "f", "arguments": [1]}</tool_call>')).toEqual([
      { type: 'text', text: '{"name": "f", "arguments": [1]}' },
    ])
  })

  test('control tokens are never shown; the same text typed is', () => {
    for (const [token, id] of tokenizer.controlTokens) {
      expect(joined(eventsOf([id, ...tokenizer.encodePlain('가'), id], { plain: true }), 'text')).toBe('가')
      expect(joined(eventsOf(tokenizer.encodePlain(token)), 'text')).toBe(token)
    }
  })

  test('plain completion has text only', () => {
    const list = events('가<think>나</think>다<tool_call>라', { plain: true })
    expect(joined(list, 'text')).toBe('가나다라')
    expect(list.every(({ type }) => type === 'text')).toBe(true)
  })
})
