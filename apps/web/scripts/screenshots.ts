/*
 * Pictures of the page for the README, made from a running server: npm run screenshots -w apps/web [-- URL]
 * They show what the model really answers.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { launchBrowser } from './launchBrowser.ts'

const images = join(import.meta.dirname, '../../../docs/images')
const greeting = '안녕! 만나서 반가워.'
const sum = '12 더하기 7은 얼마야?'

const desktop: BrowserContextOptions = { viewport: { width: 1200, height: 750 }, deviceScaleFactor: 2 }
const phone: BrowserContextOptions = {
  viewport: { width: 390, height: 780 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
}

const { positionals } = parseArgs({ allowPositionals: true })
const url = positionals[0] ?? 'http://127.0.0.1:8080'
await mkdir(images, { recursive: true })
const browser = await launchBrowser()
try {
  for (const colorScheme of ['light', 'dark'] as const) {
    await picture(browser, `chat-${colorScheme}`, { ...desktop, colorScheme }, async page => {
      await ask(page, greeting)
      await ask(page, '한국의 수도는 어디야?')
    })
    await picture(browser, `thinking-${colorScheme}`, { ...desktop, colorScheme }, async page => {
      await page.getByRole('switch', { name: '생각하기' }).click()
      await ask(page, sum)
      const reasoning = page.locator('.reasoning-title')
      if ((await reasoning.count()) > 0) await reasoning.last().click()
    })
  }
  await picture(browser, 'empty', { ...desktop, colorScheme: 'light' }, async () => {})
  await picture(browser, 'phone', { ...phone, colorScheme: 'light' }, page => ask(page, greeting))
} finally {
  await browser.close()
}

async function picture(
  browser: Browser,
  name: string,
  options: BrowserContextOptions,
  act: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  await page.goto(url)
  await page.locator('.topbar-model').filter({ hasText: /./ }).waitFor()
  await act(page)
  // What moves has come to rest, and the pointer shows nothing that it hovers over.
  await page.mouse.move(0, 0)
  await page.waitForTimeout(500)
  const path = join(images, `${name}.png`)
  await page.screenshot({ path })
  console.log(path)
  await context.close()
}

async function ask(page: Page, question: string): Promise<void> {
  const answers = page.locator('article.answer[aria-busy="false"]')
  const before = await answers.count()
  const field = page.getByRole('textbox', { name: '질문' })
  await field.fill(question)
  await field.press('Enter')
  await answers.nth(before).waitFor({ timeout: 120_000 })
}
