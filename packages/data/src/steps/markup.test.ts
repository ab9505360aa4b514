import { expect, test } from 'vitest'
import { markupStep } from './markup.ts'

test('markup of several notations goes, what it marks stays, and so do mail addresses', () => {
  const text = '# 제목\n<p>여기 **굵은** [링크](https://a.kr/b)와 [[위키|백과]]</p>\n문의 me@a.kr https://a.kr'
  expect(markupStep(text)).toEqual({
    text: '제목\n여기 굵은 링크와 백과\n\n문의 me@a.kr ',
    found: { wiki: 1, markdown: 1, html: 1, webAddresses: 1 },
  })
})

test('a document that is nothing but markup is dropped', () => {
  expect(markupStep('```js\nlet a = 1\n```\n')).toEqual({ dropped: 'empty', found: { code: 1 } })
})

test('prose stays', () => {
  const text = '3 < 5이고 2 * 3 * 4는 24이다.\n~~~ 정말요?\n네.'
  expect(markupStep(text)).toEqual({ text, found: {} })
})
