import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random } from '@modu/model'
import { afterAll, describe, expect, test } from 'vitest'
import { type CleaningDone, cleanDocuments } from './cleanDocuments.ts'
import { cleaningSteps } from './report.ts'
import { changedWords, inventedWords } from './testTexts.ts'

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
      { id: 1, text: '궁금한 일이 있으면   010-1234-5678로\r\n연락해 주세요', date: '2026-01-02', tags: ['가'] },
      { id: 2, text: story },
      { id: 3, text: ` ${story}\n` },
      { id: 4, text: story.replace('나무꾼', '사냥꾼') },
      { id: 5, text: `안내: ${copied} 감사합니다.` },
      { id: 6, text: ' \n ' },
      { id: 7, title: '글이 없다' },
      { id: 8, text: '궁금한 일이 있으면 ０１０－９９９９－００００로\n연락해 주세요' },
      { id: 9, text: 'This is an English text, and a long one.' },
      { id: 10, text: '이 개새끼가 어디서 반말이야, 정말 어이가 없네' },
      { id: 11, text: '너무 짧다' },
      { id: 12, text: `<p>${story.slice(0, 30)}</p>\nⓒ 모두일보, 무단 전재 및 재배포 금지` },
    ),
  )
  writeFileSync(file('eval.tsv'), `sentence\tlabel\n${copied}\t1\n`)
  const cleaned = cleanDocuments({
    inputs: [file('in.jsonl')],
    out: file('out.jsonl'),
    against: [file('eval.tsv')],
    report: file('report.json'),
  })

  test('keeps the good ones with all their fields, and nothing else remains', async () => {
    await cleaned
    expect(read('out.jsonl')).toEqual([
      { id: 1, text: '궁금한 일이 있으면 [전화번호]로\n연락해 주세요', date: '2026-01-02', tags: ['가'] },
      { id: 2, text: story },
      { id: 12, text: story.slice(0, 30).trim() },
    ])
    expect(readdirSync(folder).filter(name => name.startsWith('out'))).toEqual(['out.jsonl'])
  })

  test('reports what each step did and why', async () => {
    const { steps, total, files, withoutTextPlaces } = await cleaned
    expect(steps.map(({ name }) => name)).toEqual(cleaningSteps)
    const counts = steps.map(({ name, documents, changed, dropped, reasons }) => [
      name,
      documents,
      changed,
      dropped,
      reasons,
    ])
    expect(counts).toEqual([
      ['unicode', 11, 2, 0, {}],
      ['markup', 11, 1, 1, { empty: 1 }],
      ['boilerplate', 10, 1, 0, {}],
      ['spacing', 10, 3, 0, {}],
      ['language', 10, 0, 1, { latin: 1 }],
      ['quality', 9, 0, 1, { short: 1 }],
      ['words', 8, 0, 1, { insult: 1 }],
      ['personalData', 7, 2, 0, {}],
      ['contamination', 7, 0, 1, { evaluation: 1 }],
      ['exactDuplicates', 6, 0, 2, { same: 2 }],
      ['nearDuplicates', 4, 0, 1, { similar: 1 }],
    ])
    expect(total).toMatchObject({ records: 12, withoutText: 1, read: { documents: 11 }, kept: { documents: 3 } })
    expect(files).toEqual([{ path: file('in.jsonl'), ...total }])
    expect(withoutTextPlaces).toEqual([`${file('in.jsonl')}:7`])
    const read = steps[0]!.characters
    const lost = steps.reduce((sum, step) => sum + step.charactersRemoved + step.charactersDropped, 0)
    expect([read, read - lost]).toEqual([total.read.characters, total.kept.characters])
    expect(total.kept.lengths.reduce((sum, count) => sum + count, 0)).toBe(3)
  })

  test('shows samples of what it did, with personal data masked', async () => {
    const { steps, samples } = await cleaned
    const of = (name: string) => steps.find(step => step.name === name)!.samples
    expect(of('personalData')[0]).toMatchObject({
      outcome: 'changed',
      reason: '전화번호',
      text: '궁금한 일이 있으면 [전화번호]로\n연락해 주세요',
    })
    expect(of('contamination')[0]?.text).toBe(`안내: ${copied} 감사합니다.`)
    expect(of('nearDuplicates')).toEqual([
      {
        place: `${file('in.jsonl')}:4`,
        outcome: 'dropped',
        reason: 'similar',
        text: story.replace('나무꾼', '사냥꾼'),
        original: { place: `${file('in.jsonl')}:2`, text: story },
      },
    ])
    expect(samples).toContainEqual({ place: `${file('in.jsonl')}:2`, text: story })
    expect(samples).toHaveLength(3)
    expect(JSON.stringify([steps, samples])).not.toMatch(/1234-5678|９９９９/)
    expect(JSON.parse(readFileSync(file('report.json'), 'utf8'))).toEqual(await cleaned)
  })

  test('skips the steps that it is told to', async () => {
    // Without evaluation files there is nothing to compare with.
    const skip = cleaningSteps.filter(step => !['exactDuplicates', 'contamination'].includes(step))
    const { steps } = await cleanDocuments({ inputs: [file('in.jsonl')], out: file('skipped.jsonl'), skip })
    expect(steps.map(({ name, dropped }) => [name, dropped])).toEqual([['exactDuplicates', 1]])
    expect(read('skipped.jsonl')).toHaveLength(10)
  })
})

test('without any text nothing is written', async () => {
  writeFileSync(file('none.jsonl'), lines({ question: '왜?' }))
  const cleaning = cleanDocuments({ inputs: [file('none.jsonl')], out: file('none-out.jsonl') })
  await expect(cleaning).rejects.toMatchObject({ code: 'empty', message: expect.stringContaining('"text"') })
  expect(readdirSync(folder).filter(name => name.startsWith('none-out'))).toEqual([])
})

describe('many documents in several files', () => {
  mkdirSync(file('many'))
  const random = new Random(8)
  const texts = Array.from({ length: 600 }, () => inventedWords(random, 10 + random.integer(40)))
  const documents = texts.map((words, i) => {
    const earlier = texts[random.integer(i + 1)]!
    const kind = random.integer(10)
    const now = kind === 0 ? earlier : kind === 1 ? changedWords(random, earlier, 0.03) : words
    return { text: now.join(' ') + (kind === 2 ? ' 전화 010-2222-3333' : '') }
  })
  writeFileSync(file('many/a.jsonl'), lines(...documents.slice(0, 250)))
  writeFileSync(file('many/b.jsonl'), lines(...documents.slice(250)))
  writeFileSync(file('many/empty.jsonl'), '')

  const clean = (out: string, changes: object) => cleanDocuments({ inputs: [file('many')], out: file(out), ...changes })
  const whole = clean('whole.jsonl', { threads: 1 })

  test.each([
    [1, 5000],
    [3, 1000],
    [2, 100_000],
  ])('%i threads and shards of %i characters make no difference', async (threads, shardCharacters) => {
    const report = await clean('parts.jsonl', { threads, shardCharacters })
    expect(report).toEqual(await whole)
    expect(readFileSync(file('parts.jsonl'))).toEqual(readFileSync(file('whole.jsonl')))
    expect(report.steps.find(({ name }) => name === 'nearDuplicates')!.dropped).toBeGreaterThan(20)
  })

  test('when writing fails in a thread its error is thrown, and nothing is written', async () => {
    const blocked = clean('blocked.jsonl', {
      threads: 1,
      shardCharacters: 5000,
      onProgress: () => {
        rmSync(file('blocked.jsonl.parts'), { recursive: true, force: true })
        writeFileSync(file('blocked.jsonl.parts'), '')
      },
    })
    await expect(blocked).rejects.toMatchObject({
      code: 'file',
      message: expect.stringContaining('blocked.jsonl.parts'),
    })
    expect(readdirSync(folder)).not.toContain('blocked.jsonl')
  })

  test('tells how far it has come, up to the end', async () => {
    const told: CleaningDone[] = []
    await clean('told.jsonl', { shardCharacters: 5000, onProgress: (done: CleaningDone) => told.push(done) })
    const size = ['a', 'b'].reduce((sum, name) => sum + statSync(file(`many/${name}.jsonl`)).size, 0)
    expect(told.length).toBeGreaterThan(3)
    expect(told.at(-1)).toEqual({ bytes: size, totalBytes: size, reusedBytes: 0 })
    expect(told.map(({ bytes }) => bytes)).toEqual(told.map(({ bytes }) => bytes).toSorted((a, b) => a - b))
  })
})
