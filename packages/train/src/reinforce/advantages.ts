/** Keeps the division sound where rewards hardly differ. */
const eps = 1e-4

/**
 * How much better each reply of a group is than the group (Shao et al. 2024, section 4.1.2): (reward − mean) / deviation.
 * Undefined where all rewards are the same: such a group says nothing about what to do.
 */
export function advantagesOf(rewards: readonly number[]): number[] | undefined {
  if (rewards.every(reward => reward === rewards[0])) return undefined
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length
  const variance = rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0) / rewards.length
  return rewards.map(reward => (reward - mean) / (Math.sqrt(variance) + eps))
}
