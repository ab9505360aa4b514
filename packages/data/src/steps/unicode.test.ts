import { expect, test } from 'vitest'
import { unicodeStep } from './unicode.ts'

test.each([
  ['Hangul is composed', '한글'.normalize('NFD'), '한글', 'composed'],
  ['wide ASCII and spaces', 'ＡＢＣ　１２３（주）～！', 'ABC 123(주)~!', 'compatibility'],
  ['other spaces', '가\u00a0나\u2003다', '가 나 다', 'spaces'],
  ['narrow Hangul becomes everyday jamo', 'ﾻﾻ ￗￗ ﾡￂ', 'ㅋㅋ ㅠㅠ ㄱㅏ', 'compatibility'],
  ['narrow kana', 'ｶﾞｲﾄﾞ', 'ガイド', 'compatibility'],
  [
    'units and words in one character',
    '㈜모두 5㎏ 3㎡ 2㎤ 20℃ 10㎞',
    '(주)모두 5kg 3m² 2cm³ 20°C 10km',
    'compatibility',
  ],
  ['lettering', '𝐇𝐞𝐥𝐥𝐨 ﬁn', 'Hello fin', 'compatibility'],
  ['the dot between words', '경제ㆍ사회', '경제·사회', 'compatibility'],
  ['stray conjoining jamo', '\u110f\u110f\u110f \u1172\u1172', 'ㅋㅋㅋ ㅠㅠ', 'jamo'],
  ['what cannot be seen', '가\u200b나\u00ad다\ue012\r\n라\u2028마', '가나다\n라\n마', 'invisible'],
])('%s', (_, text, plain, kind) => {
  const outcome = unicodeStep(text)
  expect(outcome.text).toBe(plain)
  expect(outcome.found).toHaveProperty(kind, 1)
  expect(unicodeStep(plain)).toMatchObject({ text: plain })
})

test.each([
  'ㅋㅋㅋ ㅠㅠ ㅇㅋ ㄱㅅ',
  'E=mc² ½컵 ① 첫째 ㉠ 상표™ Ⅳ장 …',
  '“따옴표” ‘작은’ 「낫표」 、。',
  '漢字와 カタカナ・ひらがな',
  '나랏말ᄊᆞ미 듕귁에',
  'ㆎ와 ㅏㆍㅓ',
  '😀 👍🏽 ❤️',
])('%s stays', text => expect(unicodeStep(text)).toMatchObject({ text }))
