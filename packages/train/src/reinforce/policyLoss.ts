/** A token of a reply, as the loss sees it. Log-probabilities in nats. */
export interface PolicyToken {
  /** Of the reply it stands in. */
  readonly advantage: number
  /** Under the weights that drew it; absent where these are the present ones. */
  readonly old?: number | undefined
  /** Under the model that the stage began with; absent where there is no penalty. */
  readonly reference?: number | undefined
}

export interface PolicyLossSettings {
  readonly clipRange: number
  readonly klWeight: number
}

export interface PolicyLoss {
  readonly loss: number
  /** The derivative of `loss` by the log-probability. */
  readonly slope: number
  /** The token's part of the estimate of the divergence from the reference. */
  readonly kl: number
  /** Whether the ratio has left the range, so that the reward has no say. */
  readonly clipped: boolean
}

/**
 * The loss of one token of a reply with log-probability `now` (GRPO: Shao et al. 2024, equations 3 and 4), to be minimised:
 *
 *     −min(ρ·A, clip(ρ, 1 − ε, 1 + ε)·A) + β·(exp(r − now) − (r − now) − 1)
 *
 * with ρ = exp(now − old), the advantage A, the clip range ε, the weight β of the divergence and the reference's
 * log-probability r. The last term, never negative, has the divergence KL(policy ‖ reference) as its mean over the
 * policy's own tokens (k3 of Schulman 2020, "Approximating KL divergence"). Its slope is
 *
 *     −ρ·A·[not clipped] + β·(1 − exp(r − now))
 */
export function policyLoss(
  now: number,
  { advantage, old = now, reference = now }: PolicyToken,
  { clipRange, klWeight }: PolicyLossSettings,
): PolicyLoss {
  const ratio = Math.exp(now - old)
  const bounded = Math.min(1 + clipRange, Math.max(1 - clipRange, ratio))
  const clipped = bounded * advantage < ratio * advantage
  const surrogate = (clipped ? bounded : ratio) * advantage
  const lead = Math.exp(reference - now)
  const kl = lead - (reference - now) - 1
  return {
    loss: klWeight * kl - surrogate,
    slope: klWeight * (1 - lead) - (clipped ? 0 : surrogate),
    kl,
    clipped,
  }
}
