import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type CleaningProgress, cleanCorpus, readCorpus } from './corpus.ts'
import { splitOf } from './make/make.ts'
import { type CorpusDocument, type CorpusMessage, type Source, sourceSchema } from './source.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-corpus-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const jsonl = (...records: unknown[]) => `${records.map(r => JSON.stringify(r)).join('\n')}\n`
const source = (fields: Partial<Source>): Source =>
  sourceSchema.parse({ files: ['a.jsonl'], format: 'text', license: 'CC0-1.0', ...fields })
const documents = async (name: string) => {
  const all: CorpusDocument[] = []
  for await (const document of readCorpus(join(folder, 'corpus'), name)) all.push(document)
  return all
}
const clean = (sources: Record<string, Source>) => cleanCorpus(sources, folder, join(folder, 'corpus'))

describe('cleanCorpus', () => {
  test('cleans, filters, counts and removes duplicates over sources', async () => {
    const good = '옛날 옛적에 호랑이가 담배를 피웠어요. 모두 놀랐답니다.'
    writeFileSync(
      join(folder, 'a.jsonl'),
      `${jsonl({ text: `<b>${good}</b>`, title: '호랑이' }, { text: '짧다' })}{broken\n${jsonl({ other: 1 }, { text: 'This text is English, all of it, sorry.' })}`,
    )
    writeFileSync(join(folder, 'b.jsonl'), jsonl({ text: `호랑이\n${good}` }, { text: `${good} 끝.` }))
    const report = await clean({ a: source({}), b: source({ files: ['b.jsonl'] }) })
    // The English text goes line by line, and leaves one that is too short.
    expect(report.sources.a).toMatchObject({
      read: 5,
      kept: 1,
      corrupt: 2,
      short: 2,
      corruptLines: ['a.jsonl:3', 'a.jsonl:4'],
    })
    expect(report.sources.b).toMatchObject({ read: 2, kept: 1, duplicate: 1 })
    expect(await documents('a')).toEqual([{ text: `호랑이\n${good}` }])
  })

  test('joins reviews of one movie and drops insults', async () => {
    const review = (movie: string, text: string) => ({ movie_id: movie, rating: 9, text })
    writeFileSync(
      join(folder, 'a.jsonl'),
      jsonl(
        review('1', '정말 재미있게 본 영화였어요'),
        review('1', '이런 쓰레기 같은 영화는 처음이네요'),
        review('1', '다시 봐도 감동이네요ㅋㅋㅋㅋㅋㅋㅋ'),
        review('2', '배우들의 연기가 훌륭했어요'),
      ),
    )
    const report = await clean({ r: source({ format: 'reviews', minCharacters: 8 }) })
    expect(report.sources.r).toMatchObject({ kept: 3, insulting: 1, documents: 2 })
    expect(await documents('r')).toEqual([
      { text: '정말 재미있게 본 영화였어요\n다시 봐도 감동이네요ㅋㅋㅋ' },
      { text: '배우들의 연기가 훌륭했어요' },
    ])
  })

  test('reads pairs and conversations, and offers fewer tools', async () => {
    writeFileSync(join(folder, 'p.jsonl'), jsonl({ question: '안녕', answer: '반가워요.', label: 0 }))
    const call = { type: 'function', function: { name: 'c', arguments: { x: 1 } } }
    const messages = [
      { role: 'user', content: '불 꺼 줘' },
      { role: 'assistant', content: '', tool_calls: [call] },
      { role: 'tool', content: '{"ok":true}' },
      { role: 'assistant', content: '껐어요.', reasoning_content: '도구를 쓴다.' },
    ]
    writeFileSync(join(folder, 'c.jsonl'), jsonl({ id: 'c-1', messages, tools: ['a', 'b', 'c', 'd'] }, { id: 'x' }))
    const report = await clean({
      p: source({ files: ['p.jsonl'], format: 'pairs' }),
      c: source({ files: ['c.jsonl'], format: 'conversations', maxTools: 2 }),
    })
    expect(report.sources.c).toMatchObject({ read: 2, kept: 1, corrupt: 1 })
    expect(await documents('p')).toEqual([
      {
        id: 'p.jsonl:안녕',
        messages: [
          { role: 'user', content: '안녕' },
          { role: 'assistant', content: '반가워요.' },
        ],
      },
    ])
    expect(await documents('c')).toEqual([{ id: 'c-1', messages, tools: ['a', 'c'] }])
    await clean({ p: source({ files: [join(folder, 'p.jsonl')], format: 'pairs' }) })
    expect(await documents('p')).toMatchObject([{ id: 'p.jsonl:안녕' }])
  })

  test('uses what is there again, until a source changes', async () => {
    const text = (end: string) => jsonl({ text: `옛날 옛적에 호랑이가 담배를 피웠어요. ${end}` })
    writeFileSync(join(folder, 'a.jsonl'), text('하나'))
    await clean({ a: source({}) })
    const before = statSync(join(folder, 'corpus/a.jsonl')).mtimeMs
    await clean({ a: source({}) })
    expect(statSync(join(folder, 'corpus/a.jsonl')).mtimeMs).toBe(before)
    writeFileSync(join(folder, 'a.jsonl'), text('둘'))
    await clean({ a: source({}) })
    expect(readFileSync(join(folder, 'corpus/a.jsonl'), 'utf8')).toContain('둘')
  })

  test('reads folders of several kinds, and again when a file of them changes', async () => {
    const story = (n: string) => `옛날 옛적에 호랑이가 ${n} 마리 살았어요.\n\n모두 사이가 좋았답니다.`
    mkdirSync(join(folder, 'books/more'), { recursive: true })
    writeFileSync(join(folder, 'books/b.md'), `---\ntitle: 제목\n---\n${story('두')}`)
    writeFileSync(join(folder, 'books/a.txt'), story('한'))
    writeFileSync(join(folder, 'books/empty.txt'), '')
    writeFileSync(join(folder, 'books/more/c.json'), JSON.stringify([{ text: story('세') }, { text: 3 }]))
    const books = source({ files: ['books'] })
    const { key, sources } = await clean({ books })
    expect(await documents('books')).toEqual([
      { text: story('한') },
      { text: `제목\n${story('두')}` },
      { text: story('세') },
    ])
    expect(sources.books).toMatchObject({ kept: 3, corruptLines: ['books/empty.txt', 'books/more/c.json:2'] })

    expect((await clean({ books })).key).toBe(key)
    writeFileSync(join(folder, 'books/picture.png'), '')
    expect((await clean({ books })).key).toBe(key)
    renameSync(join(folder, 'books/a.txt'), join(folder, 'books/z.txt'))
    const renamed = (await clean({ books })).key
    expect(renamed).not.toBe(key)
    writeFileSync(join(folder, 'books/more/c.json'), JSON.stringify([{ text: story('네') }]))
    expect((await clean({ books })).key).not.toBe(renamed)
    expect(await documents('books')).toContainEqual({ text: story('네') })
  })

  test('tells how far it is, to the end, where a limit leaves a part unread too', async () => {
    const text = (n: number) => ({ text: `옛날 옛적에 호랑이가 ${n} 마리 살았어요. 모두 사이가 좋았답니다.` })
    const lines = (from: number) => jsonl(...Array.from({ length: 2000 }, (_, n) => text(from + n)))
    writeFileSync(join(folder, 'a.jsonl'), lines(0))
    writeFileSync(join(folder, 'b.jsonl.gz'), gzipSync(lines(5000)))
    const totalBytes = ['a.jsonl', 'b.jsonl.gz'].reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
    const told: CleaningProgress[] = []
    await cleanCorpus(
      { few: source({ limit: 3 }), all: source({ files: ['b.jsonl.gz'] }) },
      folder,
      join(folder, 'corpus'),
      { onProgress: progress => told.push(progress) },
    )
    expect(told.length).toBeGreaterThan(2)
    expect(told.map(progress => progress.bytes)).toEqual(told.map(progress => progress.bytes).toSorted((a, b) => a - b))
    expect(told[0]?.bytes).toBeLessThan(statSync(join(folder, 'a.jsonl')).size)
    expect(told.at(-1)).toEqual({ bytes: totalBytes, totalBytes })
  })

  test('the same comes of it here and on threads', async () => {
    const each = <T>(make: (n: number) => T): T[] => Array.from({ length: 400 }, (_, n) => make(n))
    const texts = each(n => ({
      title: `이야기 ${n % 90}`,
      text: `<p>옛날에 호랑이가 ${n % 90} 마리 살았어요.</p> 문의는 010-1234-${1000 + n}로. ${n % 7 ? '' : '하늘이 참 맑고 푸른 날이었지요'}`,
    }))
    const reviews = each(n => ({
      movie_id: `${n >> 3}`,
      text: `${n} 번째 보는데 ${n % 11 ? '재미있어요' : '쓰레기예요'}ㅋㅋㅋㅋㅋ`,
    }))
    const messages = (n: number) => [
      { role: 'user', content: `${n % 300}의 다음 수는?` },
      { role: 'assistant', content: `${(n % 300) + 1}입니다.` },
    ]
    writeFileSync(join(folder, 'a.jsonl'), `${jsonl(...texts.slice(0, 200))}{broken\n${jsonl(...texts.slice(200))}`)
    writeFileSync(join(folder, 'r.jsonl'), jsonl(...reviews))
    writeFileSync(join(folder, 'c.jsonl'), jsonl(...each(n => ({ id: `c-${n}`, messages: messages(n) }))))
    writeFileSync(join(folder, 'questions.tsv'), 'premise\tlabel\n로 하늘이 참 맑고 푸른 날이었지요\tentailment\n')
    const sources = {
      texts: source({}),
      reviews: source({ files: ['r.jsonl'], format: 'reviews', minCharacters: 8 }),
      few: source({ files: ['c.jsonl'], format: 'conversations', limit: 250, minHangul: 0.1 }),
    }
    const made = async (threads: number) => {
      const out = join(folder, `corpus-${threads}`)
      const report = await cleanCorpus(sources, folder, out, { threads, evaluationFiles: ['questions.tsv'] })
      expect(report.sources.texts).toMatchObject({ read: 401, corrupt: 1 })
      for (const filter of ['contaminated', 'personal'] as const)
        expect(report.sources.texts![filter]).toBeGreaterThan(0)
      expect(report.sources.reviews!.insulting).toBeGreaterThan(0)
      expect(report.sources.few).toMatchObject({ kept: 250 })
      return readdirSync(out)
        .toSorted()
        .map(name => [name, readFileSync(join(out, name), 'utf8')])
    }
    const here = await made(0)
    expect(here).toHaveLength(4)
    expect(await made(2)).toEqual(here)
  })

  test('masks personal data and drops what an evaluation set holds', async () => {
    const copied = '검은 고양이가 지붕 위에서 낮잠을 자다가 비를 맞았어요'
    writeFileSync(
      join(folder, 'a.jsonl'),
      jsonl(
        { text: `어제 들은 말이에요. ${copied}. 그래서 웃었어요.` },
        { text: '문의는 010-1234-5678로 전화해 주시면 됩니다. 고맙습니다.' },
      ),
    )
    writeFileSync(join(folder, 'questions.tsv'), `premise\tlabel\n${copied}\tentailment\n`)
    const evaluationFiles = ['questions.tsv']
    const corpus = join(folder, 'corpus')
    const { key, sources } = await cleanCorpus({ a: source({}) }, folder, corpus, { evaluationFiles })
    expect(await documents('a')).toEqual([{ text: '문의는 [전화번호]로 전화해 주시면 됩니다. 고맙습니다.' }])
    expect(sources.a).toMatchObject({ kept: 1, contaminated: 1, personal: 1 })
    expect((await cleanCorpus({ a: source({}) }, folder, corpus)).key).not.toBe(key)
    await expect(cleanCorpus({ a: source({}) }, folder, corpus, { evaluationFiles: ['gone.tsv'] })).rejects.toThrow(
      /"evaluationFiles": there is no file .*gone\.tsv/,
    )
  })

  test('makes exercises of the training split, with their reasoning', async () => {
    const sums = sourceSchema.parse({
      format: 'exercises',
      kinds: ['arithmetic', 'tool'],
      count: 30,
      license: 'CC0-1.0',
    })
    await clean({ sums })
    const made = (await documents('sums')) as unknown as { messages: CorpusMessage[]; tools?: string[] }[]
    expect(made).toHaveLength(30)
    expect(made.filter(({ tools }) => tools)).toHaveLength(15)
    for (const { messages } of made) {
      expect(splitOf(messages[0]!.content!)).toBe('train')
      expect(messages[1]!.reasoning_content).toBeTruthy()
    }
  })

  test('names a missing file, and a source of which nothing is left', async () => {
    await expect(clean({ gone: source({}) })).rejects.toThrow(/source "gone": there is no file .*a\.jsonl.*--data/)
    writeFileSync(join(folder, 'a.jsonl'), jsonl({ text: '짧다' }))
    await expect(clean({ a: source({}) })).rejects.toThrow(/source "a": none of its 1 records is left/)
    expect(readdirSync(join(folder, 'corpus'))).toEqual([])
  })
})
