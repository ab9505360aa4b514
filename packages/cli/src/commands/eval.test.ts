import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeTinyModel } from '@modu/model/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { modu } from '../testing.ts'

describe('modu eval', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modu-eval-'))
  const model = join(folder, 'tiny')
  const texts = join(folder, 'texts.jsonl')
  beforeAll(async () => {
    await writeTinyModel(model)
    writeFileSync(texts, '{"text":"바람이 시원합니다."}\n{"text":"하나 둘 셋"}\n')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('prints a table and writes a page', async () => {
    const page = join(folder, 'report.html')
    const { status, stdout } = await modu(['eval', model, '--text', `글=${texts}`, '--html', page])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^tiny\n\n지표 +자료 +값/)
    expect(stdout).toMatch(/^비트\/바이트 +글 /m)
    expect(readFileSync(page, 'utf8')).toMatch(/<svg [\s\S]*<\/html>\n$/)
  })

  test('prints JSON that is the same for the same seed', async () => {
    const args = ['eval', model, '--text', `a=${texts},b=${texts}`, '--limit', '1', '--seed', '3', '--json']
    const [first, second] = await Promise.all([modu(args), modu(args)])
    const report = JSON.parse(first.stdout)
    expect(report).toMatchObject({ model: 'tiny', seed: 3, limit: 1, answers: [] })
    expect(report.results.map((result: { source: string }) => result.source)).toEqual(['a', 'b'])
    expect(second.stdout).toBe(first.stdout)
  })

  test('measures another model beside it', async () => {
    const other = join(folder, 'other')
    await writeTinyModel(other, { seed: 2 })
    const run = (...args: string[]) => modu(['eval', ...args, '--text', `a=${texts}`, '--json'])
    const [both, alone] = await Promise.all([run(model, '--compare', other), run(other)])
    const { value } = JSON.parse(alone.stdout).results[0]
    expect(JSON.parse(both.stdout).results[0].baselines.at(-1)).toEqual({ name: 'other', value })
    const report = join(folder, 'other.json')
    writeFileSync(report, alone.stdout)
    expect((await run(model, '--compare', report)).stdout).toBe(both.stdout)
    const same = await run(other, '--compare', report)
    expect(JSON.parse(same.stdout).results[0].baselines.at(-1)).toEqual({ name: report, value })
  })

  test('measures what a recipe held out, and writes the answers down', async () => {
    const answers = join(folder, 'answers.md')
    const recipe = [
      '--recipe',
      join(import.meta.dirname, '../../../../recipes/tiny.json'),
      '--limit',
      '1',
      '--conversations',
      '2',
      '--answers',
      answers,
    ]
    const { stdout } = await modu(['eval', model, ...recipe, '--refusals', '--json'])
    const metrics = JSON.parse(stdout).results.map((result: { metric: string }) => result.metric)
    expect(metrics.filter((metric: string) => metric === 'bitsPerByte').length).toBeGreaterThan(1)
    expect(metrics).toEqual(expect.arrayContaining(['ended', 'refused', 'careful', 'refusedOrdinary']))
    expect(readFileSync(answers, 'utf8')).toMatch(
      /^# tiny의 고르지 않은 답\n\n## conversations \(2\)\n\n\| \| 물음 \| 답 \| 평가 \|/,
    )
    const [, tiny] = recipe
    const only = await modu(['eval', model, '--recipe', tiny!, '--sources', 'stories', '--limit', '1', '--json'])
    expect(JSON.parse(only.stdout).results.map((result: { source: string }) => result.source)).toEqual(['stories'])
    const wrong = await modu(['eval', model, '--recipe', tiny!, '--sources', 'stories,none'])
    expect(wrong).toMatchObject({ status: 2, stdout: '' })
    expect(wrong.stderr).toMatch(/none.*stories/)
    const again = await modu(['eval', model, ...recipe])
    expect(again).toMatchObject({ status: 1, stdout: '' })
    expect(again.stderr).toMatch(/이미 있는 파일입니다: .*answers\.md/)
  })

  test('says which file or option is wrong', async () => {
    const broken = join(folder, 'broken.jsonl')
    writeFileSync(broken, '{"text":"가"}\n{"title":"나"}\n')
    const row = await modu(['eval', model, '--text', `x=${broken}`])
    expect(row).toMatchObject({ status: 1, stdout: '' })
    expect(row.stderr).toMatch(/broken\.jsonl:2: the field text is missing/)
    const name = await modu(['eval', model, '--text', texts])
    expect(name).toMatchObject({ status: 2, stdout: '' })
    expect(name.stderr).toMatch(/이름=파일이 필요합니다/)
    const bare = await modu(['eval', model, '--conversations', '3'])
    expect(bare).toMatchObject({ status: 2, stdout: '' })
    expect(bare.stderr).toMatch(/--recipe가 필요합니다/)
  })
})
