import { describe, expect, test } from 'vitest'
import { type Answer, type Message, promptOf, titleOf } from './conversation.ts'

describe('titleOf', () => {
  test('is the first line of the question', () => {
    expect(titleOf('  안녕?\n두 번째 줄')).toBe('안녕?')
  })

  test('is cut between characters, never inside one', () => {
    const family = '👨‍👩‍👧‍👦'
    expect(titleOf(family.repeat(40))).toBe(`${family.repeat(32)}…`)
    expect(titleOf('가'.repeat(32))).toBe('가'.repeat(32))
    // Hangul typed as single letters still makes whole syllables.
    expect(titleOf('각'.normalize('NFD').repeat(33))).toBe(`${'각'.normalize('NFD').repeat(32)}…`)
  })
})

describe('promptOf', () => {
  const question = (content: string): Message => ({ id: content, role: 'user', content })
  const answer = (content: string, state: Answer['state'] = 'done'): Message => ({
    id: content,
    role: 'assistant',
    content,
    reasoning: '생각',
    model: 'nano',
    state,
  })

  test('is what was said, without the reasoning', () => {
    expect(promptOf([question('a'), answer('b'), question('c')])).toEqual([
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
      { role: 'user', content: 'c' },
    ])
  })

  test('leaves out questions that got no answer, and keeps answers that broke off', () => {
    const messages = [question('a'), answer('', 'failed'), question('b'), answer('halb', 'interrupted'), question('c')]
    expect(promptOf(messages).map(message => message.content)).toEqual(['b', 'halb', 'c'])
  })
})
