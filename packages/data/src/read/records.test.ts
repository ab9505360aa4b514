import { spawnSync } from 'node:child_process'
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { records } from './records.ts'

const fixture = (name: string): string => join(import.meta.dirname, '../../fixtures', name)

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modu-records-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Writes a file and says its path. */
function file(name: string, contents: string | Uint8Array): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, contents)
  return path
}

/** All records of a path, with places relative to the test's folder. */
async function read(path: string) {
  const all = []
  for await (const { place, record } of records(path)) all.push([place.replace(`${folder}/`, ''), record])
  return all
}

describe('JSON lines', () => {
  test('numbers the lines, and leaves those that are no objects to the caller', async () => {
    expect(await read(file('a.jsonl.gz', gzipSync('{"a":1}\r\n{"a":\n\n[1]\n{"a":2}')))).toEqual([
      ['a.jsonl.gz:1', { a: 1 }],
      ['a.jsonl.gz:2', undefined],
      ['a.jsonl.gz:4', undefined],
      ['a.jsonl.gz:5', { a: 2 }],
    ])
  })

  test('joins lines and characters that lie across chunks', async () => {
    const texts = Array.from({ length: 3 }, (_, n) => `${'가'.repeat(100_000 + n)}끝`)
    const path = file('long.jsonl', `\ufeff${texts.map(text => JSON.stringify({ text })).join('\n')}\n`)
    expect((await read(path)).map(([, record]) => record)).toEqual(texts.map(text => ({ text })))
  })

  test('says where a compressed file breaks off', async () => {
    const lines = Array.from({ length: 5000 }, (_, n) => JSON.stringify({ text: `문장 ${n * 7919}` })).join('\n')
    const whole = gzipSync(lines)
    await expect(read(file('cut.jsonl.gz', whole.subarray(0, whole.length / 2)))).rejects.toThrow(
      /cut\.jsonl\.gz breaks off after line [1-9]\d* /,
    )
    await expect(read(file('no.jsonl.gz', lines))).rejects.toThrow(/no\.jsonl\.gz breaks off after line 0/)
  })
})

describe('JSON', () => {
  test('reads the items of an array one by one', async () => {
    const items = [{ a: 'x],[{"\\' }, { b: [1, { c: [] }] }, 3, [4], {}]
    const expected = items.map((item, n) => [
      `a.json:${n + 1}`,
      typeof item === 'object' && !Array.isArray(item) ? item : undefined,
    ])
    expect(await read(file('a.json', JSON.stringify(items)))).toEqual(expected)
    expect(await read(file('a.json', ` ${JSON.stringify(items, null, 2)}\n`))).toEqual(expected)
    expect(await read(file('none.json', '[ ]\n'))).toEqual([])
  })

  test('joins items that lie across chunks', async () => {
    const items = Array.from({ length: 40 }, (_, n) => ({ n, text: '"\\가나다'.repeat(n * 97) }))
    expect((await read(file('a.json.gz', gzipSync(JSON.stringify(items))))).map(([, record]) => record)).toEqual(items)
  })

  test.each(['{"data":[{"a":1}]}', '[{"a":1}] [{"a":2}]', '3', '[{"a":1}] x', 'x [{"a":1}]'])(
    'refuses %s',
    async contents => {
      await expect(read(file('a.json', contents))).rejects.toThrow(/a\.json is not one JSON array/)
    },
  )

  test('says where an array breaks off', async () => {
    await expect(read(file('a.json', '[{"a":1},{"a":2},{"a'))).rejects.toThrow(/a\.json breaks off after item 2/)
  })
})

describe('tables', () => {
  test('have columns named by the first line; a row with others is left to the caller', async () => {
    const table = '\ufeffscore\tsentence1\r\n5\t"그가 말했다, "네""\r\n\r\n3\n\t비가 온다.'
    expect(await read(file('a.tsv.gz', gzipSync(table)))).toEqual([
      ['a.tsv.gz:2', { score: '5', sentence1: '"그가 말했다, "네""' }],
      ['a.tsv.gz:4', undefined],
      ['a.tsv.gz:5', { score: '', sentence1: '비가 온다.' }],
    ])
    expect(await read(file('head.tsv', 'score\tsentence1\n'))).toEqual([])
  })
})

describe('parquet', () => {
  test.each(['none', 'snappy', 'gzip', 'zstd', 'brotli'])('reads rows packed with %s', async codec => {
    const rows = await read(fixture(`stories-${codec}.parquet`))
    expect(rows).toHaveLength(7)
    expect(rows[6]).toEqual([
      fixture(`stories-${codec}.parquet:7`),
      {
        text: '7번째 이야기예요. 옛날 옛적에 호랑이가 살았어요.',
        views: 70_000_000_000,
        messages: [
          { role: 'user', content: '7 더하기 1은?' },
          { role: 'assistant', content: '8이에요.', reasoning_content: '하나를 더한다.' },
        ],
      },
    ])
    expect(rows[5]?.[1]).toMatchObject({ title: '이야기 6' })
  })

  test('names a way of packing that it does not know', async () => {
    await expect(read(fixture('stories-lz4.parquet'))).rejects.toThrow(
      /stories-lz4\.parquet is packed by LZ4_RAW: write/,
    )
  })

  test('names the row group that is broken', async () => {
    const bytes = readFileSync(fixture('stories-zstd.parquet'))
    bytes.fill(255, 4, 60)
    await expect(read(file('bad.parquet', bytes))).rejects.toThrow(/bad\.parquet: row group 1 \(rows 1 to 3\)/)
    await expect(read(file('cut.parquet', bytes.subarray(0, 900)))).rejects.toThrow(/cut\.parquet: its footer/)
    await expect(read(file('no.parquet', 'text'))).rejects.toThrow(/no\.parquet: its footer/)
  })
})

describe('text', () => {
  test('is one document a file, empty lines and all', async () => {
    const text = '첫 문단.\n\n둘째 문단.\n'
    expect(await read(file('a.txt', text))).toEqual([['a.txt:1', { text }]])
    expect(await read(file('blank.txt', ' \n\n'))).toEqual([])
  })

  test('comes in several documents if very long, cut between paragraphs', async () => {
    const paragraph = `${'가나다라 '.repeat(5000)}\n둘째 줄.\n\n`
    const whole = paragraph.repeat(100)
    const pieces = await read(file('long.txt', whole))
    const texts = pieces.map(([, record]) => (record as { text: string }).text)
    expect(texts.length).toBeGreaterThan(2)
    expect(texts.join('')).toBe(whole)
    for (const text of texts) expect(text.slice(-9)).toBe(paragraph.slice(-9))
    expect(pieces[1]?.[0]).toBe(`long.txt:${(texts[0] ?? '').split('\n').length}`)
    // Even without a place to cut at.
    expect((await read(file('wall.txt', '가'.repeat(3 << 20)))).length).toBe(3)
  })

  test('of Markdown goes without front matter, whose title stays', async () => {
    const body = '# 제목\n\n글이에요.\n\n---\n\n끝.\n'
    expect(await read(file('a.md', `---\nid: 3\ntitle: "호랑이: 이야기"\r\n---\n${body}`))).toEqual([
      ['a.md:1', { title: '호랑이: 이야기', text: body }],
    ])
    expect(await read(file('b.md', `---\n---\n${body}`))).toEqual([['b.md:1', { text: body }]])
    expect(await read(file('c.md', body))).toEqual([['c.md:1', { text: body }]])
  })
})

describe('HTML', () => {
  const page = (body: string) => `<!doctype html><html><head><title>소식 - 우리 신문</title>
    <style>p { color: red }</style><script>var a = "<p>아니에요</p>"</script></head><body>${body}</body></html>`

  test('gives the main text and its heading', async () => {
    const body = `<header><h1>우리 신문</h1></header><nav><ul><li><a href="/">첫 화면</a></li></ul></nav>
      <main><article><header><h1>호랑이가
      나타났어요</h1></header><p>어제 <b>산</b>에서 호랑이가&nbsp;나타났어요.<br>사람들이 &quot;와!&quot; 했어요.
      <p>닫지 않은 문단이에요.</p><!-- 주석 --><ul><li>하나</li><li>둘</li></ul>
      <div><a href="/1">다른 기사</a> · <a href="/2">또 다른 기사</a></div>
      <p>더 보려면 <a href="/3">여기</a>를 누르면 돼요.</p><pre>첫 줄\n  둘째 줄</pre>
      <table><tr><td>서울</td><td>3도</td></tr></table><p hidden>숨은 글</p></article></main>
      <aside>광고</aside><p>본문 밖의 글이에요.</p><footer>저작권</footer>`
    expect(await read(file('a.html', page(body)))).toEqual([
      [
        'a.html:1',
        {
          title: '호랑이가 나타났어요',
          text: [
            '어제 산에서 호랑이가 나타났어요.',
            '사람들이 "와!" 했어요.',
            '닫지 않은 문단이에요.',
            '하나',
            '둘',
            '더 보려면 여기를 누르면 돼요.',
            '첫 줄',
            '  둘째 줄',
            '서울 3도',
          ].join('\n'),
        },
      ],
    ])
  })

  test('takes the whole body where no part is marked as the main one', async () => {
    const body =
      '<div role="navigation">메뉴</div><div>첫 글.<div>속의 글.</div>끝 글.</div><div id="f">&copy; 우리</div>'
    expect(await read(file('a.html', page(body)))).toEqual([
      ['a.html:1', { title: '소식 - 우리 신문', text: '첫 글.\n속의 글.\n끝 글.\n© 우리' }],
    ])
  })
})

describe('folders', () => {
  test('give all data files below them, sorted, without hidden and other ones', async () => {
    file('d/b.txt', '둘')
    file('d/a/z.jsonl', '{"text":"하나"}\n')
    file('d/c.HTML', '<p>셋')
    file('d/.git/x.txt', '아니')
    file('d/picture.png', '아니')
    expect(await read(join(folder, 'd'))).toEqual([
      ['d/a/z.jsonl:1', { text: '하나' }],
      ['d/b.txt:1', { text: '둘' }],
      ['d/c.HTML:1', { text: '셋' }],
    ])
  })

  test('count an empty file, and refuse a broken one', async () => {
    file('d/a.txt', '')
    file('d/b.txt', '둘')
    expect(await read(join(folder, 'd'))).toEqual([
      ['d/a.txt', undefined],
      ['d/b.txt:1', { text: '둘' }],
    ])
    file('d/c.txt', 'PK\0\0')
    await expect(read(join(folder, 'd'))).rejects.toThrow(/d\/c\.txt is a binary file/)
  })

  test('are refused if they hold no data', async () => {
    file('d/picture.png', '')
    await expect(read(join(folder, 'd'))).rejects.toThrow(/the folder .*d holds no data files: known are \.jsonl/)
  })
})

describe('refuses', () => {
  test.each([
    ['a.docx', /a\.docx has the extension \.docx: known are \.jsonl, \.json, \.tsv, \.txt, \.md, \.html .*\.parquet/],
    ['a.csv.gz', /a\.csv\.gz has the extension \.csv\.gz: known are/],
    ['README', /README has a name without extension: known are/],
  ])('%s, whose kind it does not know', async (name, message) => {
    await expect(read(file(name, 'text'))).rejects.toThrow(message)
  })

  test.each(['a.jsonl', 'a.json', 'a.tsv', 'a.txt', 'a.md', 'a.html', 'a.parquet'])(
    '%s if it is empty or missing',
    async name => {
      await expect(read(join(folder, name))).rejects.toMatchObject({ code: 'missing' })
      await expect(read(file(name, ''))).rejects.toMatchObject({
        code: 'empty',
        message: expect.stringContaining(name),
      })
    },
  )

  test('binary files, and Korean in another encoding', async () => {
    await expect(read(file('a.jsonl', new Uint8Array([137, 80, 78, 71, 0])))).rejects.toThrow(
      /a\.jsonl is a binary file/,
    )
    await expect(read(file('a.txt', new Uint8Array([0xb0, 0xa1, 0xb3, 0xaa])))).rejects.toThrow(
      /a\.txt is not UTF-8 text: .*iconv/,
    )
  })
})

describe('progress', () => {
  test('is the bytes of the files as they lie on the disk', async () => {
    const text = '글이에요. '.repeat(50_000)
    file('d/a.jsonl.gz', gzipSync(JSON.stringify({ text })))
    file('d/b.json', JSON.stringify([{ text }]))
    file('d/c.md', text)
    file('d/d.html', text)
    file('d/e.parquet', readFileSync(fixture('stories-zstd.parquet')))
    for (const name of ['a.jsonl.gz', 'b.json', 'c.md', 'd.html', 'e.parquet']) {
      const path = join(folder, 'd', name)
      let bytes = 0
      for await (const _ of records(path, more => {
        bytes += more
      }));
      expect(bytes).toBeCloseTo(statSync(path).size)
    }
  })
})

describe('memory', () => {
  /** Counts the characters of a file's texts in a process whose heap is smaller than the file. */
  function charactersInSmallHeap(path: string): number {
    const script = `import { records } from ${JSON.stringify(join(import.meta.dirname, 'records.ts'))}
      let characters = 0
      for await (const { record } of records(${JSON.stringify(path)})) characters += record.text.length
      console.log(characters)`
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--max-old-space-size=32', '--input-type=module', '--eval', script],
      { encoding: 'utf8' },
    )
    expect(stderr).toBe('')
    return Number(stdout)
  }

  test('does not grow with a compressed file of 64 MB', async () => {
    const path = join(folder, 'large.jsonl.gz')
    const text = 'The tiger smoked. '.repeat(3640)
    const lines = function* () {
      for (let n = 0; n < 1024; n++) yield `${JSON.stringify({ text })}\n`
    }
    await pipeline(lines, createGzip({ level: 1 }), createWriteStream(path))
    expect(charactersInSmallHeap(path)).toBe(1024 * text.length)
  })

  test('does not grow with the row groups of a parquet file', () => {
    // 32 groups of 32 texts: 64 MB as UTF-8, half as many characters.
    expect(charactersInSmallHeap(fixture('large.parquet'))).toBeGreaterThan(25 << 20)
  })
})
