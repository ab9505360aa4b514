import { account } from './personal/account.ts'
import { address } from './personal/address.ts'
import { card } from './personal/card.ts'
import { email } from './personal/email.ts'
import { passport } from './personal/passport.ts'
import { registrationNumber } from './personal/registrationNumber.ts'
import type { PersonalKind, Rule } from './personal/rule.ts'
import { telephone } from './personal/telephone.ts'
import type { Kept } from './step.ts'

export interface Masked {
  readonly text: string
  /** How many of each kind were masked; kinds of which there were none are left out. */
  readonly counts: Readonly<Partial<Record<PersonalKind, number>>>
}

// In this order: what needs a word beside it or a check digit before what only looks right.
const rules: readonly Rule[] = [email, registrationNumber, account, card, telephone, passport, address]

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

/** Masks personal data; never drops a document for it. */
export function personalDataStep(text: string): Kept {
  const masked = maskPersonalData(text)
  return { text: masked.text, found: masked.counts }
}
