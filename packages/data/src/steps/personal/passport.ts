import type { Rule } from './rule.ts'

/**
 * Numbers of passports. Since December 2021 a letter stands in the middle (M123A4567), which nothing else looks like; older
 * ones count behind the word only.
 */
export const passport: Rule = {
  pattern:
    /(?<![A-Za-z\d])(?:[MSRODG]\d{3}[A-Z]\d{4}|(?<=(?:여권|[Pp]assport)[^\d\n]{0,15})[A-Z]{1,2}\d{7,8})(?![A-Za-z\d])/g,
  kind: () => '여권번호',
}
