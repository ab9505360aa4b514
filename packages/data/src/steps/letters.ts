export const scripts = ['hangul', 'latin', 'han', 'kana', 'cyrillic', 'other'] as const
export type Script = (typeof scripts)[number]

/** By UTF-16 unit: which script's letter it is, from 1, or 0. Letters beyond the first plane are nobody's here. */
const scriptOf = Uint8Array.from({ length: 0x10000 }, (_, code) => {
  const letter = String.fromCharCode(code)
  if (!/\p{L}/u.test(letter)) return 0
  if (code >= 0xac00 && code <= 0xd7a3) return 1
  if (/\p{Script=Latin}/u.test(letter)) return 2
  if (/\p{Script=Han}/u.test(letter)) return 3
  if (/[\p{Script=Hiragana}\p{Script=Katakana}ー]/u.test(letter)) return 4
  return /\p{Script=Cyrillic}/u.test(letter) ? 5 : 6
})

/** The letters of a text by script. Hangul means syllables; lone jamo (ㅋㅋ) are nobody's words and count as other. */
export function lettersByScript(text: string): Record<Script, number> {
  const counts = new Uint32Array(scripts.length + 1)
  for (let i = 0; i < text.length; i++) counts[scriptOf[text.charCodeAt(i)]!]!++
  const [, hangul, latin, han, kana, cyrillic, other] = counts as unknown as [number, ...number[]]
  return { hangul: hangul!, latin: latin!, han: han!, kana: kana!, cyrillic: cyrillic!, other: other! }
}

/** All letters counted. */
export const sumOfLetters = (letters: Readonly<Record<Script, number>>): number =>
  letters.hangul + letters.latin + letters.han + letters.kana + letters.cyrillic + letters.other
