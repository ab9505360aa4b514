import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { cleanDocuments } from './cleanDocuments.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-clean-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string) => join(folder, name)
const lines = (...values: readonly unknown[]) => `${values.map(value => JSON.stringify(value)).join('\n')}\n`
const read = (name: string): unknown[] =>
  readFileSync(file(name), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))

const story =
  '옛날 어느 마을에 나무꾼이 살았는데 날마다 산에 올라 나무를 해서 장에 내다 팔았고 저녁이면 어머니와 함께 따뜻한 밥을 지어 먹으며 이야기를 나누었다.'
const copied = '흡연자분들은 발코니가 있는 방이면 발코니에서 흡연이 가능합니다.'

describe('cleaning documents', () => {
  writeFileSync(
    file('in.jsonl'),
    lines(
      { id: 1, text: '연락은   010-1234-5678로\r\n주세요', date: '2026-01-02', tags: ['가'] },
      { id: 2, text: story },
      { id: 3, text: ` ${story}\n` },
      { id: 4, text: story.replace('나무꾼', '사냥꾼') },
      { id: 5, text: `안내: ${copied} 감사합니다.` },
      { id: 6, text: ' \n ' },
      { id: 7, title: '글이 없다' },
      { id: 8, text: '연락은 010-9999-0000로\n주세요' },
    ),
  )
  writeFileSync(file('eval.tsv'), `sentence\tlabel\n${copied}\t1\n`)
  const cleaned = cleanDocuments({ inputs: [file('in.jsonl')], out: file('out.jsonl'), against: [file('eval.tsv')] })

  test('keeps the good ones with all their fields', async () => {
    await cleaned
    expect(read('out.jsonl')).toEqual([
      { id: 1, text: '연락은 [전화번호]로\n주세요', date: '2026-01-02', tags: ['가'] },
      { id: 2, text: story },
    ])
  })

  test('reports what each step did and why', async () => {
    const { steps, ...rest } = await cleaned
    expect(rest).toMatchObject({
      read: 8,
      kept: 2,
      withoutText: 1,
      withoutTextPlaces: [`${file('in.jsonl')}:7`],
      personalData: { 전화번호: 2 },
    })
    const counts = Object.entries(steps).map(([name, { changed, dropped }]) => [name, changed, dropped])
    expect(counts).toEqual([
      ['form', 2, 1],
      ['personalData', 2, 0],
      ['exactDuplicates', 0, 2],
      ['nearDuplicates', 0, 1],
      ['contamination', 0, 1],
    ])
    expect(steps.personalData.samples[0]).toEqual({
      place: `${file('in.jsonl')}:1`,
      text: '연락은 [전화번호]로 주세요',
    })
    expect(steps.contamination.samples[0]?.text).toBe('흡연자분들은 발코니가 있는 방이면 발코니에서 흡연이 가능합니다')
    expect(JSON.stringify(steps)).not.toMatch('1234-5678')
  })
})

test('without any text nothing is written', async () => {
  writeFileSync(file('none.jsonl'), lines({ question: '왜?' }))
  const cleaning = cleanDocuments({ inputs: [file('none.jsonl')], out: file('none-out.jsonl'), against: [] })
  await expect(cleaning).rejects.toMatchObject({ code: 'empty', message: expect.stringContaining('"text"') })
  expect(readdirSync(folder).filter(name => name.startsWith('none-out'))).toEqual([])
})

test('tells how far it has come, up to the end', async () => {
  writeFileSync(
    file('long.jsonl'),
    lines(...Array.from({ length: 3000 }, (_, i) => ({ text: `${i}번째 ${'글 '.repeat(50)}` }))),
  )
  const told: (readonly [number, number])[] = []
  await cleanDocuments({
    inputs: [file('long.jsonl')],
    out: file('long-out.jsonl'),
    against: [],
    onProgress: (bytes, totalBytes) => told.push([bytes, totalBytes]),
  })
  const { size } = statSync(file('long.jsonl'))
  expect(told.length).toBeGreaterThan(3)
  expect(told.at(-1)).toEqual([size, size])
  expect(told.map(([bytes]) => bytes)).toEqual(told.map(([bytes]) => bytes).toSorted((a, b) => a - b))
})
