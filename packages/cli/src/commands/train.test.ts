import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testRecipe } from '@modu/train/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { modu, start } from '../testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-train-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const recipe = join(folder, 'recipe.json')
const lines = (objects: readonly object[]) => objects.map(object => `${JSON.stringify(object)}\n`).join('')
writeFileSync(recipe, JSON.stringify(testRecipe))
writeFileSync(
  join(folder, 'a.jsonl'),
  lines(
    Array.from({ length: 120 }, (_, i) => ({
      text: `옛날 옛적에 호랑이 ${i}마리가 산에서 살았습니다. 날마다 떡을 먹었습니다.`,
    })),
  ),
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

describe('modu train', () => {
  test('goes from text to a model that can be counted, and tells its steps', async () => {
    const out = join(folder, 'run')
    const { status, stdout, stderr } = await modu(['train', recipe, '--out', out, '--threads', '1'])
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^6\/11 손실 \d|^11\/11 손실 \d/m)
    const model = /npx modu chat -m (.+)$/m.exec(stdout)![1]!
    expect(existsSync(join(model, 'model.safetensors'))).toBe(true)
    expect((await modu(['params', model])).stdout).toMatch('axk1')
  })

  test('stopped by Ctrl-C it saves, and the same command goes on', async () => {
    const long = join(folder, 'long.json')
    writeFileSync(long, JSON.stringify({ ...testRecipe, pretrain: { ...testRecipe.pretrain, steps: 100_000 } }))
    const args = ['train', long, '--out', join(folder, 'stopped'), '--threads', '1', '--json']
    const first = start(args)
    await first.printed(/"kind":"step"/)
    first.child.kill('SIGINT')
    const { status, stdout, stderr } = await first.ended
    expect(status).toBe(130)
    expect(stderr).toMatch('저장하고 멈춥니다')
    const events = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    const last = events.at(-1)
    expect(last.kind).toBe('stopped')

    const second = start(args)
    await second.printed(/"kind":"step"/)
    second.child.kill('SIGTERM')
    const resumed = (await second.ended).stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(resumed).toContainEqual(expect.objectContaining({ kind: 'resume', step: last.step }))
    expect(resumed.find(event => event.kind === 'step').metrics.step).toBe(last.step + 1)
  })

  test('names a recipe or data that is not there', async () => {
    const missing = await modu(['train', 'no-such-recipe.json'])
    expect(missing.status).toBe(1)
    expect(missing.stderr).toMatch('no-such-recipe.json')
    const noData = await modu(['train', recipe, '--out', join(folder, 'empty'), '--data', join(folder, 'nowhere')])
    expect(noData.status).toBe(1)
    expect(noData.stderr).toMatch('nowhere')
    const noPage = await modu(['train', recipe, '--port', '8091'])
    expect(noPage.status).toBe(2)
    expect(noPage.stderr).toMatch('--dashboard')
    expect(readFileSync(recipe, 'utf8')).toBe(JSON.stringify(testRecipe))
  })
})
