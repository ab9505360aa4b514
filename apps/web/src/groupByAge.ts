import type { Conversation } from './conversation.ts'

export type AgeGroup = 'today' | 'yesterday' | 'lastWeek' | 'earlier'

/** Conversations, newest first, by calendar days before `now` (milliseconds since 1970, in the reader's time zone). Empty groups are left out. */
export function groupByAge(conversations: readonly Conversation[], now: number) {
  const midnight = new Date(now).setHours(0, 0, 0, 0)
  const daysBefore = (days: number) => {
    const date = new Date(midnight)
    return date.setDate(date.getDate() - days)
  }
  const groupOf = ({ updatedAt }: Conversation): AgeGroup => {
    if (updatedAt >= midnight) return 'today'
    if (updatedAt >= daysBefore(1)) return 'yesterday'
    return updatedAt >= daysBefore(7) ? 'lastWeek' : 'earlier'
  }
  const groups = Map.groupBy(conversations, groupOf)
  return [...groups].map(([group, members]) => ({ group, members }))
}
