import { tapeOf } from '../autograd.ts'
import { requireShape } from '../errors.ts'
import { decodingRows } from '../kernel/product/rows.ts'
import type { Tensor } from '../tensor.ts'
import { combine, combineBackwardRows, combineBackwardWeights, sumSlots } from './combine.ts'
import { gatherRows } from './embedding.ts'
import { expertSums, expertUnits } from './fewRowsExperts.ts'
import { groupedMatmul, groupedOuter } from './groupedMatmul.ts'
import { linearAdd } from './linearAdd.ts'
import type { Routing } from './router.ts'
import { swigluBackward, swigluForward } from './swiglu.ts'
import { swigluLinear } from './swigluLinear.ts'

/** An expert that every row goes through. gate, up: [S, H]; down: [H, S]. */
export interface SharedExpert {
  gate: Tensor
  up: Tensor
  down: Tensor
}

/**
 * A mixture of experts: y[r] = Σ_j weights[r,j] · expert_e(x[r]) + shared(x[r]), e = experts[r,j], where an expert is
 * down(silu(gate·x) · up·x). x: [rows, H]; gateUp: [E, 2I, H], gate first; down: [E, H, I]; returns [rows, H]. Rows are
 * sorted by expert, so that each expert's weights are read once; experts without rows cost nothing.
 */
export function experts(x: Tensor, routing: Routing, gateUp: Tensor, down: Tensor, shared?: SharedExpert): Tensor {
  const [rows, H] = x.shape as [number, number]
  const [count, , I] = down.shape as [number, number, number]
  const { weights } = routing
  requireShape(
    gateUp.shape.join() === [count, 2 * I, H].join() && down.shape[1] === H,
    () => `experts: gateUp [${gateUp.shape}] and down [${down.shape}] do not fit the input [${x.shape}]`,
  )
  requireShape(
    weights.shape[0] === rows && routing.count === count,
    () =>
      `experts: a routing of ${weights.shape[0]} rows to ${routing.count} experts, but ${rows} rows and ${count} experts`,
  )
  const few = x.shape[0]! <= decodingRows && !tapeOf(x, weights, gateUp, down, shared?.gate, shared?.up, shared?.down)
  if (few) return fewRowsExperts(x, routing, gateUp, down, shared)
  const routed = routedExperts(x, routing, gateUp, down)
  return shared ? linearAdd(swigluLinear(x, shared.gate, shared.up), shared.down, routed) : routed
}

/** The experts that were chosen, in products over all rows of an expert. */
function routedExperts(x: Tensor, routing: Routing, gateUp: Tensor, down: Tensor): Tensor {
  const { device } = x
  const [rows, H] = x.shape as [number, number]
  const [count, , I] = down.shape as [number, number, number]
  const { weights } = routing
  const topk = weights.shape[1]!
  const { slots, tokens, offsets } = routing.groups()
  const used = rows * topk
  const gathered = device.temporary([used, H])
  const hidden = device.temporary([used, 2 * I])
  const active = device.temporary([used, I])
  const z = device.temporary([used, H])
  const y = device.temporary([rows, H])
  const fused = { rows: used, n: I, row: 2 * I, upOffset: I }
  const group = { offsets, experts: count }
  const inputs = { bBatch: 2 * I * H, bRow: 1, bCol: H }
  const outputs = { bBatch: H * I, bRow: 1, bCol: I }
  device.run(gatherRows, { w: x, ids: tokens, y: gathered, rows: used, n: H })
  device.run(groupedMatmul, { a: gathered, b: gateUp, c: hidden, ...group, n: 2 * I, k: H, ...inputs, add: 0 })
  device.run(swigluForward, { gate: hidden, up: hidden, y: active, ...fused })
  device.run(groupedMatmul, { a: active, b: down, c: z, ...group, n: H, k: I, ...outputs, add: 0 })
  device.run(combine, { z, weights, slots, y, rows, topk, n: H })

  const tape = tapeOf(x, weights, gateUp, down)
  tape?.record(y, () => {
    const dy = tape.gradient(y)
    const sizes = { slots, rows, topk, n: H }
    if (weights.requiresGrad) device.run(combineBackwardWeights, { dy, z, dweights: tape.gradient(weights), ...sizes })
    if (!x.requiresGrad && !gateUp.requiresGrad && !down.requiresGrad) return
    const dz = device.temporary([used, H])
    device.run(combineBackwardRows, { dy, weights, dz, ...sizes })
    if (down.requiresGrad) device.run(groupedOuter, { a: dz, b: active, c: tape.gradient(down), ...group, m: H, n: I })
    if (!x.requiresGrad && !gateUp.requiresGrad) return
    const dactive = device.temporary([used, I])
    device.run(groupedMatmul, {
      a: dz,
      b: down,
      c: dactive,
      ...group,
      n: I,
      k: H,
      bBatch: H * I,
      bRow: I,
      bCol: 1,
      add: 0,
    })
    const dhidden = device.temporary([used, 2 * I])
    device.run(swigluBackward, {
      gate: hidden,
      up: hidden,
      dy: dactive,
      dgate: dhidden,
      dup: dhidden,
      ...fused,
      add: 0,
    })
    if (gateUp.requiresGrad) {
      device.run(groupedOuter, { a: dhidden, b: gathered, c: tape.gradient(gateUp), ...group, m: 2 * I, n: H })
    }
    if (!x.requiresGrad) return
    const ds = device.temporary([used, H])
    const back = { bBatch: 2 * I * H, bRow: H, bCol: 1 }
    device.run(groupedMatmul, { a: dhidden, b: gateUp, c: ds, ...group, n: H, k: 2 * I, ...back, add: 0 })
    const { gradient: dx, add } = tape.destination(x)
    device.run(sumSlots, { ds, dx, ...sizes, add })
  })
  return y
}

/** All of it for a few rows, in two kernels. */
function fewRowsExperts(x: Tensor, routing: Routing, gateUp: Tensor, down: Tensor, shared?: SharedExpert): Tensor {
  const { device } = x
  const { experts, weights } = routing
  const [rows, n] = x.shape as [number, number]
  const [count, , units] = down.shape as [number, number, number]
  const topk = weights.shape[1]!
  const sharedUnits = shared?.gate.shape[0] ?? 0
  const active = device.temporary([rows, topk, units])
  const sharedActive = device.temporary([rows, sharedUnits])
  const y = device.temporary([rows, n])
  // Without a shared expert nothing is read where its weights would be.
  const { gate, up, down: sharedDown } = shared ?? { gate: gateUp, up: gateUp, down }
  const shape = { rows, topk, count, units, sharedUnits, n }
  expertUnits.run(device, {
    x,
    gateUp,
    experts,
    weights,
    active,
    sharedGate: gate,
    sharedUp: up,
    sharedActive,
    ...shape,
  })
  expertSums.run(device, { active, down, experts, sharedActive, sharedDown, y, ...shape })
  return y
}
