import { digitsOf, end, type PersonalKind, type Rule, start } from './rule.ts'

const registrationWeights = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]

/** The last digit that the first twelve of a resident's (`shift` 11) or a foreigner's (13) registration number call for. */
function registrationCheck(digits: readonly number[], shift: 11 | 13): number {
  const sum = registrationWeights.reduce((total, weight, i) => total + weight * digits[i]!, 0)
  return (shift - (sum % 11)) % 10
}

/** Whether month and day of YYMMDD exist; the century does not matter but for 29 February, which we let pass. */
function isDate([, , m1, m2, d1, d2]: readonly number[]): boolean {
  const month = m1! * 10 + m2!
  const day = d1! * 10 + d2!
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(2000, month, 0).getDate()
}

/**
 * The kind of a thirteen-digit number that is a registration number. Numbers given since October 2020 are random and
 * have no check digit, so one that fails it still counts where a word before it says what it is.
 */
function registrationKind(number: string, before: string): PersonalKind | undefined {
  const digits = digitsOf(number)
  if (!isDate(digits)) return undefined
  const isForeign = digits[6]! >= 5 && digits[6]! <= 8
  const isLabelled = /(?:주민|외국인)\s?(?:등록)?\s?번호[^\d\n]{0,10}$/.test(before)
  if (!isLabelled && registrationCheck(digits, isForeign ? 13 : 11) !== digits[12]) return undefined
  return isForeign ? '외국인등록번호' : '주민등록번호'
}

/** Registration numbers of residents (주민등록번호) and foreigners (외국인등록번호): six digits of birth, seven more. */
export const registrationNumber: Rule = {
  pattern: new RegExp(`${start}\\d{6} ?[-\\u2010-\\u2015]? ?\\d{7}${end}`, 'g'),
  kind: registrationKind,
}
