import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { modu } from '../../testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-data-clean-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, contents?: string): string => {
  const path = join(folder, name)
  if (contents !== undefined) writeFileSync(path, contents)
  return path
}

const line = (text: string) => `${JSON.stringify({ text })}\n`
const known = '어떤 방에서도 흡연은 금지되어 있으니 밖에서 피우세요'
const one = file(
  'one.jsonl',
  `${line('궁금한 일이 있으면 02-123-4567로 연락해 주세요') + line(`안내문. ${known}.`)}{}\n`,
)
const two = file(
  'two.jsonl',
  line('궁금한 일이 있으면 02-765-4321로 연락해 주세요') + line('오늘은 날씨가 아주 맑아서 산책하기 좋다'),
)
const evaluation = file('eval.tsv', `${known}\t1\n`)

describe('modu data clean', () => {
  test('cleans several files into one, prints a table and writes a report', async () => {
    const [out, report] = [file('out.jsonl'), file('report.json')]
    const arguments_ = ['data', 'clean', one, two, '--out', out, '--against', evaluation, '--report', report]
    const { status, stdout, stderr } = await modu(arguments_)
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(readFileSync(out, 'utf8')).toBe(
      line('궁금한 일이 있으면 [전화번호]로 연락해 주세요') + line('오늘은 날씨가 아주 맑아서 산책하기 좋다'),
    )
    expect(stdout).toMatch(/같은 글 +0 +1 +\d+\n/)
    expect(stdout).toMatch(/평가 자료 +0 +1 +\d+\n/)
    expect(stdout).toMatch('가린 것: 전화번호 2')
    expect(stdout).toMatch('남은 문서: 4개 가운데 2개')
    expect(stdout).toMatch(`${one}:3`)
    expect(JSON.parse(readFileSync(report, 'utf8'))).toMatchObject({
      total: { records: 5, kept: { documents: 2 } },
      files: [{ path: one }, { path: two }],
    })
    const english = await modu([...arguments_, '--lang', 'en', '--skip', 'contamination', '--threads', '1'])
    expect(english.stdout).toMatch(/near duplicates +0 +0 +0\n/)
    expect(english.stdout).toMatch('kept: 3 of 4 documents')
  })

  test.each([
    [['--out', 'x.jsonl'], 2, 'IN'],
    [[one], 2, '--out'],
    [[one, '--out', 'x.txt'], 2, 'x.txt'],
    [[one, '--out', 'x.jsonl', '--skip', 'unicod'], 2, 'unicod'],
    [[one, '--out', 'x.jsonl', '--threads', '0'], 2, '--threads'],
    [[join(folder, 'no.jsonl'), '--out', join(folder, 'x.jsonl')], 1, 'no.jsonl'],
  ])('%j is refused', async (args, code, named) => {
    const { status, stderr } = await modu(['data', 'clean', ...args])
    expect(stderr).toMatch(named)
    expect(status).toBe(code)
  })
})
