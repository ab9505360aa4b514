import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { f32s, i32, kernel } from '../kernel/kernel.ts'
import { sigmoid } from '../kernel/language.ts'
import type { Tensor } from '../tensor.ts'

/**
 * y[r,i] = silu(gate[r·row + i]) · up[r·row + upOffset + i] with silu(x) = x / (1 + e^−x). y: [rows, n].
 * Two matrices: row = n, upOffset = 0. One fused matrix [rows, 2n], gate first: gate = up, row = 2n, upOffset = n.
 */
export const swigluForward = kernel({
  name: 'swiglu',
  params: { gate: f32s, up: f32s, y: f32s, rows: i32, n: i32, row: i32, upOffset: i32 },
  reference({ gate, up, y, rows, n, row, upOffset }) {
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < n; i++) {
        const g = gate[r * row + i]!
        y[r * n + i] = (g / (1 + Math.exp(-g))) * up[r * row + upOffset + i]!
      }
    }
  },
  build(k, { gate, up, y, rows, n, row, upOffset }) {
    k.rows(rows, r => {
      const gates = gate.from(r.mul(row))
      const ups = up.from(r.mul(row).add(upOffset))
      const output = y.from(r.mul(n))
      k.lanes(n, i => {
        const g = gates.at(i)
        output.set(i, g.mul(sigmoid(g)).mul(ups.at(i)))
      })
    })
  },
  work: ({ rows, n }) => 8 * rows * n,
})

/**
 * With s = sigmoid(gate): dgate (add ? += : =) dy·up·s·(1 + gate·(1 − s)), dup (add ? += : =) dy·gate·s.
 * dgate and dup are laid out as gate and up in `swigluForward`; dy: [rows, n].
 */
export const swigluBackward = kernel({
  name: 'swiglu.backward',
  params: {
    gate: f32s,
    up: f32s,
    dy: f32s,
    dgate: f32s,
    dup: f32s,
    rows: i32,
    n: i32,
    row: i32,
    upOffset: i32,
    add: i32,
  },
  reference({ gate, up, dy, dgate, dup, rows, n, row, upOffset, add }) {
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < n; i++) {
        const atGate = r * row + i
        const atUp = atGate + upOffset
        const g = gate[atGate]!
        const s = 1 / (1 + Math.exp(-g))
        const upstream = dy[r * n + i]!
        dgate[atGate] = (add ? dgate[atGate]! : 0) + upstream * up[atUp]! * s * (1 + g * (1 - s))
        dup[atUp] = (add ? dup[atUp]! : 0) + upstream * g * s
      }
    }
  },
  build(k, { gate, up, dy, dgate, dup, rows, n, row, upOffset, add }) {
    const body = (adds: boolean) =>
      k.rows(rows, r => {
        const [gates, dgates] = [gate.from(r.mul(row)), dgate.from(r.mul(row))]
        const [ups, dups] = [up.from(r.mul(row).add(upOffset)), dup.from(r.mul(row).add(upOffset))]
        const upstream = dy.from(r.mul(n))
        k.lanes(n, i => {
          const g = gates.at(i)
          const s = sigmoid(g)
          const u = upstream.at(i)
          const dg = u
            .mul(ups.at(i))
            .mul(s)
            .mul(g.mul(k.real(1).sub(s)).add(1))
          const du = u.mul(g).mul(s)
          dgates.set(i, adds ? dgates.at(i).add(dg) : dg)
          dups.set(i, adds ? dups.at(i).add(du) : du)
        })
      })
    k.if(
      add.ne(0),
      () => body(true),
      () => body(false),
    )
  },
  work: ({ rows, n }) => 12 * rows * n,
})

export const swigluKernels = [swigluForward, swigluBackward]

/** silu(gate) · up, element by element (Shazeer 2020). gate, up: [rows, n]; returns [rows, n]. */
export function swiglu(gate: Tensor, up: Tensor): Tensor {
  requireShape(
    gate.shape.join() === up.shape.join(),
    () => `swiglu: gate [${gate.shape}] and up [${up.shape}] differ in shape`,
  )
  const { device } = gate
  const n = gate.shape.at(-1) ?? 1
  const layout = { rows: gate.size / n, n, row: n, upOffset: 0 }
  const y = device.temporary(gate.shape)
  device.run(swigluForward, { gate, up, y, ...layout })
  const tape = tapeOf(gate, up)
  tape?.record(y, () => {
    const dy = tape.gradient(y)
    const halves = [tape.sink(gate), tape.sink(up)] as const
    const add = Math.max(...halves.map(({ add }) => add))
    for (const { gradient, add: adds } of halves) if (adds < add) device.fill(gradient, 0)
    const [dgate, dup] = halves
    device.run(swigluBackward, { gate, up, dy, dgate: dgate.gradient, dup: dup.gradient, ...layout, add })
  })
  return y
}
