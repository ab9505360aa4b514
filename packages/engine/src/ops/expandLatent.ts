import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { f32s, i32, kernel } from '../kernel/kernel.ts'
import type { Int, Reals } from '../kernel/language.ts'
import type { Tensor } from '../tensor.ts'

const sizes = { rows: i32, heads: i32, keyDim: i32, valueDim: i32, ropeDim: i32 } as const

/**
 * k[r,h,:] = (kv[r,h,:keyDim], kr[r,:]), v[r,h,:] = kv[r,h,keyDim:].
 * kv: [rows, heads, keyDim + valueDim]; kr: [rows, ropeDim]; k: [rows, heads, keyDim + ropeDim]; v: [rows, heads, valueDim].
 */
const forward = kernel({
  name: 'expandLatent',
  params: { kv: f32s, kr: f32s, k: f32s, v: f32s, ...sizes },
  reference({ kv, kr, k, v, rows, heads, keyDim, valueDim, ropeDim }) {
    for (let r = 0; r < rows; r++) {
      for (let h = 0; h < heads; h++) {
        const head = r * heads + h
        for (let i = 0; i < keyDim; i++) k[head * (keyDim + ropeDim) + i] = kv[head * (keyDim + valueDim) + i]!
        for (let i = 0; i < ropeDim; i++) k[head * (keyDim + ropeDim) + keyDim + i] = kr[r * ropeDim + i]!
        for (let i = 0; i < valueDim; i++) v[head * valueDim + i] = kv[head * (keyDim + valueDim) + keyDim + i]!
      }
    }
  },
  build(k, { kv, kr, k: keys, v, rows, heads, keyDim, valueDim, ropeDim }) {
    k.rows(rows, r => {
      const rope = kr.from(r.mul(ropeDim))
      k.loop(0, heads, h => {
        const head = r.mul(heads).add(h)
        const from = kv.from(head.mul(keyDim.add(valueDim)))
        const fromValue = from.from(keyDim)
        const key = keys.from(head.mul(keyDim.add(ropeDim)))
        const keyRope = key.from(keyDim)
        const value = v.from(head.mul(valueDim))
        k.lanes(keyDim, i => key.set(i, from.at(i)))
        k.lanes(ropeDim, i => keyRope.set(i, rope.at(i)))
        k.lanes(valueDim, i => value.set(i, fromValue.at(i)))
      })
    })
  },
  work: ({ rows, heads, keyDim, valueDim, ropeDim }) => rows * heads * (keyDim + valueDim + ropeDim),
})

/**
 * dkv (addKv ? += : =) (dk without its rotary part, dv); dkr[r,:] (addKr ? += : =) Σ_h of the rotary part of dk. Shapes as
 * in the forward kernel.
 */
const backward = kernel({
  name: 'expandLatent.backward',
  params: { dk: f32s, dv: f32s, dkv: f32s, dkr: f32s, ...sizes, addKv: i32, addKr: i32 },
  reference({ dk, dv, dkv, dkr, rows, heads, keyDim, valueDim, ropeDim, addKv, addKr }) {
    if (!addKv) dkv.fill(0)
    if (!addKr) dkr.fill(0)
    for (let r = 0; r < rows; r++) {
      for (let h = 0; h < heads; h++) {
        const head = r * heads + h
        for (let i = 0; i < keyDim; i++) dkv[head * (keyDim + valueDim) + i]! += dk[head * (keyDim + ropeDim) + i]!
        for (let i = 0; i < ropeDim; i++) dkr[r * ropeDim + i]! += dk[head * (keyDim + ropeDim) + keyDim + i]!
        for (let i = 0; i < valueDim; i++) dkv[head * (keyDim + valueDim) + keyDim + i]! += dv[head * valueDim + i]!
      }
    }
  },
  build(k, { dk, dv, dkv, dkr, rows, heads, keyDim, valueDim, ropeDim, addKv, addKr }) {
    const send = (to: Reals, from: Reals, n: Int, add: Int) =>
      k.if(
        add.ne(0),
        () => k.lanes(n, i => to.set(i, to.at(i).add(from.at(i)))),
        () => k.lanes(n, i => to.set(i, from.at(i))),
      )
    k.rows(rows, r => {
      const rope = dkr.from(r.mul(ropeDim))
      k.loop(0, heads, h => {
        const head = r.mul(heads).add(h)
        const key = dk.from(head.mul(keyDim.add(ropeDim)))
        const target = dkv.from(head.mul(keyDim.add(valueDim)))
        send(target, key, keyDim, addKv)
        send(rope, key.from(keyDim), ropeDim, addKr.max(h))
        send(target.from(keyDim), dv.from(head.mul(valueDim)), valueDim, addKv)
      })
    })
  },
  work: ({ rows, heads, keyDim, valueDim, ropeDim }) => rows * heads * (keyDim + valueDim + ropeDim),
})

export const expandLatentKernels = [forward, backward]

/**
 * The keys and values of multi-head latent attention from the up-projected latent and the rotary part that all heads
 * share (DeepSeek-V2, eq. 14 to 17). kv: [rows, heads, keyDim + valueDim]; kr: [rows, ropeDim];
 * returns k: [rows, heads, keyDim + ropeDim] and v: [rows, heads, valueDim].
 */
export function expandLatent(kv: Tensor, kr: Tensor, keyDim: number): { k: Tensor; v: Tensor } {
  const [rows, heads, width] = kv.shape as [number, number, number]
  const ropeDim = kr.size / rows
  const valueDim = width - keyDim
  requireShape(
    kv.shape.length === 3 && Number.isInteger(ropeDim) && valueDim > 0,
    () => `expandLatent: kv [${kv.shape}], kr [${kr.shape}] and keys of ${keyDim} do not fit together`,
  )
  const { device } = kv
  const k = device.temporary([rows, heads, keyDim + ropeDim])
  const v = device.temporary([rows, heads, valueDim])
  const shape = { rows, heads, keyDim, valueDim, ropeDim }
  device.run(forward, { kv, kr, k, v, ...shape })
  const tape = tapeOf(kv, kr)
  if (tape) {
    v.requiresGrad = true
    tape.record(k, () => {
      const [dk, dv] = [tape.gradient(k), tape.gradient(v)]
      const [toKv, toKr] = [tape.sink(kv), tape.sink(kr)]
      const adds = { addKv: toKv.add, addKr: toKr.add }
      device.run(backward, { dk, dv, dkv: toKv.gradient, dkr: toKr.gradient, ...adds, ...shape })
    })
  }
  return { k, v }
}
