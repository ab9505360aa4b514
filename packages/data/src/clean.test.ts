import { describe, expect, test } from 'vitest'
import * as clean from './clean.ts'

describe('normalise', () => {
  test('composes Hangul and drops what cannot be seen', () => {
    expect(clean.normalise('한국어'.normalize('NFD'))).toBe('한국어')
    expect(clean.normalise('가\r\n나\r다\u200b\u0000\ufeff')).toBe('가\n나\n다')
  })
})

describe('squeezing', () => {
  test('spaces', () => expect(clean.squeezeSpaces('  가  나\t다 \n\n\n\n 라\u00a0마 ')).toBe('가 나 다\n\n라 마'))
  test('repeats, but not digits', () => {
    expect(clean.squeezeRepeats('ㅋㅋㅋㅋㅋㅋ 좋아요!!!!! 100000원')).toBe('ㅋㅋㅋ 좋아요!!! 100000원')
  })
})

describe('markup', () => {
  test('code fences, closed and open', () => {
    expect(clean.stripCode('앞\n```js\nlet a = 1\n```\n뒤')).toBe('앞\n\n뒤')
    expect(clean.stripCode('앞\n  ~~~\nx\n')).toBe('앞\n')
    expect(clean.stripCode('앞 `코드` 뒤')).toBe('앞 `코드` 뒤')
    expect(clean.stripCode('앞\n~~~ 정말 좋다\n뒤')).toBe('앞\n~~~ 정말 좋다\n뒤')
  })

  test('HTML tags, comments, scripts, entities', () => {
    expect(clean.stripHtml('<p class="a">가<sup>TM</sup></p><!-- 숨김 -->나')).toBe('가TM\n나')
    expect(clean.stripHtml('가<script>let x</script>나 &lt;다&gt; &amp; &#54620; &#x2019; &unknown;')).toBe(
      '가나 <다> & 한 ’ &unknown;',
    )
    expect(clean.stripHtml('3 < 5 그리고 7 > 2')).toBe('3 < 5 그리고 7 > 2')
  })

  test('Markdown', () => {
    const source = [
      '---\ntitle: x\n---\n# 제목 {#id}',
      '> **굵은** 글과 *기울인* 글, `코드`',
      '- [링크](https://a.b/c) ![그림](x.png)',
      '| a | b |',
      '[ref]: https://a.b',
      '2 * 3 * 4',
    ].join('\n')
    expect(clean.squeezeSpaces(clean.stripMarkdown(source))).toBe('제목\n굵은 글과 기울인 글, 코드\n링크\n\n2 * 3 * 4')
  })

  test('stars that hide names or make faces are no emphasis', () => {
    for (const text of ['**나 ****의 사례', '******연합회와 **교회', '김** 씨와 이** 씨', '좋아요*^^* 정말*.*']) {
      expect(clean.stripMarkdown(text)).toBe(text)
    }
    expect(clean.stripMarkdown('**굵은 글**과 **가** 그리고 *a*, *1*번')).toBe('굵은 글과 가 그리고 a, 1번')
    expect(clean.stripMarkdown('***둘 다***인 글, ***새* 객체를 전하세요**.')).toBe('둘 다인 글, 새 객체를 전하세요.')
  })

  test('dots before a sentence are no comment', () => {
    expect(clean.stripRst('.. 할 말이 없네\n.. comment\n.. [1] 각주')).toBe('.. 할 말이 없네\n\n')
  })

  test('reStructuredText', () => {
    const source = [
      '제목',
      '=====',
      '.. _label:',
      '.. code-block:: python',
      '',
      '   import x',
      '',
      '   y = 1',
      '',
      '``코드`` 와 :doc:`문서 </a/b>` 그리고 `이름 <https://a.b>`_',
      '.. note::',
      '   알림',
      '',
    ].join('\n')
    expect(clean.squeezeSpaces(clean.stripRst(source))).toBe('제목\n\n코드 와 문서 그리고 이름\n\n알림')
  })

  test('wiki', () => {
    expect(
      clean.stripWiki("'''가나''' {{틀|x}}[[서울특별시|서울]]의 [[한강]]<ref>각주</ref>[[분류:강]]\n== 지리 =="),
    ).toBe('가나 서울의 한강\n지리')
  })

  test('addresses', () => {
    expect(clean.stripUrls('여기(https://a.b/c?d=e)와 www.x.kr에서 me@a.co.kr로')).toBe('여기와 에서 로')
  })
})

describe('filters', () => {
  test('share of Hangul among letters', () => {
    expect(clean.hangulShare('한국 ab 12')).toBe(0.5)
    expect(clean.hangulShare('123 !')).toBe(0)
  })

  test('foreign lines go, short and Korean ones stay', () => {
    expect(clean.dropForeignLines('한국어 문장 React\nThis is English.\n1.\n끝')).toBe('한국어 문장 React\n1.\n끝')
  })

  test('insults', () => {
    expect(clean.isInsulting('이런 쓰레기 영화')).toBe(true)
    expect(clean.isInsulting('출발 시발점이 좋다')).toBe(false)
    expect(clean.isInsulting('감동적인 영화였다')).toBe(false)
  })

  test('cleanText leaves plain prose as it is', () => {
    const prose = '옛날에 토끼가 살았어요. "안녕!" 하고 인사했지요.\n\n그래서 모두 웃었답니다.'
    expect(clean.cleanText(prose)).toBe(prose)
  })
})
