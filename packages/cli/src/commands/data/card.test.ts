import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { modu } from '../../testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-data-card-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('modu data card', () => {
  const data = join(folder, 'stories.jsonl')
  writeFileSync(data, `${JSON.stringify({ text: '옛날 옛적에 호랑이가 살았어요.' })}\n`)
  const out = join(folder, 'dataset')

  test('writes a card and metadata beside the data, and says what they lack', async () => {
    const { status, stdout, stderr } = await modu(['data', 'card', data, '--out', out, '--license', 'CC-BY-4.0'])
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(stdout).toBe(`stories: 1개, CC-BY-4.0\n카드에 아직 없는 것: --creator, --url, --report\n${out}\n`)
    expect(readFileSync(join(out, 'README.md'), 'utf8')).toMatch(/^---\npretty_name: "dataset"\n/)
    expect(JSON.parse(readFileSync(join(out, 'croissant.json'), 'utf8'))).toMatchObject({ name: 'dataset' })
    expect(readFileSync(join(out, 'data/stories.jsonl'))).toEqual(readFileSync(data))
  })

  test.each([
    [[data], 2, '--out'],
    [['--out', out], 2, 'DATA'],
    [[data, '--out', out, '--url', 'here'], 2, 'here'],
    [[data, '--out', out], 1, '--license'],
  ])('%j is refused', async (args, code, named) => {
    const { status, stderr } = await modu(['data', 'card', ...args])
    expect(stderr).toMatch(named)
    expect(status).toBe(code)
  })
})
