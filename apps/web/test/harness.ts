import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type RunningServer, type ServeOptions, serve } from '@modu/serve'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest'
import { launchBrowser } from '../scripts/launchBrowser.ts'
import { PacedModel } from './pacedModel.ts'

const webRoot = join(import.meta.dirname, '..')
const viteCommand = join(webRoot, '../../node_modules/vite/bin/vite.js')
/** Milliseconds until a test gives up waiting: long, because the machine may be busy with other tests. */
const patience = 25_000

/** Waits until what `read` returns is as expected. */
export function eventually<T>(read: () => Promise<T> | T) {
  return expect.poll(read, { timeout: patience })
}

/** Builds the page as it ships into `folder`. */
async function buildPage(folder: string): Promise<void> {
  const { NODE_ENV: _, ...env } = process.env
  await promisify(execFile)(process.execPath, [viteCommand, 'build', '--outDir', folder, '--logLevel', 'error'], {
    cwd: webRoot,
    env,
  })
}

/** What a test works with: a server, fresh for each test, with a model that says what the test wants; and pages on it. */
export class Bench {
  model = new PacedModel()
  server!: RunningServer
  browser!: Browser
  folder!: string
  readonly #closers: (() => Promise<void>)[] = []

  /** Starts the server of this test anew, e.g. with other limits. */
  async start(options: Partial<ServeOptions> = {}): Promise<void> {
    await this.server?.stop()
    this.server = await serve({ port: 0, models: { paced: this.model }, page: this.folder, log: () => {}, ...options })
  }

  /** A browser of its own (cookies, storage) with the page open in it. An error in the page fails the test. */
  async open(options: BrowserContextOptions = {}): Promise<ChatPage> {
    const context = await this.browser.newContext({
      viewport: { width: 1180, height: 760 },
      // Without a graphics card, what moves costs more than all else.
      reducedMotion: 'reduce',
      ...options,
    })
    context.setDefaultTimeout(patience)
    const errors: string[] = []
    context.on('weberror', error => errors.push(String(error.error())))
    context.on('console', message => {
      if (message.text().includes('Content Security Policy')) errors.push(message.text())
    })
    this.#closers.push(async () => {
      await context.close()
      expect(errors).toEqual([])
    })
    const page = await context.newPage()
    await page.goto(this.server.url)
    return new ChatPage(page)
  }

  async finish(): Promise<void> {
    this.model.release()
    for (const close of this.#closers.splice(0)) await close()
    await this.server.stop()
  }
}

/** Sets a Bench up for the tests of a file. */
export function useBench(): Bench {
  const bench = new Bench()
  vi.setConfig({ testTimeout: 5 * patience, hookTimeout: 5 * patience })
  beforeAll(async () => {
    bench.folder = await mkdtemp(join(tmpdir(), 'modu-page-'))
    await Promise.all([buildPage(bench.folder), launchBrowser().then(browser => (bench.browser = browser))])
  })
  beforeEach(async () => {
    bench.model = new PacedModel()
    await bench.start()
  })
  afterEach(() => bench.finish())
  afterAll(async () => {
    await bench.browser?.close()
    await rm(bench.folder, { recursive: true, force: true })
  })
  return bench
}

/** The page by the names under which people (and screen readers) find its parts. */
export class ChatPage {
  readonly page: Page
  readonly field: Locator
  readonly answers: Locator
  readonly questions: Locator
  readonly conversations: Locator

  constructor(page: Page) {
    this.page = page
    this.field = page.getByRole('textbox', { name: /^(질문|Question)$/ })
    this.answers = page.locator('article.answer')
    this.questions = page.locator('article.question')
    this.conversations = page.locator('.conversation-open')
  }

  get answer(): Locator {
    return this.answers.last()
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true })
  }

  async ask(question: string): Promise<void> {
    await this.field.fill(question)
    await this.field.press('Enter')
  }

  /** Waits until the last answer contains `text`. */
  async sees(text: string): Promise<void> {
    await this.answer.getByText(text).first().waitFor()
  }

  /** Waits until no answer is being written. */
  async settled(): Promise<void> {
    await eventually(() => this.page.locator('article.answer[aria-busy="true"]').count()).toBe(0)
    await eventually(() => this.button('보내기').or(this.button('Send')).count()).toBe(1)
  }

  async newChat(): Promise<void> {
    await this.button('새 대화').click()
    await this.page.getByRole('heading', { name: '안녕하세요' }).waitFor()
  }

  async askAndWait(question: string): Promise<void> {
    const before = await this.answers.count()
    await this.ask(question)
    await eventually(() => this.answers.count()).toBe(before + 1)
    await this.settled()
  }
}
