import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RunSummary, RunUpdate } from './protocol.ts'
import { type Dashboard, startDashboard } from './server.ts'
import { stepLine, TestRun } from './testRun.ts'
import { startDashboardThread } from './thread.ts'

let folder: string
let page: string
let dashboard: Dashboard | undefined
const leave: (() => void)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-dashboard-'))
  page = join(folder, 'page')
  mkdirSync(page)
  writeFileSync(join(page, 'index.html'), '<title>학습 현황</title>')
})
afterEach(async () => {
  for (const close of leave.splice(0)) close()
  await dashboard?.close()
  dashboard = undefined
  rmSync(folder, { recursive: true })
})

/** What a page hears, event by event, until the server has done. */
async function* listen(url: string, ...ids: readonly string[]) {
  const gone = new AbortController()
  leave.push(() => gone.abort())
  const query = new URLSearchParams(ids.map(id => ['run', id]))
  const response = await fetch(`${url}/api/events?${query}`, { signal: gone.signal })
  let text = ''
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const events = text.split('\n\n')
    text = events.pop()!
    for (const event of events) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/m.exec(event)!
      yield name === 'runs'
        ? { runs: JSON.parse(data!) as RunSummary[], run: undefined }
        : { runs: undefined, run: JSON.parse(data!) as RunUpdate }
    }
  }
}

/** The next update of a run. */
async function nextRun(events: ReturnType<typeof listen>): Promise<RunUpdate> {
  for (;;) {
    const { value } = await events.next()
    if (value!.run) return value!.run
  }
}

describe('the page hears', () => {
  test('everything first, then what is new, and all anew after a resume', async () => {
    const run = new TestRun(join(folder, 'run'))
    run.append(stepLine(1), stepLine(2))
    run.appendSamples({ stage: 'pretrain', step: 2, prompt: '옛날에', answer: '곰이' })
    dashboard = await startDashboard({ folders: [folder], page, port: 0 })
    const events = listen(dashboard.url, run.folder)
    expect((await events.next()).value!.runs).toMatchObject([{ id: run.folder, step: 2 }])
    const first = await nextRun(events)
    expect(first).toMatchObject({ id: run.folder, whole: true, series: { loss: { step: [1, 2], mean: [8, 4] } } })
    expect(first.samples).toEqual([{ stage: 'pretrain', step: 2, prompt: '옛날에', answer: '곰이' }])

    run.append(stepLine(3, { loss: 3 }))
    expect((await events.next()).value!.runs).toMatchObject([{ step: 3 }])
    expect(await nextRun(events)).toMatchObject({
      whole: false,
      progress: { step: [3], tokens: [300], seconds: [1.5] },
      series: { loss: { step: [3], mean: [3] } },
      samples: [],
    })

    run.rewind(stepLine(1))
    expect(await nextRun(events)).toMatchObject({ whole: true, series: { loss: { step: [1] } } })
  })

  test('of a run that was not chosen only that it is there, also when it begins later', async () => {
    dashboard = await startDashboard({ folders: [folder], page, port: 0 })
    const events = listen(dashboard.url)
    expect((await events.next()).value!.runs).toEqual([])
    new TestRun(join(folder, 'later')).append(stepLine(1))
    expect((await events.next()).value!.runs).toMatchObject([{ name: 'later' }])
  })

  test('of 100,000 steps at most 2,000 points a series', async () => {
    const run = new TestRun(join(folder, 'long'), 100_000)
    run.append(...Array.from({ length: 100_000 }, (_, i) => stepLine(i + 1, { loss: i === 70_000 ? 50 : 2 })))
    dashboard = await startDashboard({ folders: [run.folder], page, port: 0 })
    const { series, progress } = await nextRun(listen(dashboard.url, run.folder))
    expect(series.loss!.step.length).toBeLessThanOrEqual(1000)
    expect(Math.max(...series.loss!.high!)).toBe(50)
    expect(series.loss!.step.at(-1)).toBe(100_000)
    expect(progress.step.length).toBeLessThanOrEqual(1001)
    expect(progress.seconds.at(-1)).toBe(50_000)
  })

  test('the last news when the server closes', async () => {
    const run = new TestRun(join(folder, 'run'), 1)
    run.lock(process.pid)
    dashboard = await startDashboard({ folders: [folder], page, port: 0 })
    const events = listen(dashboard.url)
    expect((await events.next()).value!.runs).toMatchObject([{ state: 'running' }])
    run.append(stepLine(1))
    run.finish()
    rmSync(join(run.folder, 'lock'))
    await dashboard.close()
    expect((await events.next()).value!.runs).toMatchObject([{ state: 'finished', step: 1 }])
    expect((await events.next()).done).toBe(true)
  })
})

describe('the server', () => {
  test('serves the page, and answers under no stranger’s name', async () => {
    dashboard = await startDashboard({ folders: [folder], page, port: 0 })
    expect(await (await fetch(dashboard.url)).text()).toContain('학습 현황')
    for (const path of ['/', '/api/events']) {
      const status = await new Promise(resolve => {
        request(`${dashboard!.url}${path}`, { headers: { Host: 'evil.example' } }, response => {
          resolve(response.statusCode)
          response.destroy()
        }).end()
      })
      expect(status).toBe(403)
    }
  })

  test('runs on a thread of its own, too, and says there what is in the way of its port', async () => {
    const run = new TestRun(join(folder, 'run'))
    run.append(stepLine(1))
    dashboard = await startDashboardThread({ folders: [folder], page, port: 0 })
    expect((await listen(dashboard.url).next()).value!.runs).toMatchObject([{ id: run.folder }])

    const taken = createServer()
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    await expect(startDashboardThread({ folders: [folder], page, port })).rejects.toMatchObject({
      code: 'port-in-use',
      message: expect.stringContaining(String(port)),
    })
    taken.close()
  })
})
