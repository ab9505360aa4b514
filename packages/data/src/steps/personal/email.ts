import type { Rule } from './rule.ts'

/**
 * E-mail addresses, but not the user of Git hosts nor the domain of examples (RFC 2606). The look-behind makes the search
 * linear: a run of name characters is entered at its beginning only.
 */
export const email: Rule = {
  pattern: /(?<![\w.%+-])(?!git@)[\w.%+-]{1,64}@(?!example\.)(?:[A-Za-z\d-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![\w-])/g,
  kind: () => '이메일',
}
