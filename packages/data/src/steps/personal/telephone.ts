import { end, type Rule, start } from './rule.ts'

// Separators that people put between groups of digits.
const gap = '[-.· \\u2010-\\u2015]'

const mobile = `(?:(?:\\+|00)?82${gap}?(?:\\(0\\)|0)?${gap}?1[016-9]|01[016-9]\\)?|\\(01[016-9]\\))${gap}{0,3}\\d{3,4}${gap}{0,3}\\d{4}`
const areaCode = '(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|80|50\\d?)'
const landline = `(?:(?:\\+|00)82${gap}?(?:\\(0\\)|0)?${areaCode}|\\(0${areaCode}\\)|0${areaCode}\\)?(?=${gap}|(?<=\\))))${gap}{0,3}\\d{3,4}${gap}{1,3}\\d{4}`
const label = '(?<=(?:전화|연락처|휴대폰|핸드폰|팩스|[Tt][Ee][Ll]|[Ff][Aa][Xx]|☎|☏)[^\\d\\n]{0,8})'

/**
 * Telephone numbers: mobile, with area code, from abroad (+82), in the ways that people write them. Run together only
 * mobile ones, and others behind a word such as 전화. Numbers that companies share (1588-1234) are nobody's.
 */
export const telephone: Rule = {
  pattern: new RegExp(`${start}(?:${mobile}|${landline}|${label}0\\d{8,10})${end}`, 'g'),
  kind: () => '전화번호',
}
