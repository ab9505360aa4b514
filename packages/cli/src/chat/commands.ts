import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { writeFileAtomic } from '@modu/model'
import { localized, type Text } from '../language.ts'
import type { Conversation } from './conversation.ts'

/** What a line that starts with a slash leads to: a word to show, or the end of the chat. */
export type Reaction = { readonly show: string } | { readonly leave: true }

interface SlashCommand {
  readonly usage: string
  readonly help: Text
  run(conversation: Conversation, argument: string): Reaction
}

const show = (text: Text): Reaction => ({ show: localized(text) })

const slashCommands: Readonly<Record<string, SlashCommand>> = {
  think: {
    usage: '/think on|off',
    help: { ko: '생각하고 답하기를 켜거나 끕니다', en: 'switch thinking before the answer on or off' },
    run(conversation, argument) {
      if (argument !== 'on' && argument !== 'off') {
        return show({ ko: '이렇게 써 주세요: /think on 또는 /think off', en: 'Write /think on or /think off.' })
      }
      conversation.thinking = argument === 'on'
      return conversation.thinking
        ? show({ ko: '이제 먼저 생각하고 답합니다.', en: 'Thinking is on.' })
        : show({ ko: '이제 바로 답합니다.', en: 'Thinking is off.' })
    },
  },
  new: {
    usage: '/new',
    help: { ko: '새 대화를 시작합니다', en: 'begin a new conversation' },
    run(conversation) {
      conversation.clear()
      return show({ ko: '새 대화를 시작합니다.', en: 'A new conversation.' })
    },
  },
  save: {
    usage: '/save [FILE]',
    help: { ko: '대화를 JSON 파일로 저장합니다', en: 'save the conversation as a JSON file' },
    run: (conversation, argument) => save(conversation, argument),
  },
  help: {
    usage: '/help',
    help: { ko: '이 도움말', en: 'this help' },
    run: () => ({ show: help() }),
  },
  exit: {
    usage: '/exit',
    help: { ko: '끝냅니다 (Ctrl-D, Ctrl-C 두 번도 같습니다)', en: 'leave (as do Ctrl-D and Ctrl-C twice)' },
    run: () => ({ leave: true }),
  },
}

/** Carries out a line such as `/think on`; undefined if the line is a question and no command. */
export function runSlashCommand(conversation: Conversation, line: string): Reaction | undefined {
  const match = /^\/([a-z]+)(?:\s+(.*))?$/i.exec(line.trim())
  if (!match) return undefined
  const name = match[1]!.toLowerCase()
  const argument = match[2]
  const command = Object.hasOwn(slashCommands, name) ? slashCommands[name] : undefined
  if (!command)
    return show({ ko: `모르는 명령입니다: /${name}\n${help()}`, en: `Unknown command: /${name}\n${help()}` })
  return command.run(conversation, argument?.trim() ?? '')
}

function help(): string {
  const all = Object.values(slashCommands)
  const width = Math.max(...all.map(({ usage }) => usage.length))
  return all.map(command => `  ${command.usage.padEnd(width)}  ${localized(command.help)}`).join('\n')
}

function save(conversation: Conversation, argument: string): Reaction {
  if (conversation.messages.length === 0)
    return show({ ko: '아직 저장할 대화가 없습니다.', en: 'Nothing to save yet.' })
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  const file = resolve(argument || `modu-chat-${time}.json`)
  if (existsSync(file)) {
    return show({
      ko: `이미 있는 파일입니다: ${file}. 다른 이름으로 저장해 주세요.`,
      en: `${file} exists already: choose another name.`,
    })
  }
  try {
    writeFileAtomic(file, `${JSON.stringify({ messages: conversation.messages }, undefined, 2)}\n`)
  } catch (error) {
    return { show: error instanceof Error ? error.message : String(error) }
  }
  return show({ ko: `저장했습니다: ${file}`, en: `Saved: ${file}` })
}
