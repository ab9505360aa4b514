import type { Reply } from '../generation.ts'
import type { Entry } from './ledger.ts'

/** The reply, with its tokens entered in the ledger before they go out. Each prompt has `n` answers. */
export const metered = (reply: Reply, entry: Entry, n = 1): Reply => ({
  ...reply,
  answers: reply.answers.map(
    (start, index) => hooks => entry.record(usage => start({ ...hooks, usage }), index % n === 0),
  ),
})
