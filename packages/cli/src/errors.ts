import { localized, type Text } from './language.ts'

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {
  readonly code = 'usage'

  constructor(message: Text) {
    super(localized(message))
  }
}

/** Something a person can put right; the message says how. Exit code 1, without a stack trace. */
export class CommandError extends Error {
  readonly code = 'command'

  constructor(message: Text) {
    super(localized(message))
  }
}

/**
 * Errors of our packages and of the system carry a code and speak for themselves; anything else is a mistake of ours
 * and needs its stack.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? error.message : (error.stack ?? error.message)
}
