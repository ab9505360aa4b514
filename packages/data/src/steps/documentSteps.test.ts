import { describe, expect, test } from 'vitest'
import { Contamination } from './contamination.ts'
import { documentSteps } from './documentSteps.ts'

const steps = documentSteps({ skip: [], minCharacters: 1, minHangul: 0 }, new Contamination().share())

test('steps that are skipped are left out, the others stay in order', () => {
  const some = documentSteps(
    { skip: ['markup', 'words', 'nearDuplicates'], minCharacters: 1, minHangul: 0 },
    new Contamination().share(),
  )
  expect(some.map(([name]) => name)).toEqual([
    'unicode',
    'boilerplate',
    'spacing',
    'language',
    'quality',
    'personalData',
    'contamination',
  ])
})

// A pattern whose time grows with the square of the text would take hours for one of these.
const parts =
  '< [ * ** ~ ` = ㅋ > 1 - _ [[ {{ {| | " \' :: ( 가 a 1- (c)_ 홍길동_기자_ <table> <!-- <script> 홈_>_ ⓒ_ 저작권자_무단_ 가· [가]( ![ .. www. ' +
  'http:// [http://a_ <a_ <ref_ <ref> #_ *가_ __a `a_< :a: 가@ (서울=가나 가가기자_=_ <a_b=" 대표:_ 조건_ Ａ &# \u1100 \u00a0'
describe('no text takes a step long', () => {
  test.each([
    ' ',
    '\n',
    '가 \n',
    '```\n',
    '~~~a\n',
    '|a|\n',
    ...parts.split(' ').map(part => part.replaceAll('_', ' ')),
  ])('%j again and again', part => {
    const text = `${part.repeat(100_000 / part.length)} 끝`
    for (const [, step] of steps) step(text)
  })
})
