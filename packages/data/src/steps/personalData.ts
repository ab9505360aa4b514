import { district, province } from './districts.ts'

/** What is masked; the word itself stands in the text, in brackets, where the data stood. */
export const personalKinds = [
  '주민등록번호',
  '외국인등록번호',
  '카드번호',
  '계좌번호',
  '전화번호',
  '여권번호',
  '이메일',
  '주소',
] as const
export type PersonalKind = (typeof personalKinds)[number]

export interface Masked {
  readonly text: string
  /** How many of each kind were masked; kinds of which there were none are left out. */
  readonly counts: Readonly<Partial<Record<PersonalKind, number>>>
}

const digitsOf = (text: string): number[] => Array.from(text.replace(/\D/g, ''), Number)

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

/** The check of card numbers (ISO/IEC 7812): every second digit from the right doubled, the digits sum to a multiple of 10. */
function passesLuhn(number: string): boolean {
  const sum = digitsOf(number)
    .reverse()
    .reduce((total, digit, i) => total + (i % 2 === 0 ? digit : digit < 5 ? digit * 2 : digit * 2 - 9), 0)
  return sum % 10 === 0
}

/** Dates and telephone numbers beside a bank's name are no accounts: those have 10 to 14 digits and are neither. */
function isAccount(number: string): boolean {
  const { length } = digitsOf(number)
  return length >= 10 && length <= 14 && !/^(?:(?:19|20)\d\d-\d\d-\d\d|0\d{1,2}-\d{3,4}-\d{4}$)/.test(number)
}

interface Rule {
  readonly pattern: RegExp
  /** The kind of a match, or undefined where it is none after all; `before` is what stands in front of it. */
  kind(match: string, before: string): PersonalKind | undefined
}

const always = (kind: PersonalKind) => () => kind

// A number does not begin or end inside a longer number, decimal or code.
const start = '(?<![\\dA-Za-z_/=-]|\\d[ .,])'
const end = '(?![\\d_]|[.,-]\\d)'

// Separators that people put between groups of digits.
const gap = '[-.· \\u2010-\\u2015]'

const registration = new RegExp(`${start}\\d{6} ?[-\\u2010-\\u2015]? ?\\d{7}${end}`, 'g')

const cardGroups = `(?:(?:[3-69]\\d{3}|2[2-7]\\d\\d)([- ])\\d{4}\\1\\d{4}\\1\\d{4}|3[47]\\d\\d([- ])\\d{6}\\2\\d{5})`
const cardRun = '(?:(?:4\\d|5[1-5]|35|6[0245]|9\\d)\\d{14}|3[47]\\d{13})'
const card = new RegExp(`${start}(?:${cardGroups}|${cardRun})${end}`, 'g')

// Names that mean a bank by themselves, and those that are everyday words unless 은행 or a number follows.
const banks =
  '(?:카카오뱅크|케이뱅크|토스뱅크|새마을금고|우체국|신협|수협|축협|농협|저축은행|(?:국민|신한|우리|하나|외환|기업|산업|SC제일|제일|씨티|한국씨티|부산|대구|iM|경남|광주|전북|제주|농협|수협|IBK기업|KB국민|NH농협|KEB하나)(?:은행)?)'
const accountNumber = '(?:\\d{2,6}-\\d{2,6}-\\d{2,7}(?:-\\d{1,3})?|\\d{10,14})'
const accountAfterName = new RegExp(
  `(?<=(?:${banks}\\s?[:(]?\\s?|${banks}\\s(?:계좌|통장)[^\\d\\n]{0,12}|은행[^\\d\\n]{0,12}|계좌[^\\d\\n]{0,15}))${accountNumber}${end}`,
  'g',
)
const accountBeforeName = new RegExp(`${start}${accountNumber}(?=\\s?[,(/]?\\s?${banks})`, 'g')

const mobile = `(?:(?:\\+|00)?82${gap}?(?:\\(0\\)|0)?${gap}?1[016-9]|01[016-9]\\)?|\\(01[016-9]\\))${gap}{0,3}\\d{3,4}${gap}{0,3}\\d{4}`
const areaCode = '(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|80|50\\d?)'
const landline = `(?:(?:\\+|00)82${gap}?(?:\\(0\\)|0)?${areaCode}|\\(0${areaCode}\\)|0${areaCode}\\)?(?=${gap}|(?<=\\))))${gap}{0,3}\\d{3,4}${gap}{1,3}\\d{4}`
const phoneLabel = '(?<=(?:전화|연락처|휴대폰|핸드폰|팩스|[Tt][Ee][Ll]|[Ff][Aa][Xx]|☎|☏)[^\\d\\n]{0,8})'
const phone = new RegExp(`${start}(?:${mobile}|${landline}|${phoneLabel}0\\d{8,10})${end}`, 'g')

// Since December 2021 a letter stands in the middle (M123A4567), which nothing else looks like; older ones need a label.
const passport =
  /(?<![A-Za-z\d])(?:[MSRODG]\d{3}[A-Z]\d{4}|(?<=(?:여권|[Pp]assport)[^\d\n]{0,15})[A-Z]{1,2}\d{7,8})(?![A-Za-z\d])/g

// Not the user of Git hosts, nor the domain of examples (RFC 2606). The look-behind makes the search linear: a run of name characters is entered at its beginning only.
const email = /(?<![\w.%+-])(?!git@)[\w.%+-]{1,64}@(?!example\.)(?:[A-Za-z\d-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![\w-])/g

const region = `(?:${province} ?${district}|${province}|${district})(?: ${district})?(?: [가-힣\\d]{1,8}[읍면동])?`
// 로 is also a particle (앞으로 3명, 실제로 2번): adverbs are no roads, and a counted thing is no house number.
const road =
  '(?![가-힣]*(?:으로|대로는) )(?:\\d[\\d.·]{0,4})?[가-힣][가-힣\\d.·]{0,11}?(?:로|길)(?: ?\\d{1,4}(?:번|[가-하])?길)?'
const counted =
  '(?![\\d:.]|,\\d|\\s?(?:가|개|명|년|월|일|시간|분|초|원|만|천|억|위|차|회|배|살|세|%|퍼센트|킬로|미터|㎞|km|m\\b|대|인|곳|주|번(?!지|길)))'
const building = '(?:\\s?,?\\s?\\([^)\\n]{1,25}\\))?'
const unit =
  '(?:,?\\s[가-힣A-Za-z\\d]{1,15}(?:아파트|빌라|빌딩|오피스텔|타워|맨션|주택))?(?:,?\\s?(?:제?\\d{1,4}|[가-하A-Z])동)?(?:,?\\s?(?:지하\\s?)?\\d{1,3}층)?(?:,?\\s?(?:제?\\d{1,4}|[A-Z]\\d{1,4})호)?'
const roadAddress = `(?:${region} |(?<=주소\\s?[:은는가]?\\s{0,2}))${road} ?(?:지하 ?)?\\d{1,5}(?:-\\d{1,4})?(?:번지)?`
const lot = '(?:산 ?)?(?:\\d{1,4}-\\d{1,4}(?:번지)?|\\d{1,4} ?번지|\\d{1,4}(?!\\d|\\s?[가-힣]|[.,]\\d))'
const lotAddress = `${region} [가-힣\\d]{1,8}(?:동|리|가) ${lot}`
const address = new RegExp(`(?<![가-힣])(?:${roadAddress}|${lotAddress})${counted}${building}${unit}`, 'g')

// In this order: what needs a word beside it or a check digit before what only looks right.
const rules: readonly Rule[] = [
  { pattern: email, kind: always('이메일') },
  { pattern: registration, kind: registrationKind },
  { pattern: accountAfterName, kind: match => (isAccount(match) ? '계좌번호' : undefined) },
  { pattern: accountBeforeName, kind: match => (isAccount(match) ? '계좌번호' : undefined) },
  { pattern: card, kind: match => (passesLuhn(match) ? '카드번호' : undefined) },
  { pattern: phone, kind: always('전화번호') },
  { pattern: passport, kind: always('여권번호') },
  { pattern: address, kind: always('주소') },
]

/** Replaces personal data by its kind in brackets: 010-1234-5678 becomes [전화번호]. */
export function maskPersonalData(text: string): Masked {
  if (!/[\d@]/.test(text)) return { text, counts: {} }
  const counts: Partial<Record<PersonalKind, number>> = {}
  let masked = text
  for (const { pattern, kind } of rules) {
    masked = masked.replace(pattern, (match: string, ...rest: unknown[]) => {
      const whole = rest.at(-1) as string
      const offset = rest.at(-2) as number
      const found = kind(match, whole.slice(Math.max(0, offset - 30), offset))
      if (!found) return match
      counts[found] = (counts[found] ?? 0) + 1
      return `[${found}]`
    })
  }
  return { text: masked, counts }
}
