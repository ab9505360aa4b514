import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stepLine, TestRun } from '@modu/dashboard/testing'
import { testRecipe } from '@modu/train/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { modu, start } from '../testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-runs-'))
const runs = join(folder, 'runs')
beforeAll(() => {
  const done = new TestRun(join(runs, 'done'), 2)
  done.append(stepLine(1, { loss: 3 }), stepLine(2, { loss: 2 }))
  done.finish()
  new TestRun(join(runs, 'young'), 5)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const address = /http:\/\/127\.0\.0\.1:\d+/

/** The first list of runs that a page would be told. */
async function firstList(url: string): Promise<{ name: string; state: string }[]> {
  const gone = new AbortController()
  const response = await fetch(`${url}/api/events`, { signal: gone.signal })
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    gone.abort()
    return JSON.parse(/^data: (.*)$/m.exec(chunk)![1]!)
  }
  throw new Error('no event')
}

describe('modu runs', () => {
  test('--list prints a table, or JSON', async () => {
    const table = await modu(['runs', runs, '--list'])
    expect(table).toMatchObject({ status: 0, stderr: '' })
    const [head, first, second] = table.stdout.split('\n')
    expect(head).toMatch(/^학습 +상태 +과정 +단계 +손실 +토큰\/초$/)
    expect(first!.split(/ {2,}/)).toEqual([join(runs, 'done'), '끝남', 'pretrain', '2/2', '2.500', '200'])
    expect(second!.split(/ {2,}/)).toEqual([join(runs, 'young'), '멈춤', '-', '0/5', '-', '-'])

    const json = await modu(['runs', join(runs, 'done'), '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject([
      { name: 'done', state: 'finished', step: 2, totalSteps: 2, loss: 2.5 },
    ])
  })

  test('says what is missing', async () => {
    const nowhere = await modu(['runs', join(folder, 'nowhere')])
    expect(nowhere.status).toBe(1)
    expect(nowhere.stderr).toMatch('nowhere')
    const { stdout } = await modu(['runs', folder, '--list'])
    expect(stdout).toMatch('npx modu train')
  })

  test('opens the page of the runs and ends on SIGTERM', async () => {
    const running = start(['runs', runs, '--port', '0'])
    const [url] = await running.printed(address)
    expect(await (await fetch(url)).text()).toMatch('<title>학습 현황')
    expect((await firstList(url)).map(({ name }) => name)).toEqual(['done', 'young'])
    running.child.kill('SIGTERM')
    expect((await running.ended).status).toBe(0)
  })
})

test('modu train --dashboard shows the run as it trains, and ends with it', async () => {
  const recipe = join(folder, 'recipe.json')
  const lines = (objects: readonly object[]) => objects.map(object => `${JSON.stringify(object)}\n`).join('')
  const steps = 100_000
  writeFileSync(recipe, JSON.stringify({ ...testRecipe, pretrain: { ...testRecipe.pretrain, steps } }))
  writeFileSync(
    join(folder, 'a.jsonl'),
    lines(Array.from({ length: 120 }, (_, i) => ({ text: `옛날 옛적에 호랑이 ${i}마리가 산에서 살았습니다.` }))),
  )
  writeFileSync(
    join(folder, 'c.jsonl'),
    lines(
      Array.from({ length: 60 }, (_, i) => ({
        id: `chat-${i}`,
        messages: [
          { role: 'user', content: `${i}은 무슨 수야?` },
          { role: 'assistant', content: `${i}은 ${i % 2 === 0 ? '짝수' : '홀수'}예요.` },
        ],
      })),
    ),
  )
  const out = join(folder, 'out')
  const training = start(['train', recipe, '--out', out, '--threads', '1', '--json', '--dashboard', '--port', '0'])
  await training.printed(/"kind":"step"/)
  const [url] = await training.printed(address)
  expect(await firstList(url)).toMatchObject([{ name: 'out', state: 'running' }])
  training.child.kill('SIGINT')
  expect((await training.ended).status).toBe(130)
})
