import { afterAll, expect, test } from 'vitest'
import { trainTokenizer } from '../bpeTrainer.ts'
import { Tokenizer } from '../tokenizer.ts'
import { GrammarText } from './grammar.ts'
import { PatternError, patternGrammar } from './pattern.ts'

const tokenizer = new Tokenizer(await trainTokenizer(['가나다'], { vocabularySize: 275 }))
const end = tokenizer.controlId('<|end|>')
const texts: GrammarText[] = []
afterAll(() => {
  for (const text of texts) text.release()
})

/** Whether the grammar of a pattern takes a text, as it stands in a JSON string. */
async function takes(pattern: string, said: string): Promise<boolean> {
  const text = new GrammarText(tokenizer, `root ::= ${patternGrammar(pattern).text}\n`, [end])
  texts.push(text)
  await text.prepare()
  return [...tokenizer.encodePlain(JSON.stringify(said).slice(1, -1)), end].every(id => {
    const logits = new Float32Array(tokenizer.vocabularySize)
    text.forbid(logits)
    text.follow(id)
    return logits[id] === 0
  })
}

test.each<[pattern: string, taken: string[], refused: string[]]>([
  ['^ab?c*$', ['a', 'ab', 'abcc'], ['', 'b', 'abb', 'xa']],
  ['a|bc|', ['a', 'bc', ''], ['ab', 'c']],
  ['(?:a|b){2,3}x+?', ['abx', 'aaaxx'], ['ax', 'aaaax']],
  ['(?<year>\\d{4})-\\d+', ['2026-1'], ['226-1', '2026-']],
  ['[가-힣]+', ['가', '힣', '나라말'], ['a', 'ㄱ', '一', '힤']],
  ['[^가-힣a]', ['b', 'ㄱ', '😀', '一', '힤'], ['가', 'a', '힣']],
  ['[ㄱ-ㅎ😀-😂é]', ['ㄱ', 'ㅎ', '😁', 'é'], ['ㅏ', '😃', 'e']],
  ['[^\\d\\s]', ['a', '가'], ['1', ' ']],
  ['\\D\\W\\S', ['a-b', '가 나'], ['1-b', 'aab']],
  ['["\\\\\\n\\t/]', ['"', '\\', '\n', '/'], ['n', 'a']],
  ['\\u{1F600}\\uac00\\x41\\.\\$', ['😀가A.$'], ['😀가A..']],
  ['[\\]\\-a]', [']', '-', 'a'], ['b', '\\']],
  ['.', ['a', '가', '😀'], ['', 'ab']],
])('%s', async (pattern, taken, refused) => {
  for (const text of taken) expect([text, await takes(pattern, text)]).toEqual([text, true])
  for (const text of refused) expect([text, await takes(pattern, text)]).toEqual([text, false])
})

test.each([
  ['(?=a)b', 'a look-around'],
  ['(?<!a)b', 'a look-around'],
  ['(a)\\1', "'\\1'"],
  ['\\bword', "'\\b'"],
  ['\\p{L}', "'\\p'"],
  ['a^b', "'^'"],
  ['(a$)', "'$'"],
  ['\\ud83d', 'half a character'],
  ['[]', 'an empty class'],
  ['(?:a{30}){30}', 'more than 512 characters'],
])('%s is refused', (pattern, problem) => {
  expect(() => patternGrammar(pattern)).toThrow(PatternError)
  expect(() => patternGrammar(pattern)).toThrow(problem)
})
