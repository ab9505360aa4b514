import { digitsOf, end, type Rule, start } from './rule.ts'

/** The check of card numbers (ISO/IEC 7812): every second digit from the right doubled, the digits sum to a multiple of 10. */
function passesLuhn(number: string): boolean {
  const sum = digitsOf(number)
    .reverse()
    .reduce((total, digit, i) => total + (i % 2 === 0 ? digit : digit < 5 ? digit * 2 : digit * 2 - 9), 0)
  return sum % 10 === 0
}

const groups = `(?:(?:[3-69]\\d{3}|2[2-7]\\d\\d)([- ])\\d{4}\\1\\d{4}\\1\\d{4}|3[47]\\d\\d([- ])\\d{6}\\2\\d{5})`
const run = '(?:(?:4\\d|5[1-5]|35|6[0245]|9\\d)\\d{14}|3[47]\\d{13})'

/** Numbers of credit and debit cards: 15 or 16 digits, in groups or run together. */
export const card: Rule = {
  pattern: new RegExp(`${start}(?:${groups}|${run})${end}`, 'g'),
  kind: match => (passesLuhn(match) ? '카드번호' : undefined),
}
