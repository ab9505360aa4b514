import type { Usage } from '@modu/model'
import type { Hooks, Reply } from '../generation.ts'
import type { Entry } from './ledger.ts'

/** The reply, with its tokens entered in the ledger before they go out. Each prompt has `n` answers. */
export const metered = (reply: Reply, entry: Entry, n = 1): Reply => ({
  ...reply,
  answers: reply.answers.map((start, index) => hooks => {
    // What a reply gets from the server it hands to the model, which counts in `usage`.
    const counting = (usage: Usage): Hooks & { usage: Usage } => ({ ...hooks, usage })
    return entry.record(usage => start(counting(usage)), index % n === 0)
  }),
})
