import { normalise } from '../clean.ts'
import { type Kept, repair } from './step.ts'

/*
 * NFC for everything; NFKC only for forms that differ in how they are drawn and not in what they say: wide and narrow
 * forms, vertical and small punctuation, ligatures, mathematical alphabets used as lettering (𝐇𝐞𝐥𝐥𝐨), units and words
 * squeezed into one character (㎏, ㈜, ℃).
 *
 * NFKC of all would do harm: ㅋㅋ and ㅠㅠ, which are compatibility jamo, would become conjoining jamo that no keyboard
 * writes, and ², ½, ①, ™ and Ⅳ would lose what they say.
 */
const drawnOtherwise =
  /[\uff01-\uff9f\uffe0-\uffe2\uffe4-\uffe6\uffe8-\uffee\ufe10-\ufe19\ufe30-\ufe44\ufe47-\ufe6b\ufb00-\ufb06\u320e-\u3243\u32c0-\u33ff\u2103\u2109\u2113\u2116\u2121\u{1d400}-\u{1d7ff}]+/gu

/** ㎡, ㎢, ㎥, …: NFKC would make m2 of them. */
const powers = /[\u339f-\u33a6\u33a8\u33af]/g
const raised: Readonly<Record<string, string>> = { 2: '²', 3: '³' }

/** A dot between words that Korean keyboards write as 아래아 (ㆍ) and Japanese fonts as ・; real vowels stand beside jamo. */
const middleDot = /(?<![ㄱ-ㆎぁ-ヿ])[ㆍ・‧](?![ㄱ-ㆎぁ-ヿ])/g

/** Narrow Hangul letters as the compatibility jamo that are everyday writing. */
const narrowJamo = /[\uffa1-\uffbe\uffc2-\uffc7\uffca-\uffcf\uffd2-\uffd7\uffda-\uffdc]/g
function wideJamo(narrow: string): string {
  const code = narrow.charCodeAt(0)
  if (code <= 0xffbe) return String.fromCharCode(code - 0xffa1 + 0x3131)
  // Vowels lie in rows of six, eight places apart.
  const vowel = code - 0xffc2
  return String.fromCharCode(0x314f + 6 * (vowel >> 3) + (vowel & 7))
}

/** Compatibility forms as plain characters, where nothing is lost by it. */
export const plainForms = (text: string): string =>
  text
    .replace(narrowJamo, wideJamo)
    .replace(powers, unit => unit.normalize('NFKC').replace(/[23]$/, digit => raised[digit]!))
    .replace(drawnOtherwise, run => run.normalize('NFKC'))
    .replace(/[\u2044\u2215]/g, '/')
    .replace(middleDot, '·')
    .normalize('NFC')

const leading = 'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ'
const vowels = 'ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ'
const trailing = 'ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ'
const jamoOf = new Map<string, string>(
  (
    [
      [leading, 0x1100],
      [vowels, 0x1161],
      [trailing, 0x11a8],
    ] as const
  ).flatMap(([letters, first]) => [...letters].map((letter, i) => [String.fromCharCode(first + i), letter] as const)),
)

/** Conjoining jamo that NFC leaves alone are ㅋㅋ and ㅠㅠ gone through NFKC elsewhere; runs with old letters are old Korean. */
export const plainJamo = (text: string): string =>
  text.replace(/[\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb]+/g, run =>
    [...run].every(jamo => jamoOf.has(jamo)) ? [...run].map(jamo => jamoOf.get(jamo)).join('') : run,
  )

/** `normalise`, and other line ends than \n; icons of private fonts, fillers and soft hyphens go. */
const withoutInvisible = (text: string): string =>
  normalise(
    text.replace(/[\u0085\u2028\u2029]/g, '\n').replace(/[\u00ad\u3164\uffa0\ue000-\uf8ff\u{f0000}-\u{10ffff}]/gu, ''),
  )

/** Spaces of other widths, and those that keep a line together. */
const plainSpaces = (text: string): string => text.replace(/[\u00a0\u2000-\u200a\u202f\u205f\u3000]/g, ' ')

const repairs = {
  composed: (text: string) => text.normalize('NFC'),
  invisible: withoutInvisible,
  spaces: plainSpaces,
  jamo: plainJamo,
  compatibility: plainForms,
}

/** What no repair touches: most Korean text is nothing else. */
const plain = /^[\n\u0020-\u007e가-힣ㄱ-ㅣ·…“”‘’]*$/

/** One way of writing each character: see the head of this file for which compatibility forms go. */
export const unicodeStep = (text: string): Kept => (plain.test(text) ? { text } : repair(text, repairs))
