/**
 * A token bucket: it holds `perMinute` at most, fills evenly in a minute, and what is used is taken out. So a client may
 * use a whole minute's worth at once, and on average never more than its rate. The level may go below zero (the length
 * of an answer is known only afterwards), and is then to be filled up first.
 */
export interface Bucket {
  readonly level: number
  readonly filledAt: number
}

const minute = 60_000

/**
 * The bucket at `now`, in milliseconds. Only the clock's difference counts, and no more than fills the bucket: a clock
 * that jumps ahead gives one minute's worth, one that jumps back gives nothing, and time goes on from there. Within a
 * minute, back is no jump: another transaction has read the clock later and come first, and that time is not given twice.
 */
export function fill({ level, filledAt }: Bucket, perMinute: number, now: number): Bucket {
  if (now < filledAt) return { level, filledAt: filledAt - now < minute ? filledAt : now }
  return { level: Math.min(perMinute, level + perMinute * ((now - filledAt) / minute)), filledAt: now }
}

/** Milliseconds until the bucket holds `level`. */
export const fillTime = (bucket: Bucket, perMinute: number, level: number): number =>
  Math.max(0, Math.ceil(((level - bucket.level) / perMinute) * minute))
