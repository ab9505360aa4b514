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

/** How one form of personal data is recognised. */
export interface Rule {
  readonly pattern: RegExp
  /** The kind of a match, or undefined where it is none after all; `before` is what stands in front of it. */
  kind(match: string, before: string): PersonalKind | undefined
}

// A number does not begin or end inside a longer number, decimal or code.
export const start = '(?<![\\dA-Za-z_/=-]|\\d[ .,])'
export const end = '(?![\\d_]|[.,-]\\d)'

export const digitsOf = (text: string): number[] => Array.from(text.replace(/\D/g, ''), Number)
