import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Dashboard, startDashboard } from '@modu/dashboard'
import { stepLine, TestRun } from '@modu/dashboard/testing'
import { launchBrowser } from '@modu/web/browser'
import axe from 'axe-core'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'

const app = join(import.meta.dirname, '..')
/** Milliseconds until a test gives up waiting: long, because the machine may be busy with other tests. */
const patience = 25_000
vi.setConfig({ testTimeout: 5 * patience, hookTimeout: 5 * patience })
const eventually = <T>(read: () => Promise<T> | T) => expect.poll(read, { timeout: patience })

let built: string
let browser: Browser
let runs: string
let dashboard: Dashboard
const closers: (() => Promise<void>)[] = []

beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), 'modu-dashboard-page-'))
  const vite = join(app, '../../node_modules/vite/bin/vite.js')
  const { NODE_ENV: _, ...env } = process.env
  const build = [vite, 'build', '--outDir', built, '--logLevel', 'error']
  await Promise.all([
    promisify(execFile)(process.execPath, build, { cwd: app, env }),
    launchBrowser().then(launched => {
      browser = launched
    }),
  ])
})
afterAll(async () => {
  await browser?.close()
  await rm(built, { recursive: true, force: true })
})

beforeEach(async () => {
  runs = await mkdtemp(join(tmpdir(), 'modu-dashboard-runs-'))
  dashboard = await startDashboard({ folders: [runs], page: built, port: 0 })
})
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await dashboard.close()
  await rm(runs, { recursive: true })
})

/** A fresh browser with the page. An error in it fails the test. */
async function open(query = '', options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    reducedMotion: 'reduce',
    ...options,
  })
  context.setDefaultTimeout(patience)
  const errors: string[] = []
  context.on('weberror', error => errors.push(String(error.error())))
  context.on('console', message => {
    if (message.text().includes('Content Security Policy')) errors.push(message.text())
  })
  closers.push(async () => {
    await context.close()
    expect(errors).toEqual([])
  })
  const page = await context.newPage()
  await page.goto(`${dashboard.url}/${query}`)
  return page
}

/** A run of `steps` steps with all that the page can show. */
function fullRun(name: string, steps = 200): TestRun {
  const run = new TestRun(join(runs, name), steps)
  const half = steps / 2
  for (let step = 1; step <= steps; step++) {
    const stage = step <= half ? 'pretrain' : 'finetune'
    run.append(stepLine(step, { stage, loss: 5 - (4 * step) / steps, loads: [[3, 1]], routerEntropy: 0.6 }))
  }
  for (const step of [half, steps]) {
    run.append({ kind: 'validation', stage: 'pretrain', step, bitsPerByte: { news: 200 / step, talk: 400 / step } })
    run.appendSamples({ stage: 'pretrain', step, prompt: '너는 누구야?', reasoning: '이름?', answer: `답 ${step}` })
  }
  return run
}

const card = (page: Page, name: string): Locator => page.getByRole('region', { name, exact: true })
const legend = (page: Page, name: string): Locator => card(page, name).locator('.chart-legend li')

/** The part of a plot's columns in which something has the colour of the first line. */
function drawnPart(plot: Locator): Promise<number> {
  return plot.locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
    const { width, height } = canvas
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, width, height)
    let columns = 0
    for (let x = 0; x < width; x++) {
      for (let y = 0; y < height; y++) {
        const at = 4 * (y * width + x)
        const [red, green, blue] = [data[at]!, data[at + 1]!, data[at + 2]!]
        if (data[at + 3]! > 200 && green - red > 40 && green > blue) {
          columns++
          break
        }
      }
    }
    return columns / width
  })
}

describe('a run', () => {
  test('is shown as it trains', async () => {
    const run = new TestRun(join(runs, 'first'), 4)
    run.lock(process.pid)
    const page = await open()
    await page.getByText('첫 단계를 기다리고 있습니다').waitFor()
    const item = page.getByRole('navigation').locator('.run')
    await eventually(() => item.textContent()).toContain('학습 중')

    run.append(stepLine(1, { loss: 6 }), stepLine(2, { loss: 6 }))
    await eventually(() => legend(page, '학습 손실').allInnerTexts()).toEqual(['6'])
    await eventually(() => item.textContent()).toContain('2 / 4')
    await eventually(() => drawnPart(card(page, '학습 손실'))).toBeGreaterThan(0.7)

    run.append(stepLine(3, { loss: 6 }), stepLine(4, { loss: 0, measures: { reward: 0.5 } }))
    await eventually(() => legend(page, '보상').allInnerTexts()).toEqual(['0.5'])
    const [loss] = await legend(page, '학습 손실').allInnerTexts()
    expect(Number(loss)).toBeLessThan(6)

    run.rewind(stepLine(1, { loss: 7 }))
    await eventually(() => legend(page, '학습 손실').allInnerTexts()).toEqual(['7'])
    expect(await card(page, '보상').count()).toBe(0)
  })

  test('has curves across the whole plot, its fields, its sources, its experts and its answers', async () => {
    fullRun('full')
    const page = await open()
    await eventually(() => drawnPart(card(page, '학습 손실'))).toBeGreaterThan(0.8)
    for (const name of ['초당 토큰', '학습률', '기울기의 크기', '라우터 엔트로피']) await card(page, name).waitFor()
    expect(await legend(page, '검증 자료의 비트/바이트').allInnerTexts()).toEqual(['news\n1', 'talk\n2'])

    const loads = card(page, '전문가별 부하')
    const map = loads.getByRole('img')
    await map.scrollIntoViewIfNeeded()
    await map.hover({ position: { x: 1, y: 5 } })
    await eventually(() => loads.locator('.card-hint').textContent()).toBe('1단계 · 1층 전문가 1: 평균의 1.50배')

    const samples = card(page, '같은 물음에 대한 답')
    await eventually(() => samples.locator('dd').textContent()).toContain('답 200')
    expect(await samples.locator('dd').textContent()).toContain('이름?')
    await samples.getByRole('slider').press('ArrowLeft')
    await eventually(() => samples.locator('dd').textContent()).toContain('답 100')
  })

  test('tells the values under the pointer, by step, token or time', async () => {
    fullRun('full')
    const page = await open()
    const loss = card(page, '학습 손실')
    const plot = loss.locator('.u-over')
    await plot.waitFor()
    const middle = async () => {
      const { width, height } = (await plot.boundingBox())!
      await page.mouse.move(0, 0)
      await plot.hover({ position: { x: Math.round(width / 2), y: Math.round(height / 2) } })
      return loss.locator('.chart-place').textContent()
    }
    await eventually(middle).toMatch(/^단계 (99|10[0-2])$/)
    // The other plots follow.
    expect(await card(page, '학습률').locator('.chart-place').textContent()).toMatch(/^단계 /)
    await page.getByRole('radio', { name: '토큰' }).check({ force: true })
    await eventually(middle).toMatch(/^토큰 1만$/)
    await page.getByRole('radio', { name: '시간' }).check({ force: true })
    await eventually(middle).toMatch(/^시간 0:5[01]$/)
  })
})

describe('a plot', () => {
  test('keeps its zoom while the run goes on; a double click ends it', async () => {
    const run = fullRun('full')
    const page = await open()
    const loss = card(page, '학습 손실')
    const plot = loss.locator('.u-over')
    await plot.waitFor()
    const { x, y, width, height } = (await plot.boundingBox())!
    /** The step under the pointer at this part of the plot's width. */
    const stepAt = async (part: number) => {
      await page.mouse.move(x + part * width, y + height / 3)
      const place = await loss.locator('.chart-place').textContent()
      return Number(place!.replace(/[^\d]/g, ''))
    }
    await eventually(() => stepAt(0.99)).toBeGreaterThan(195)
    await page.mouse.move(x + 0.4 * width, y + height / 2)
    await page.mouse.down()
    await page.mouse.move(x + 0.6 * width, y + height / 2, { steps: 5 })
    await page.mouse.up()
    await eventually(() => stepAt(0.99)).toBeLessThan(125)
    run.append(stepLine(201, { stage: 'finetune' }))
    await eventually(() => page.locator('.run').textContent()).toContain('201')
    expect(await stepAt(0.99)).toBeLessThan(125)
    expect(await stepAt(0.01)).toBeGreaterThan(75)
    // The other plots zoom with it; what has nothing to tell there says so.
    await eventually(() => legend(page, '검증 자료의 비트/바이트').allInnerTexts()).toEqual(['news\n–', 'talk\n–'])
    await plot.dblclick()
    await eventually(() => stepAt(0.99)).toBeGreaterThan(195)
  })
})

describe('several runs', () => {
  test('lie over each other as they are ticked, also after a reload', async () => {
    fullRun('one')
    const other = fullRun('two', 100)
    const page = await open(`?run=${encodeURIComponent(other.folder)}`)
    await eventually(() => page.getByRole('checkbox', { checked: true }).count()).toBe(1)
    await page.getByRole('checkbox', { name: 'one' }).check({ force: true })
    await eventually(() => legend(page, '학습 손실').allInnerTexts()).toEqual(['two\n1.36', 'one\n1.18'])
    // One chart for each source, with a curve for each run.
    expect(await legend(page, '검증 자료의 비트/바이트 news').allInnerTexts()).toEqual(['two\n2', 'one\n1'])
    expect(await legend(page, '검증 자료의 비트/바이트 talk').allInnerTexts()).toEqual(['two\n4', 'one\n2'])
    await page.reload()
    await eventually(() => legend(page, '학습 손실').count()).toBe(2)
    await page.getByRole('checkbox', { name: 'two' }).uncheck({ force: true })
    await eventually(() => legend(page, '학습 손실').count()).toBe(1)
  })
})

describe('the page', () => {
  test('shows the first run where the address names one that is gone', async () => {
    fullRun('full')
    const page = await open('?run=gone')
    await eventually(() => legend(page, '학습 손실').count()).toBe(1)
  })

  test('speaks English when asked to, and remembers it', async () => {
    fullRun('full')
    const page = await open()
    await page.getByRole('radio', { name: 'English' }).check({ force: true })
    await card(page, 'Training loss').waitFor()
    await page.reload()
    await card(page, 'Training loss').waitFor()
    expect(await page.title()).toBe('Training · Modu')
  })

  test('says how to begin where there are no runs', async () => {
    const page = await open()
    await page.getByText('npx modu train recipes/tiny.json').waitFor()
  })

  test('keeps what it has when the server goes, and says so', async () => {
    fullRun('full')
    const page = await open()
    await eventually(() => legend(page, '학습 손실').count()).toBe(1)
    await dashboard.close()
    await page.getByText('연결이 끊겼습니다').waitFor()
    expect(await legend(page, '학습 손실').count()).toBe(1)
  })

  test.each(['light', 'dark'] as const)('has enough contrast and names for everything, in %s', async colorScheme => {
    fullRun('one')
    fullRun('two')
    const page = await open('', { colorScheme })
    await card(page, '학습 손실').waitFor()
    await page.evaluate(axe.source)
    const violations = await page.evaluate(async () => {
      const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run()
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(', ')}`)
    })
    expect(violations).toEqual([])
  })

  test('fits a phone', async () => {
    for (const name of ['one', 'two', 'three']) fullRun(name)
    const page = await open('', { viewport: { width: 390, height: 800 } })
    await card(page, '학습 손실').waitFor()
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    expect(width).toBe(390)
  })
})
