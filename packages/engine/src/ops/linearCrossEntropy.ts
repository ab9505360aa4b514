import { tapeOf } from '../autograd.ts'
import { EngineError, requireShape } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { countLabels, meanOf, softmaxLoss, softmaxLossBackward } from './crossEntropy.ts'
import { addOuter, multiply, multiplyTransposed } from './linear.ts'
import { accumulate } from './scale.ts'

export interface LinearCrossEntropyOptions {
  /** Multiplies the loss (and its gradients); 1 by default. */
  weight?: number
  /** Rows whose logits exist at one time; 256 by default. */
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
  const { weight = 1, chunk = 256 } = options
  const [classes, n] = w.shape as [number, number]
  const rows = labels.size
  requireShape(
    w.shape.length === 2 && x.size === rows * n && x.shape.at(-1) === n,
    () => `linearCrossEntropy: x [${x.shape}], w [${w.shape}] and labels [${labels.shape}] do not fit together`,
  )
  const { device } = x
  const count = countLabels(labels, classes)
  const loss = device.temporary([])
  if (count === 0) {
    device.fill(loss, 0)
    return loss
  }
  const tape = tapeOf(x, w)
  const matrix = x.reshape([rows, n])
  const flat = labels.reshape([rows])
  const lse = device.temporary([rows])
  const losses = device.temporary([rows])
  const logits = device.temporary([Math.min(chunk, rows), classes])
  const dx = tape && x.requiresGrad ? device.temporary([rows, n]) : undefined
  for (let from = 0; from < rows; from += chunk) {
    const to = Math.min(from + chunk, rows)
    const part = to - from
    const input = matrix.rows(from, to)
    const classification = { labels: flat.rows(from, to), lse: lse.rows(from, to), rows: part, n: classes }
    multiplyTransposed(input, w, logits, part, classes, n)
    device.run(softmaxLoss, { logits, losses: losses.rows(from, to), ...classification })
    if (!tape) continue
    const factor = weight / count
    device.run(softmaxLossBackward, { logits, dlogits: logits, ...classification, factor, add: 0 })
    if (dx) multiply(logits, w, dx.rows(from, to), part, classes, n, 0)
    if (w.requiresGrad) addOuter(logits, input, tape.gradient(w), part, classes, n)
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
    if (dx) device.run(accumulate, { x: dx, y: tape.gradient(x), n: rows * n, factor })
  })
  return loss
}
