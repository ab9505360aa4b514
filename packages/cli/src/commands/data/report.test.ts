import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { modu } from '../../testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-data-report-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('modu data report', () => {
  test('writes a page from what modu data clean reports', async () => {
    const [report, html] = ['report.json', 'page.html'].map(name => join(folder, name))
    const counts = { documents: 1, characters: 30, lengths: [0, 0, 0, 0, 1] }
    const file = { path: 'a.jsonl', bytes: 90, records: 1, withoutText: 0, read: counts, kept: counts }
    const { path: _, ...total } = file
    writeFileSync(report!, JSON.stringify({ version: 1, files: [file], total, withoutTextPlaces: [], steps: [] }))
    const { status, stdout, stderr } = await modu(['data', 'report', report!, '--html', html!])
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(stdout).toBe(`${html}\n`)
    expect(readFileSync(html!, 'utf8')).toMatch('문서 1개를 읽어 1개(100.0%)를 남겼습니다')
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
