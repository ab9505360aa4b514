import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeTinyModel } from '@modu/model/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bin, koreanEnvironment, modu } from '../testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-chat-'))
const model = join(folder, 'tiny')
// With this seed and without chance, the answer to 안녕? repeats one character and never ends by itself.
const endless = join(folder, 'endless')
beforeAll(async () => {
  await writeTinyModel(model, { maxPositions: 256 })
  await writeTinyModel(endless, { seed: 4, maxPositions: 8192 })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const chat = (input: string, ...options: string[]) =>
  modu(['chat', '-m', model, '--threads', '1', ...options], {}, input)

describe('modu chat with a pipe', () => {
  test('answers line by line, the same with the same seed, and nothing but the answers on standard output', async () => {
    const file = join(folder, 'saved.json')
    const input = `안녕?\n\n/think on\n잘 지내?\n/save ${file}\n/exit\n안 들려\n`
    const first = await chat(input, '--seed', '7')
    expect(first.status).toBe(0)
    expect(first.stderr).toMatch('먼저 생각하고')
    expect(first.stderr).toMatch(file)
    const { messages } = JSON.parse(readFileSync(file, 'utf8'))
    expect(messages.map(({ role }: { role: string }) => role)).toEqual(['user', 'assistant', 'user', 'assistant'])
    expect(messages[2].content).toBe('잘 지내?')
    expect(first.stdout).toMatch(messages[1].content)
    expect(first.stdout).not.toMatch('›')
    rmSync(file)
    expect((await chat(input, '--seed', '7')).stdout).toBe(first.stdout)
  })

  test('thinks for so many tokens at most', async () => {
    const file = join(folder, 'thought.json')
    await chat(`안녕?\n/save ${file}\n`, '--seed', '7', '--think-budget', '2')
    const [, answer] = JSON.parse(readFileSync(file, 'utf8')).messages
    // An entry of the tiny model's vocabulary is seldom longer than a word.
    expect(answer.reasoning_content.length).toBeLessThan(30)
    expect(answer.content).not.toBe('')
  })

  test('goes on after a question that is too long, and ends with 1', async () => {
    const { status, stdout, stderr } = await chat(`${'아주 긴 질문 '.repeat(200)}\n안녕?\n`, '--seed', '7')
    expect(status).toBe(1)
    expect(stderr).toMatch('대화가 모델이 볼 수 있는 길이를 넘습니다')
    expect(stdout).toMatch(/\n$/)
  })

  test('names a model folder that does not exist', async () => {
    const { status, stderr } = await modu(['chat', '-m', join(folder, 'nowhere')])
    expect(status).toBe(1)
    expect(stderr).toMatch(join(folder, 'nowhere'))
  })
})

/** The prompt as the line editor draws it: at the start of a line, the cursor behind it. */
const prompt = /› (\u001b\[3G)/

/** A terminal of its own for `modu chat`, by the `script` of Linux. */
class Terminal {
  readonly #child
  readonly ended: Promise<number | null>
  screen = ''

  constructor(options: string) {
    const command = `stty cols 80 rows 24; '${process.execPath}' '${bin}' chat -m '${endless}' --threads 1 ${options}`
    this.#child = spawn('script', ['-qec', command, '/dev/null'], { env: koreanEnvironment({ TERM: 'xterm' }) })
    this.#child.stdout.setEncoding('utf8').on('data', text => {
      this.screen += text
    })
    this.ended = new Promise(resolve => this.#child.on('close', resolve))
  }

  type(text: string): void {
    this.#child.stdin.write(text)
  }

  /** Resolves when the screen has shown `text` after everything that was shown until `from`. */
  async shows(text: string | RegExp, from = 0): Promise<void> {
    await expect.poll(() => this.screen.slice(from), { timeout: 30_000 }).toMatch(text)
  }

  close(): void {
    this.#child.kill()
  }
}

describe.runIf(process.platform === 'linux')('modu chat on a terminal', () => {
  test('Ctrl-C stops the answer, a second one leaves', async () => {
    const terminal = new Terminal('--temperature 0')
    try {
      await terminal.shows('endless 모델입니다')
      await terminal.shows(prompt)
      terminal.type('안녕?\r')
      await terminal.shows(/([^ ])\1{5}/)
      const stopped = terminal.screen.length
      terminal.type('\u0003')
      await terminal.shows(prompt, stopped)
      terminal.type('\u0003')
      expect(await terminal.ended).toBe(0)
    } finally {
      terminal.close()
    }
  })

  test('thinking is dimmed; what is typed during an answer waits for the next prompt', async () => {
    const terminal = new Terminal(`--temperature 0 --think-budget 20 -m '${model}'`)
    try {
      await terminal.shows(prompt)
      terminal.type('안녕?\r/think off\r')
      await terminal.shows(/\u001b\[2m(?!이제)[^\s\u001b]/)
      await terminal.shows('바로 답합니다')
      terminal.type('/exit\r')
      expect(await terminal.ended).toBe(0)
    } finally {
      terminal.close()
    }
  })

  test('at an idle prompt the first Ctrl-C only says what the second will do; Ctrl-D leaves', async () => {
    const terminal = new Terminal('')
    try {
      await terminal.shows(prompt)
      terminal.type('지울 말\u0003')
      await terminal.shows('한 번 더')
      terminal.type('/help\r')
      await terminal.shows('/save [FILE]')
      terminal.type('\u0004')
      expect(await terminal.ended).toBe(0)
    } finally {
      terminal.close()
    }
  })
})
