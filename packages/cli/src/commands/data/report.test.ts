import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { modu } from '../../testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-data-report-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('modu data report', () => {
  test('writes a page from what modu data clean reports', async () => {
    const [data, report, html] = ['in.jsonl', 'report.json', 'page.html'].map(name => join(folder, name))
    writeFileSync(data!, `${JSON.stringify({ text: '문의는 02-123-4567로 주세요. 오늘은 날씨가 맑습니다.' })}\n`)
    await modu(['data', 'clean', data!, '--out', join(folder, 'out.jsonl'), '--report', report!])
    const { status, stdout, stderr } = await modu(['data', 'report', report!, '--html', html!])
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(stdout).toBe(`${html}\n`)
    expect(readFileSync(html!, 'utf8')).toMatch(/문서 1개를 읽어 1개.*문의는 \[전화번호\]로/s)
  })

  test.each([
    [['x.json'], 2, '--html'],
    [['--html', 'x.html'], 2, 'REPORT'],
    [['no.json', '--html', 'x.html'], 1, 'no.json'],
  ])('%j is refused', async (args, code, named) => {
    const { status, stderr } = await modu(['data', 'report', ...args])
    expect(stderr).toMatch(named)
    expect(status).toBe(code)
  })
})
