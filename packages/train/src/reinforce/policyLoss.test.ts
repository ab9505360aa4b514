import { describe, expect, test } from 'vitest'
import { policyLoss } from './policyLoss.ts'

const settings = { clipRange: 0.2, klWeight: 0.1 }

describe('policyLoss', () => {
  test('its slope is that of finite differences, clipped or not', () => {
    const eps = 1e-6
    for (const advantage of [-1.5, 0, 0.7]) {
      for (const now of [-3, -1.02, -1, -0.9, -0.01]) {
        const token = { advantage, old: -1, reference: -1.4 }
        const [above, below] = [now + eps, now - eps].map(p => policyLoss(p, token, settings).loss)
        expect(policyLoss(now, token, settings).slope).toBeCloseTo((above! - below!) / (2 * eps), 6)
      }
    }
  })

  test('what is better than the group is clipped above, what is worse below, and only there', () => {
    const clipped = (advantage: number, ratio: number) =>
      policyLoss(Math.log(ratio) - 2, { advantage, old: -2 }, settings).clipped
    expect([0.5, 0.79, 1, 1.19, 1.21].map(ratio => clipped(1, ratio))).toEqual([false, false, false, false, true])
    expect([0.5, 0.79, 0.81, 1, 3].map(ratio => clipped(-1, ratio))).toEqual([true, true, false, false, false])
  })

  test('without old and reference it is the plain policy gradient', () => {
    expect(policyLoss(-0.3, { advantage: 2 }, settings)).toEqual({ loss: -2, slope: -2, kl: 0, clipped: false })
  })

  test('the divergence has the mean KL(policy ‖ reference) over the policy’s tokens', () => {
    const [policy, reference] = [
      [0.7, 0.2, 0.1],
      [0.5, 0.1, 0.4],
    ]
    let mean = 0
    let divergence = 0
    for (const [v, p] of policy!.entries()) {
      const q = reference![v]!
      mean += p * policyLoss(Math.log(p), { advantage: 0, reference: Math.log(q) }, settings).kl
      divergence += p * Math.log(p / q)
    }
    expect(mean).toBeCloseTo(divergence, 12)
  })
})
