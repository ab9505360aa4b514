import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { modu } from '../testing.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-data-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('modu data', () => {
  test('lists its commands; refuses others', async () => {
    expect((await modu(['data', '--help'])).stdout).toMatch(/^ {2}make +정답/m)
    const { status, stderr } = await modu(['data', 'mkae'])
    expect(status).toBe(2)
    expect(stderr).toMatch('data mkae')
  })
})

describe('modu data make', () => {
  test('writes conversations and counts them by kind; the same seed gives the same bytes', async () => {
    const [a, b] = [join(folder, 'a.jsonl'), join(folder, 'b.jsonl')]
    const args = ['data', 'make', '--kinds', 'arithmetic,clock', '--count', '50', '--thinking', 'both']
    const { status, stdout, stderr } = await modu([...args, '--out', a])
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^arithmetic 계산 +25 +13 +[\d,]+$/m)
    expect(stdout).toMatch(/^합계 +50 +26 +[\d,]+$/m)
    const lines = readFileSync(a, 'utf8').trimEnd().split('\n')
    expect(lines.length).toBe(50)
    expect(JSON.parse(lines[0]!).messages.map((message: { role: string }) => message.role)).toEqual([
      'user',
      'assistant',
    ])
    await modu([...args, '--out', b])
    expect(readFileSync(b)).toEqual(readFileSync(a))
    expect(readdirSync(folder)).toEqual(['a.jsonl', 'b.jsonl'])
  })

  test.each([
    [['--kinds', 'poems'], 'poems'],
    [['--count', '0'], '0'],
    [['--split', 'test'], 'test'],
    [['--thinking', 'maybe'], 'maybe'],
  ])('refuses %j', async (args, named) => {
    const out = join(folder, 'out.jsonl')
    const { status, stderr } = await modu(['data', 'make', ...args, '--out', out])
    expect(status).toBe(2)
    expect(stderr).toMatch(named)
    expect(existsSync(out)).toBe(false)
  })

  test('asks for the file to write', async () => {
    const { status, stderr } = await modu(['data', 'make'])
    expect(status).toBe(2)
    expect(stderr).toMatch('--out')
  })
})
