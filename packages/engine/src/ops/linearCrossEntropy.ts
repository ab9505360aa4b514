import { tapeOf } from '../autograd.ts'
import { EngineError } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { meanOf, softmaxLoss, softmaxLossInPlace } from './crossEntropy.ts'
import { scatterAddRows } from './embedding.ts'
import { labelledRows } from './labelledRows.ts'
import { addOuter, multiply, multiplyTransposed } from './linear.ts'
import { scale } from './scale.ts'

export interface LinearCrossEntropyOptions {
  /** Multiplies the loss (and its gradients); 1 by default. */
  weight?: number
  /** Rows whose logits exist at one time; 512 by default. */
  chunk?: number
}

/**
 * weight · crossEntropy(x·wᵀ, labels), chunk by chunk of rows, so that only a chunk of the logits ever exists.
 * x: [rows, n]; w: [V, n]; labels: i32 [rows], −100 is ignored; returns a scalar, 0 if all labels are ignored.
 *
 * With a tape, the gradients are made during the forward pass, while the logits are there. They assume that the loss
 * is used with a gradient of 1 (as it is in a sum of losses; use `weight` to weigh it): w's gradient is added at once.
 * If w takes part and another gradient arrives, `backward` throws a `gradient` error.
 */
export function linearCrossEntropy(
  x: Tensor,
  w: Tensor,
  labels: Tensor,
  options: LinearCrossEntropyOptions = {},
): Tensor {
  const { weight = 1, chunk = 512 } = options
  const { count, ids, targets, input } = labelledRows('linearCrossEntropy', x, w, labels)
  const [classes, n] = w.shape as [number, number]
  const { device } = x
  const loss = device.temporary([])
  if (count === 0) {
    device.fill(loss, 0)
    return loss
  }
  const tape = tapeOf(x, w)
  const lse = device.temporary([count])
  const losses = device.temporary([count])
  const logits = device.temporary([Math.min(chunk, count), classes])
  const dinput = tape && x.requiresGrad ? device.temporary([count, n]) : undefined
  for (let from = 0; from < count; from += chunk) {
    const to = Math.min(from + chunk, count)
    const rows = to - from
    const part = input.rows(from, to)
    const classification = { logits, labels: targets.rows(from, to), losses: losses.rows(from, to), rows, n: classes }
    multiplyTransposed(part, w, logits, rows, classes, n)
    if (!tape) {
      device.run(softmaxLoss, { ...classification, lse: lse.rows(from, to) })
      continue
    }
    device.run(softmaxLossInPlace, { ...classification, factor: weight / count })
    if (dinput) multiply(logits, w, dinput.rows(from, to), rows, classes, n, 0)
    if (w.requiresGrad) addOuter(logits, part, tape.gradient(w), rows, classes, n)
  }
  device.fill(loss, weight * meanOf(losses, count))
  tape?.record(loss, () => {
    const factor = tape.gradient(loss).reals[0]!
    if (w.requiresGrad && factor !== 1) {
      throw new EngineError(
        'gradient',
        `linearCrossEntropy needs an upstream gradient of 1, got ${factor}; use \`weight\``,
      )
    }
    if (!dinput) return
    const dy = factor === 1 ? dinput : scale(dinput, factor)
    device.run(scatterAddRows, { dy, ids, dw: tape.gradient(x), rows: count, n })
  })
  return loss
}
