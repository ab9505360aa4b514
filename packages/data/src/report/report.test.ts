import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { cleanCorpus } from '../corpus.ts'
import { sourceSchema } from '../source.ts'
import type { CleaningReport, DocumentCounts } from '../steps/report.ts'
import { readDataReport } from './dataReport.ts'
import { dataReportPage } from './page.ts'

const folder = mkdtempSync(join(tmpdir(), 'modu-report-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, value: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
  return path
}

/** Refuses elements that are not closed, values that are none, and anything that would need the network. */
function expectWhole(page: string): void {
  expect(page).not.toMatch(/NaN|Infinity|undefined|null|https?:|src=|<script/)
  const open: string[] = []
  for (const [, closing, name, own] of page.matchAll(/<(\/?)([\w!]+)[^>]*?(\/?)>/g)) {
    if (closing) expect(open.pop()).toBe(name)
    else if (!own && !['!doctype', 'meta', 'br', 'input'].includes(name!)) open.push(name!)
  }
  expect(open).toEqual([])
}

describe('of modu data clean', () => {
  const counts = (documents: number, characters: number, lengths: number[]): DocumentCounts => ({
    documents,
    characters,
    lengths,
  })
  const cleaned = (files: number): CleaningReport => ({
    version: 1,
    files: Array.from({ length: files }, (_, i) => ({
      path: `자료/<${i}>.jsonl`,
      bytes: 900,
      records: 10,
      withoutText: 1,
      read: counts(9, 300, [0, 0, 0, 0, 0, 9]),
      kept: counts(7 - (i % 2), 200 + i, [0, 0, 0, 0, 3, 4]),
    })),
    total: {
      bytes: 900 * files,
      records: 10 * files,
      withoutText: files,
      read: counts(9 * files, 300 * files, []),
      kept: counts(7 * files, 200 * files, []),
    },
    withoutTextPlaces: ['자료/<0>.jsonl:3'],
    samples: [{ place: '자료/<0>.jsonl:1', text: '남은 <글>' }],
    steps: [
      {
        name: 'personalData',
        documents: 9,
        characters: 300,
        changed: 2,
        charactersRemoved: 4,
        dropped: 0,
        charactersDropped: 0,
        reasons: {},
        found: { 전화번호: 3 },
        samples: [{ place: 'a.jsonl:1', outcome: 'changed', reason: '전화번호', text: '문의 [전화번호] & "끝"' }],
      },
      {
        name: 'nearDuplicates',
        documents: 9,
        characters: 296,
        changed: 0,
        charactersRemoved: 0,
        dropped: 2,
        charactersDropped: 60,
        reasons: { similar: 2 },
        found: {},
        samples: [
          {
            place: 'a.jsonl:2',
            outcome: 'dropped',
            reason: 'similar',
            text: '<b>같은</b> 글',
            original: { place: 'a.jsonl:1', text: '같은 글' },
          },
        ],
      },
    ],
  })

  test('holds counts, reasons, lengths and samples, in both languages', async () => {
    const report = await readDataReport(file('clean.json', cleaned(2)))
    expect(report.title).toBe(`${basename(folder)}/clean.json`)
    expect(report.sources[1]).toMatchObject({ name: '<1>.jsonl', read: 10, kept: 6, charactersKept: 201 })
    expect(report.steps.map(step => [step.name, step.documents, step.changed, step.dropped])).toEqual([
      ['format', 20, 0, 2],
      ['personalData', 9, 2, 0],
      ['nearDuplicates', 9, 0, 2],
    ])
    const page = dataReportPage(report, 'ko')
    expectWhole(page)
    expect(page).toContain('문서 20개를 읽어 13개(65.0%)를 남겼습니다')
    expect(page).toContain('Of 20 documents 13 (65.0%) are left')
    expect(page).toMatch(/전화번호<.*>telephone numbers<\/span> 3/)
    expect(page).toContain('&#60;b&#62;같은&#60;/b&#62; 글')
    expect(page).toContain('문의 [전화번호] &#38; &#34;끝&#34;')
    expect(page).toContain('남은 &#60;글&#62;')
    expect(page).toMatch(/id="ko" checked/)
    expect(dataReportPage(report, 'en')).toMatch(/<html lang="en">.*id="en" checked/s)
  })

  test('stays a page with thousands of files', async () => {
    const page = dataReportPage(await readDataReport(file('many.json', cleaned(3000))), 'ko')
    expectWhole(page)
    expect(page.length).toBeLessThan(100_000)
    expect(page).toContain('문서 30,000개를 읽어')
    expect(page).toContain('+ 2,977')
  })
})

test('of a corpus, with lengths and samples of its documents', async () => {
  const text = (n: number) =>
    `${n}번째 글입니다. ${Array.from({ length: n }, (_, i) => `낱말 ${i}`).join(', ')}. 문의는 02-123-4567로 주세요.`
  const records = [text(1), text(1), text(20), '짧다', '오늘은 하늘이 맑다 I think it is so']
  file('a.jsonl', `${records.map(text => JSON.stringify({ text })).join('\n')}\nnot JSON\n`)
  file('b.json', [{ question: '안녕?', answer: '안녕하세요! 반가워요.' }])
  const corpus = join(folder, 'corpus')
  await cleanCorpus(
    {
      글: sourceSchema.parse({ files: ['a.jsonl'], format: 'text', license: 'CC0-1.0' }),
      b: sourceSchema.parse({ files: ['b.json'], format: 'pairs', license: 'MIT' }),
    },
    folder,
    corpus,
  )
  // Nothing was compared with evaluation sets, so no step says so.
  file('recipe.json', {
    name: '시험',
    evaluationFiles: [],
    sources: { 글: { license: 'CC0-1.0' }, b: { license: 'MIT' } },
  })
  const report = await readDataReport(folder)
  expect(report.title).toBe('시험')
  expect(report.steps.map(step => [step.name, step.documents, step.dropped])).toEqual([
    ['format', 7, 1],
    ['personalData', 6, 0],
    ['length', 6, 1],
    ['language', 5, 1],
    ['words', 4, 0],
    ['exactDuplicates', 4, 1],
  ])
  expect(report.steps[1]!.found).toEqual({ masked: 3 })
  expect(report.sources.map(({ name, license, read, kept }) => [name, license, read, kept])).toEqual([
    ['글', 'CC0-1.0', 6, 2],
    ['b', 'MIT', 1, 1],
  ])
  const lengths = [text(1), text(20)].map(text => Math.floor(Math.log2(text.length)))
  expect(report.sources[0]!.lengthsKept[lengths[1]!]).toBe(1)
  expect(report.sources[0]!.lengthsKept.length).toBe(lengths[1]! + 1)
  expect(report.steps.map(({ samples }) => samples.map(({ place, reason }) => [place, reason]))).toEqual([
    [['a.jsonl:6', 'corrupt']],
    [],
    [['a.jsonl:4', 'short']],
    [['a.jsonl:5', 'foreign']],
    [],
    [['a.jsonl:2', 'duplicate']],
  ])
  expect(report.samples[0]).toMatchObject({ place: '글', text: expect.stringContaining('문의는 [전화번호]로') })
  expect(report.samples[2]).toEqual({ place: 'b', text: 'user: 안녕?\nassistant: 안녕하세요! 반가워요.' })
  expect(await readDataReport(corpus)).toEqual(report)
  const page = dataReportPage(report, 'ko')
  expectWhole(page)
  expect(page).toContain('a.jsonl:6')
  expect(page).toContain('CC0-1.0')
})

test('refuses what is no report', async () => {
  await expect(readDataReport(file('other.json', { a: 1 }))).rejects.toThrow(/other\.json is no report/)
  await expect(readDataReport(join(folder, 'no.json'))).rejects.toMatchObject({ code: 'missing' })
  const empty = mkdtempSync(join(folder, 'empty-'))
  await expect(readDataReport(empty)).rejects.toThrow(/holds no report\.json/)
  await expect(readDataReport(file('broken.json', '{'))).rejects.toThrow(/broken\.json/)
})
