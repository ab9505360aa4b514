import type { KeyTerms } from './keys.ts'

/** The terms of a key that may do everything but administer, for tests. */
export const unlimited: Omit<KeyTerms, 'name'> = {
  models: null,
  admin: false,
  requestsPerMinute: null,
  tokensPerMinute: null,
  tokensPerMonth: null,
  expiresAt: null,
}
