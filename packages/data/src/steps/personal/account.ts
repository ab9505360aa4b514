import { digitsOf, end, type Rule, start } from './rule.ts'

/** Dates and telephone numbers beside a bank's name are no accounts: those have 10 to 14 digits and are neither. */
function isAccount(number: string): boolean {
  const { length } = digitsOf(number)
  return length >= 10 && length <= 14 && !/^(?:(?:19|20)\d\d-\d\d-\d\d|0\d{1,2}-\d{3,4}-\d{4}$)/.test(number)
}

// Many are everyday words (우리, 하나), so a number has to stand right beside them.
const banks =
  '(?:카카오뱅크|케이뱅크|토스뱅크|새마을금고|우체국|신협|축협|(?:KB국민|국민|신한|우리|KEB하나|하나|외환|IBK기업|기업|산업|SC제일|제일|한국씨티|씨티|부산|대구|iM|경남|광주|전북|제주|NH농협|농협|수협|저축)(?:은행)?)'
const number = '(?:\\d{2,6}-\\d{2,6}-\\d{2,7}(?:-\\d{1,3})?|\\d{10,14})'
const nameBefore = `(?<=(?:${banks}\\s?[:(]?\\s?|${banks}\\s통장[^\\d\\n]{0,12}|은행[^\\d\\n]{0,12}|계좌[^\\d\\n]{0,15}))`
const nameBehind = `(?=\\s?[,(/]?\\s?${banks})`

/** Numbers of bank accounts. They have no form and no check digit of their own, so a bank or the word 계좌 has to be beside them. */
export const account: Rule = {
  pattern: new RegExp(`(?:${nameBefore}${number}${end}|${start}${number}${nameBehind})`, 'g'),
  kind: match => (isAccount(match) ? '계좌번호' : undefined),
}
