import { ModelError } from '@modu/model'
import { describe, expect, test } from 'vitest'
import type { Answerer, Message, Piece } from './answerer.ts'
import { Conversation, type Event } from './conversation.ts'

/** Answers with fixed pieces, one at a time, as long as it is not stopped; sees at most `context` messages. */
class Scripted implements Answerer {
  readonly name = 'scripted'
  readonly asked: (readonly Message[])[] = []
  readonly #pieces: readonly Piece[]
  readonly #context: number

  constructor(pieces: readonly Piece[], context = 100) {
    this.#pieces = pieces
    this.#context = context
  }

  async *answer(messages: readonly Message[], { thinking, signal }: { thinking: boolean; signal: AbortSignal }) {
    if (messages.length > this.#context) throw new ModelError('context', `${messages.length} messages are too many`)
    this.asked.push(messages)
    for (const piece of this.#pieces) {
      if (signal.aborted) return
      if (thinking || piece.kind === 'text') yield piece
    }
  }
}

const pieces: Piece[] = [
  { kind: 'thinking', text: '인사' },
  { kind: 'thinking', text: '다.\n' },
  { kind: 'text', text: '\n\n안녕' },
  { kind: 'text', text: '하세요!' },
]

async function all(events: AsyncIterable<Event>) {
  const seen: Event[] = []
  for await (const event of events) seen.push(event)
  return seen
}

describe('a conversation', () => {
  test('keeps question and answer, thinking apart, and asks with all of it', async () => {
    const answerer = new Scripted(pieces)
    const conversation = new Conversation(answerer, true)
    expect(await all(conversation.ask('안녕?'))).toEqual(pieces)
    expect(conversation.messages).toEqual([
      { role: 'user', content: '안녕?' },
      { role: 'assistant', content: '안녕하세요!', reasoning_content: '인사다.' },
    ])
    await all(conversation.ask('또 안녕?'))
    expect(answerer.asked[1]).toEqual([...conversation.messages.slice(0, 2), { role: 'user', content: '또 안녕?' }])
  })

  test('does not think when thinking is off', async () => {
    const conversation = new Conversation(new Scripted(pieces), false)
    expect(await all(conversation.ask('안녕?'))).toEqual(pieces.slice(2))
    expect(conversation.messages[1]).toEqual({ role: 'assistant', content: '안녕하세요!' })
  })

  test('that is stopped keeps what was said until then', async () => {
    const conversation = new Conversation(new Scripted(pieces), false)
    for await (const _ of conversation.ask('안녕?')) {
      expect(conversation.answering).toBe(true)
      conversation.stop()
    }
    expect(conversation.answering).toBe(false)
    expect(conversation.messages.at(-1)).toEqual({ role: 'assistant', content: '안녕' })
  })

  test('forgets its oldest turns when it outgrows the context', async () => {
    const answerer = new Scripted(pieces, 3)
    const conversation = new Conversation(answerer, false)
    await all(conversation.ask('하나'))
    await all(conversation.ask('둘'))
    const events = await all(conversation.ask('셋'))
    expect(events[0]).toEqual({ kind: 'forgot' })
    expect(answerer.asked.at(-1)!.map(({ content }) => content)).toEqual(['둘', '안녕하세요!', '셋'])
    expect(conversation.messages).toHaveLength(4)
  })

  test('a question that is too long alone fails and leaves the conversation as it was', async () => {
    const conversation = new Conversation(new Scripted(pieces, 0), false)
    await expect(all(conversation.ask('길다'))).rejects.toThrow(ModelError)
    expect(conversation.messages).toEqual([])
    expect(conversation.answering).toBe(false)
  })
})
