import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { runSlashCommand } from './commands.ts'
import { Conversation } from './conversation.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-save-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const parrot = {
  name: 'parrot',
  async *answer() {
    yield { kind: 'text' as const, text: '네' }
  },
}

async function talked() {
  const conversation = new Conversation(parrot, false)
  for await (const _ of conversation.ask('안녕?')) {
  }
  return conversation
}

const shown = (conversation: Conversation, line: string) => {
  const reaction = runSlashCommand(conversation, line)
  return reaction && 'show' in reaction ? reaction.show : reaction
}

describe('commands in the chat', () => {
  test('/think chooses the mode and says so; anything else is explained', () => {
    const conversation = new Conversation(parrot, false)
    expect(shown(conversation, '/Think on')).toMatch('생각하고')
    expect(conversation.thinking).toBe(true)
    expect(shown(conversation, ' /think  off ')).toMatch('바로')
    expect(conversation.thinking).toBe(false)
    expect(shown(conversation, '/think')).toMatch('/think on')
    expect(shown(conversation, '/think maybe')).toMatch('/think on')
    expect(conversation.thinking).toBe(false)
  })

  test('/new forgets the turns', async () => {
    const conversation = await talked()
    runSlashCommand(conversation, '/new')
    expect(conversation.messages).toEqual([])
  })

  test('/save writes what was said and never over a file that exists', async () => {
    const conversation = await talked()
    const file = join(folder, '새 폴더', '대화 1.json')
    expect(shown(conversation, `/save ${file}`)).toMatch(file)
    expect(JSON.parse(readFileSync(file, 'utf8')).messages).toEqual(conversation.messages)
    writeFileSync(file, 'precious')
    expect(shown(conversation, `/save ${file}`)).toMatch('이미 있는')
    expect(readFileSync(file, 'utf8')).toBe('precious')
    expect(shown(new Conversation(parrot, false), '/save')).toMatch('아직')
  })

  test('/exit leaves; an unknown command shows the help', () => {
    const conversation = new Conversation(parrot, false)
    expect(runSlashCommand(conversation, '/exit')).toEqual({ leave: true })
    expect(shown(conversation, '/quit')).toMatch('/think on|off')
    expect(shown(conversation, '/constructor')).toMatch('/help')
  })

  test('a path or a word with a slash is a question', () => {
    const conversation = new Conversation(parrot, false)
    expect(runSlashCommand(conversation, '/etc/passwd가 뭐야?')).toBeUndefined()
    expect(runSlashCommand(conversation, '/는 무슨 뜻이야?')).toBeUndefined()
  })
})
