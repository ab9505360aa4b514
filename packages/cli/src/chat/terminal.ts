import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import type { ReadStream, WriteStream } from 'node:tty'
import { styleText } from 'node:util'
import { describeError } from '../errors.ts'
import { localized } from '../language.ts'
import { runSlashCommand } from './commands.ts'
import type { Conversation } from './conversation.ts'

/**
 * Chats on a terminal until the person leaves. Ctrl-C stops the answer, twice leaves. What is typed during an answer
 * is not shown but kept: it is there at the next prompt.
 */
export async function chatOnTerminal(
  conversation: Conversation,
  input: ReadStream,
  output: WriteStream,
): Promise<void> {
  const prompt = new Prompt(input, output)
  let interrupts = 0
  prompt.onInterrupt = () => {
    interrupts++
    if (conversation.answering) return conversation.stop()
    if (interrupts > 1) return prompt.close()
    prompt.say(localized({ ko: '한 번 더 누르면 끝냅니다.', en: 'Once more to leave.' }))
  }
  try {
    for await (const line of prompt.lines()) {
      interrupts = 0
      if (line.trim() === '') continue
      const reaction = runSlashCommand(conversation, line)
      if (!reaction) await printAnswer(conversation, line, output)
      else if ('leave' in reaction) return
      else output.write(`${dim(reaction.show)}\n`)
    }
  } finally {
    prompt.close()
  }
}

/**
 * Answers the lines of a pipe or file one by one, each answer on its own lines, without prompts; thinking is shown
 * only if the output is a terminal. False if an answer failed.
 */
export async function chatThroughPipe(
  conversation: Conversation,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream & { isTTY?: boolean },
): Promise<boolean> {
  let answered = true
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  for await (const line of lines) {
    if (line.trim() === '') continue
    const reaction = runSlashCommand(conversation, line)
    if (!reaction) answered = (await printAnswer(conversation, line, output)) && answered
    else if ('leave' in reaction) break
    else process.stderr.write(`${reaction.show}\n`)
  }
  lines.close()
  return answered
}

/** Streams one answer, thinking dimmed. An error is shown and the chat goes on; false then. */
async function printAnswer(
  conversation: Conversation,
  question: string,
  output: NodeJS.WritableStream & { isTTY?: boolean },
): Promise<boolean> {
  let last = ''
  const write = (text: string, shown = text) => {
    if (text === '') return
    last = text
    output.write(shown)
  }
  let before: 'thinking' | 'text' | undefined
  try {
    for await (const event of conversation.ask(question)) {
      if (event.kind === 'forgot') {
        process.stderr.write(
          `${dim(localized({ ko: '(대화가 길어져 앞부분을 잊었습니다)', en: '(the beginning of this long conversation is forgotten)' }))}\n`,
        )
        continue
      }
      if (event.kind === 'thinking' && !output.isTTY) continue
      if (before === 'thinking' && event.kind === 'text' && !last.endsWith('\n')) write('\n')
      const clean = output.isTTY ? withoutControls(event.text) : event.text
      // Models begin the answer with empty lines after having thought.
      const text = before === event.kind ? clean : clean.trimStart()
      if (text !== '') before = event.kind
      write(text, event.kind === 'thinking' ? dim(text) : text)
    }
  } catch (error) {
    process.stderr.write(`${last.endsWith('\n') || last === '' ? '' : '\n'}modu: ${describeError(error)}\n`)
    return false
  }
  if (!last.endsWith('\n')) output.write('\n')
  return true
}

/** A model's words must not steer the terminal: no control characters but line feed and tab. */
const withoutControls = (text: string) => text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')

const dim = (text: string) => styleText('dim', text)

/** A line editor whose echo is silent while nobody waits for a line. */
class Prompt {
  readonly #editor: Interface
  readonly #output: WriteStream
  readonly #typed: string[] = []
  #waiting: ((line: string | undefined) => void) | undefined
  #closed = false
  onInterrupt: () => void = () => {}

  constructor(input: ReadStream, output: WriteStream) {
    this.#output = output
    const echo = Object.assign(
      new Writable({
        write: (chunk, _encoding, done) => {
          if (this.#waiting) output.write(chunk)
          done()
        },
      }),
      { isTTY: true, columns: output.columns, rows: output.rows },
    )
    output.on('resize', () => {
      Object.assign(echo, { columns: output.columns, rows: output.rows })
      echo.emit('resize')
    })
    this.#editor = createInterface({ input, output: echo, terminal: true, prompt: '› ', historySize: 500 })
    this.#editor.on('line', line => {
      if (this.#waiting) this.#give(line)
      else this.#typed.push(line)
    })
    this.#editor.on('SIGINT', () => this.onInterrupt())
    this.#editor.on('close', () => {
      this.#closed = true
      if (this.#waiting) output.write('\n')
      this.#give(undefined)
    })
  }

  /** Lines as they are entered, until Ctrl-D or `close`. */
  async *lines(): AsyncGenerator<string> {
    for (;;) {
      const line = await this.#next()
      if (line === undefined) return
      yield line
    }
  }

  /** Shows a word above a fresh prompt. */
  say(text: string): void {
    this.#output.write(`\n${dim(text)}\n`)
    // What was being typed is dropped, as shells do.
    this.#editor.write(null, { ctrl: true, name: 'e' })
    this.#editor.write(null, { ctrl: true, name: 'u' })
    this.#editor.prompt()
  }

  close(): void {
    if (!this.#closed) this.#editor.close()
  }

  #next(): Promise<string | undefined> {
    const typed = this.#typed.shift()
    if (typed !== undefined) {
      this.#output.write(`› ${typed}\n`)
      return Promise.resolve(typed)
    }
    if (this.#closed) return Promise.resolve(undefined)
    return new Promise(resolve => {
      this.#waiting = resolve
      this.#editor.prompt(true)
    })
  }

  #give(line: string | undefined): void {
    const resolve = this.#waiting
    this.#waiting = undefined
    resolve?.(line)
  }
}
