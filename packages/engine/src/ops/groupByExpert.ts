import { i32, i32s, kernel } from '../kernel/kernel.ts'
import type { Tensor } from '../tensor.ts'

/**
 * Sorts the choices of all rows by expert (a stable counting sort): expert e gets the slots offsets[e] to
 * offsets[e+1] (exclusive); tokens[slot] is the row in it, slots[r,j] the slot of choice j of row r.
 * chosen, slots: [rows, topk]; counts: [experts]; offsets: [experts + 1]; tokens: [rows·topk].
 */
export const groupByExpertKernel = kernel({
  name: 'groupByExpert',
  params: { chosen: i32s, counts: i32s, offsets: i32s, tokens: i32s, slots: i32s, rows: i32, topk: i32, experts: i32 },
  reference({ chosen, counts, offsets, tokens, slots, rows, topk, experts }) {
    for (let e = 0; e < experts; e++) counts[e] = 0
    for (let i = 0; i < rows * topk; i++) counts[chosen[i]!]!++
    offsets[0] = 0
    for (let e = 0; e < experts; e++) offsets[e + 1] = offsets[e]! + counts[e]!
    // offsets[e] walks to the start of expert e+1 while its slots are given out, then everything moves back by one.
    for (let i = 0; i < rows * topk; i++) {
      const slot = offsets[chosen[i]!]!++
      tokens[slot] = Math.floor(i / topk)
      slots[i] = slot
    }
    for (let e = experts; e > 0; e--) offsets[e] = offsets[e - 1]!
    offsets[0] = 0
  },
  build(k, { chosen, counts, offsets, tokens, slots, rows, topk, experts }) {
    // One thread: the sort is sequential, and small beside the products that it prepares.
    k.tasks(1, () => {
      k.loop(0, experts, e => counts.set(e, 0))
      k.loop(0, rows.mul(topk), i => {
        const expert = chosen.at(i)
        counts.set(expert, counts.at(expert).add(1))
      })
      offsets.set(0, 0)
      k.loop(0, experts, e => offsets.set(e.add(1), offsets.at(e).add(counts.at(e))))
      k.loop(0, rows, r => {
        k.loop(r.mul(topk), r.add(1).mul(topk), i => {
          const expert = chosen.at(i)
          const slot = offsets.at(expert)
          offsets.set(expert, slot.add(1))
          tokens.set(slot, r)
          slots.set(i, slot)
        })
      })
      k.loop(0, experts, i => offsets.set(experts.sub(i), offsets.at(experts.sub(i).sub(1))))
      offsets.set(0, 0)
    })
  },
  // So that it never asks for more threads.
  work: () => 0,
})

export const groupByExpertKernels = [groupByExpertKernel]

/** Which rows go to which expert, sorted by expert. All i32; see `groupByExpertKernel` for the meaning. */
export interface ExpertGroups {
  /** Rows that chose each expert, [experts]: the load. */
  counts: Tensor
  offsets: Tensor
  tokens: Tensor
  slots: Tensor
}

/** chosen: i32 [rows, topk], each in 0…experts−1. */
export function groupByExpert(chosen: Tensor, experts: number): ExpertGroups {
  const { device } = chosen
  const [rows, topk] = chosen.shape as [number, number]
  const counts = device.temporary([experts], 'i32')
  const offsets = device.temporary([experts + 1], 'i32')
  const tokens = device.temporary([rows * topk], 'i32')
  const slots = device.temporary([rows, topk], 'i32')
  device.run(groupByExpertKernel, { chosen, counts, offsets, tokens, slots, rows, topk, experts })
  return { counts, offsets, tokens, slots }
}
