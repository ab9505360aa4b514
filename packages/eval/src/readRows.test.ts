import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readLines, readRows, sample, textField } from './readRows.ts'
import { testFolder } from './testModel.ts'

const { write } = testFolder()

describe('readRows', () => {
  test('reads arrays, lines and tables alike, packed or not', async () => {
    const expected = [
      { a: '가', b: 'x "y"' },
      { a: '나', b: '' },
    ]
    const lines = expected.map(row => JSON.stringify(row)).join('\n')
    const table = 'a\tb\n가\tx "y"\n나\t\n'
    const fields = async (path: string) => (await readRows(path)).map(row => row.fields)
    expect(await fields(write('rows.json', JSON.stringify(expected, undefined, 2)))).toEqual(expected)
    expect(await fields(write('rows.jsonl', `${lines}\n`))).toEqual(expected)
    expect(await fields(write('rows.tsv', table))).toEqual(expected)
    expect(await fields(write('rows.tsv.gz', gzipSync(table)))).toEqual(expected)
  })

  test.each([
    ['empty.jsonl', '', /empty\.jsonl is empty/],
    ['empty.json', '[]', /empty\.json has no rows/],
    ['head.tsv', 'a\tb\n', /head\.tsv has no rows/],
    ['short.tsv', 'a\tb\n1\t2\n3\n', /short\.tsv:3: no row: .* columns/],
    ['broken.jsonl', '{"a":1}\n\n{"a":\n', /broken\.jsonl:3: no row: not a JSON object/],
    ['numbers.json', '[{"a":1}, 7]', /numbers\.json:2: no row: not a JSON object/],
  ])('refuses %s', async (name, contents, message) => {
    await expect(readRows(write(name, contents))).rejects.toThrow(message)
  })
})

test('readLines passes over blank lines', async () => {
  expect(await readLines(write('prompts.txt', '안녕!\r\n\n  \n뭐 해?\n'))).toEqual(['안녕!', '뭐 해?'])
  await expect(readLines(write('none.txt', '\n \n'))).rejects.toThrow(/none\.txt is empty/)
})

test('textField takes the first name that is there and names the place of what is missing', () => {
  const row = { place: 'nli.tsv:4', fields: { sentence1: '비가 온다.', label: 3 } }
  expect(textField(row, ['premise', 'sentence1'])).toBe('비가 온다.')
  expect(() => textField(row, ['hypothesis', 'sentence2'])).toThrow(
    'nli.tsv:4: the field hypothesis or sentence2 is missing',
  )
  expect(() => textField(row, ['label'])).toThrow('nli.tsv:4: the field label is not a text but 3')
})

describe('sample', () => {
  const items = Array.from({ length: 50 }, (_, i) => i)

  test('keeps the order, takes as many as asked for, and follows the seed', () => {
    const taken = sample(items, 12, 7)
    expect(taken).toHaveLength(12)
    expect(taken).toEqual([...taken].sort((a, b) => a - b))
    expect(new Set(taken).size).toBe(12)
    expect(sample(items, 12, 7)).toEqual(taken)
    expect(sample(items, 12, 8)).not.toEqual(taken)
    expect(sample(items, 0, 7)).toEqual(items)
    expect(sample(items, 80, 7)).toEqual(items)
  })

  test('takes each as often as any other', () => {
    const counts = Array(50).fill(0)
    for (let seed = 0; seed < 2000; seed++) for (const item of sample(items, 10, seed)) counts[item]++
    // 400 expected, standard deviation 18.
    for (const count of counts) expect(Math.abs(count - 400)).toBeLessThan(90)
  })
})
